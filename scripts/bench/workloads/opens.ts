/** Opening a store: how long until the first get is answered, in a process that has just started. */
import { Effect } from "effect"
import { makeKey } from "../records.ts"
import { fastestGet } from "../stores/Store.ts"
import type { Manner } from "../stores/Store.ts"
import { measured } from "./measured.ts"
import { contentOf, putRecords } from "./puts.ts"
import type { Bench, Outcome, Workload } from "./Workload.ts"

const fibers = 64
/** Of the records in the store, put before it is killed: at 1,000,000 of 116 bytes about what a memtable of 32 MiB holds. */
const inMemtable = 0.2

const withMemtable = (records: number): number => records + Math.floor(records * inMemtable)

/** One get; the opening before it is measured for every workload. */
const getOne = <M extends Manner>({ store }: Bench<M>, records: number): Effect.Effect<Outcome> =>
  Effect.map(
    measured(Effect.as(store.caller.once(() => fastestGet(store)(makeKey(records - 1))), 1)),
    (phase) => ({ phase, content: contentOf(records) })
  )

const common = { durability: "buffered", operations: "gets", metric: "opening" } as const

export const opens: ReadonlyArray<Workload> = [
  {
    ...common,
    name: "open-clean",
    title: "opening after a clean close, up to the first get",
    start: "loaded copy",
    run: (bench) => getOne(bench, bench.records)
  },
  {
    ...common,
    name: "open-killed",
    title: "opening after a kill with a full memtable, up to the first get",
    start: "killed",
    run: (bench) => getOne(bench, withMemtable(bench.records))
  }
]

/** Fills the memtable of a store that was loaded, to be killed then. */
export const fillMemtable: Workload = {
  ...common,
  name: "fill-memtable",
  title: "puts before a kill",
  start: "loaded copy",
  operations: "puts",
  staysOpen: true,
  run: ({ records, store }) => {
    const count = withMemtable(records) - records
    return Effect.map(
      measured(putRecords(store, { fibers, count, recordOf: (put) => records + put })),
      (phase) => ({ phase, content: contentOf(records + count) })
    )
  }
}
