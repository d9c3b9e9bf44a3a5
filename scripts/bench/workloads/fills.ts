/** Writes into a store that is empty, and over what it holds. */
import { Effect } from "effect"
import { shuffled } from "../records.ts"
import type { Manner } from "../stores/Store.ts"
import { measured } from "./measured.ts"
import { contentOf, putRecords, writeRecords } from "./puts.ts"
import type { Puts } from "./puts.ts"
import type { Bench, Outcome, Workload } from "./Workload.ts"

const inFlight = 256

const fill = <M extends Manner>(bench: Bench<M>, puts: Omit<Puts, "count">): Effect.Effect<Outcome> =>
  Effect.map(
    measured(putRecords(bench.store, { ...puts, count: bench.records })),
    (phase) => ({ phase, content: contentOf(phase.operations, puts) })
  )

const common = { durability: "buffered", start: "empty", operations: "puts", metric: "rate" } as const

const fillSync = (fibers: number): Workload => ({
  ...common,
  name: `fillsync-${fibers}`,
  title: `puts in random order, synced before they are acknowledged, ${fibers} in flight`,
  durability: "sync",
  run: (bench) => fill(bench, { fibers, milliseconds: bench.milliseconds })
})

export const fills: ReadonlyArray<Workload> = [
  {
    ...common,
    name: "fillseq",
    title: `puts in the order of the keys, one each, ${inFlight} in flight`,
    settles: true,
    run: (bench) => fill(bench, { fibers: inFlight, order: "sequential" })
  },
  {
    ...common,
    name: "fillrandom",
    title: `puts in random order, one each, ${inFlight} in flight`,
    settles: true,
    run: (bench) => fill(bench, { fibers: inFlight })
  },
  {
    ...common,
    name: "fillbatch",
    title: "puts in random order, in batches of 1,000",
    settles: true,
    run: (bench) =>
      Effect.map(
        measured(writeRecords(bench.store, bench.records)),
        (phase) => ({ phase, content: contentOf(bench.records) })
      )
  },
  ...[1, 16, 256, 1024].map(fillSync),
  {
    ...common,
    name: "overwrite",
    title: `puts over every record, in random order, ${inFlight} in flight`,
    start: "loaded copy",
    settles: true,
    run: (bench) => {
      const { records } = bench
      return fill(bench, { fibers: inFlight, generation: 1, recordOf: (turn) => shuffled(turn, records) })
    }
  }
]

export const bigFill: Workload = {
  ...common,
  name: "big-fillrandom",
  title: `ten times as many puts in random order, ${inFlight} in flight`,
  settles: true,
  scale: 10,
  cacheShare: 0.1,
  isBig: true,
  run: (bench) => fill(bench, { fibers: inFlight })
}
