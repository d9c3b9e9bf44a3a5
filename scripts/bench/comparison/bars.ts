/**
 * What the store is measured against: in each workload the best peer of a class,
 * and for most a ratio that it is to reach. Variants of this store, and the one
 * behind a big lock, are no peers; nor in memory is a store that was given less.
 */
import { contenders } from "../stores/contenders.ts"
import type { Contender, Family } from "../stores/contenders.ts"
import type { Workload } from "../workloads/Workload.ts"
import { metricNamed, ratioOf } from "./metrics.ts"
import type { Results } from "./Results.ts"

/** The store that all of this is about. */
export const ours = "effect-lsm"

interface Bar {
  readonly workload: string
  readonly metric: string
  readonly title: string
  /** The least ratio; undefined: it is only shown. */
  readonly least?: number
  readonly families: ReadonlyArray<Family>
  /** Workloads in which a peer may have its best figure; else the bar's own. */
  readonly peerWorkloads?: ReadonlyArray<string>
  /** What makes the best peer, if not the figure that is compared. */
  readonly bestBy?: string
}

const lsm: ReadonlyArray<Family> = ["lsm"]
const all: ReadonlyArray<Family> = ["lsm", "tree"]
const asynchronousGets = ["readrandom-1", "readrandom-256"]
const allGets = [...asynchronousGets, "readrandom-sync"]

const rate = (workload: string, least: number, families = all): Bar => ({
  workload,
  metric: "rate",
  title: families === lsm ? `${workload}, LSM peers` : workload,
  least,
  families
})

const bars: ReadonlyArray<Bar> = [
  rate("fillseq", 2, lsm),
  { workload: "fillseq", metric: "rate", title: "fillseq, all peers", families: all },
  rate("fillrandom", 3),
  { workload: "fillrandom", metric: "memory", title: "fillrandom, memory, LSM peers", least: 1, families: lsm },
  { workload: "fillrandom", metric: "disk", title: "fillrandom, bytes on disk, LSM peers", least: 1, families: lsm },
  rate("fillbatch", 1.5),
  rate("fillsync-1", 1),
  rate("fillsync-16", 2.5),
  rate("fillsync-256", 5),
  rate("fillsync-1024", 5),
  { workload: "overwrite", metric: "rate", title: "overwrite", families: all },
  { workload: "overwrite", metric: "disk", title: "overwrite, bytes on disk, LSM peers", least: 1, families: lsm },
  ...asynchronousGets.flatMap((workload): ReadonlyArray<Bar> => [
    {
      workload,
      metric: "rate",
      title: `${workload}, any call of a peer`,
      least: 1,
      families: all,
      peerWorkloads: allGets
    },
    {
      workload,
      metric: "rate",
      title: `${workload}, asynchronous calls`,
      least: 3,
      families: all,
      peerWorkloads: asynchronousGets
    }
  ]),
  { workload: "readrandom-1", metric: "memory", title: "readrandom-1, memory, LSM peers", least: 1, families: lsm },
  rate("readmissing", 2.5),
  rate("readseq", 2.5),
  rate("range-100", 3),
  { workload: "readwhilewriting", metric: "getP99", title: "readwhilewriting, get p99", least: 1, families: all },
  {
    workload: "readwhilewriting",
    metric: "rate",
    title: "readwhilewriting, puts of that peer",
    least: 2,
    families: all,
    bestBy: "getP99"
  },
  {
    workload: "readwhilewriting",
    metric: "getP99",
    title: "readwhilewriting, get p99, LSM peers",
    least: 10,
    families: lsm
  },
  { workload: "compact", metric: "milliseconds", title: "compact, LSM peers", families: lsm },
  { workload: "open-killed", metric: "opening", title: "open-killed, LSM peers", least: 1, families: lsm }
]

/** Those of a workload, or one without a ratio to reach. */
const barsOf = ({ isBig, metric, name }: Workload): ReadonlyArray<Bar> => {
  const found = bars.filter(({ workload }) => workload === name)
  return found.length > 0
    ? found
    : [{ workload: name, metric, title: isBig === true ? `${name}, LSM peers` : name, families: all }]
}

export interface Figure {
  readonly store: string
  readonly value: number
}

export interface Standing {
  readonly workload: string
  readonly metric: string
  readonly title: string
  readonly ours: number
  readonly best: Figure
  /** Of every peer that counts, its best figure; the best one first. */
  readonly peers: ReadonlyArray<Figure>
  /** How many times better than the best peer. */
  readonly ratio: number
  readonly least: number | undefined
  readonly isMet: boolean | undefined
}

const standing = (bar: Bar, results: Results): Standing | undefined => {
  const { least, metric, title, workload } = bar
  const sign = (name: string): number => metricNamed(name).better === "more" ? -1 : 1
  const bestBy = bar.bestBy ?? metric
  const own = results.median(workload, ours, metric)
  const isPeer = ({ budgets, family }: Contender): boolean =>
    bar.families.includes(family) && (metric !== "memory" || budgets === "equal")
  const peers = contenders.filter(isPeer).flatMap(({ name }) => {
    const found = (bar.peerWorkloads ?? [workload]).flatMap((each) => {
      const value = results.median(each, name, metric)
      const by = results.median(each, name, bestBy)
      return value === undefined || by === undefined ? [] : [{ store: name, value, by }]
    })
    return found.sort((a, b) => sign(bestBy) * (a.by - b.by)).slice(0, 1)
  }).sort((a, b) => sign(bestBy) * (a.by - b.by))
  const [best] = peers
  if (own === undefined || best === undefined) return undefined
  const ratio = ratioOf(metric, own, best.value)
  return {
    workload,
    metric,
    title,
    ours: own,
    best: { store: best.store, value: best.value },
    peers: peers.map(({ store, value }) => ({ store, value })),
    ratio,
    least,
    isMet: least === undefined ? undefined : ratio >= least
  }
}

/** Where the store stands in the workloads that ran. */
export const standings = (workloads: ReadonlyArray<Workload>, results: Results): ReadonlyArray<Standing> =>
  workloads.flatMap((workload) =>
    barsOf(workload).map((bar) => standing(bar, results)).filter((found) => found !== undefined)
  )
