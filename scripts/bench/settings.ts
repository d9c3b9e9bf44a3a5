/** The benchmark's command line. */
import { tmpdir } from "node:os"
import { parseArgs } from "node:util"

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "3" },
    seconds: { type: "string" },
    records: { type: "string" },
    fibers: { type: "string", default: "64" },
    variants: { type: "string" },
    directory: { type: "string", default: tmpdir() },
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
  readonly variants: ReadonlyArray<string> | undefined
  /** Where stores are made. */
  readonly directory: string
  /** Each sync takes at least so long. */
  readonly syncMicroseconds: number | undefined
}

export const settings: Settings = {
  rounds: Number(values.rounds),
  seconds: optional(values.seconds),
  records: optional(values.records),
  fibers: Number(values.fibers),
  variants: values.variants?.split(","),
  directory: values.directory,
  syncMicroseconds: optional(values["sync-microseconds"])
}

/** Names of the workloads to run; none: the short ones. */
export const chosenNames: ReadonlyArray<string> = positionals
