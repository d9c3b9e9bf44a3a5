/** The benchmark's command line. */
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { peerNames } from "./stores/contenders.ts"

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string" },
    seconds: { type: "string" },
    records: { type: "string" },
    fibers: { type: "string", default: "64" },
    peers: { type: "string", default: peerNames.join(",") },
    workers: { type: "string", default: "2" },
    directory: { type: "string", default: join(tmpdir(), "effect-lsm-bench") },
    json: { type: "string" },
    chart: { type: "string" },
    quick: { type: "boolean", default: false },
    "sync-microseconds": { type: "string" }
  }
})

const optional = (text: string | undefined): number | undefined => text === undefined ? undefined : Number(text)

/** What is not given, each workload has its own default for. */
export interface Settings {
  readonly rounds: number
  readonly seconds: number | undefined
  readonly records: number | undefined
  /** Of writers, where the workload does not say how many. */
  readonly fibers: number
  /** Names of peers, as the command line has them. */
  readonly peers: ReadonlyArray<string>
  /** Of this store: threads for background work. */
  readonly workers: 0 | 2
  /** Where stores are made. */
  readonly directory: string
  /** Files of results. */
  readonly json: string
  readonly chart: string
  /** Each sync of this store takes at least so long. */
  readonly syncMicroseconds: number | undefined
}

/** Enough to see that everything works, and for nothing else. */
const quick = { rounds: 1, seconds: 0.1, records: 2000 }

/** A quick look does not write over what a run of an hour has found. */
const resultsName = values.quick ? "quick" : "results"

export const settings: Settings = {
  rounds: optional(values.rounds) ?? (values.quick ? quick.rounds : 3),
  seconds: optional(values.seconds) ?? (values.quick ? quick.seconds : undefined),
  records: optional(values.records) ?? (values.quick ? quick.records : undefined),
  fibers: Number(values.fibers),
  peers: values.peers.split(",").filter((name) => name !== ""),
  workers: values.workers === "0" ? 0 : 2,
  directory: values.directory,
  json: values.json ?? join(values.directory, `${resultsName}.json`),
  chart: values.chart ?? join(values.directory, `${resultsName}.svg`),
  syncMicroseconds: optional(values["sync-microseconds"])
}

/** Names of the workloads to run, or what several of them begin with; none: all that compare stores. */
export const chosenNames: ReadonlyArray<string> = positionals
