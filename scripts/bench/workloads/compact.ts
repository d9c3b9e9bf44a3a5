/** The call that brings a store into its smallest form, after half of the records were overwritten. */
import { Effect } from "effect"
import { shuffled } from "../records.ts"
import { Unsupported } from "../stores/Store.ts"
import { measured } from "./measured.ts"
import { isSame, putRecords, valueOf } from "./puts.ts"
import type { Workload } from "./Workload.ts"

const fibers = 256

export const compact: Workload = {
  name: "compact",
  title: "the whole store into its smallest form, after half of its records were overwritten",
  durability: "buffered",
  start: "loaded copy",
  operations: "compactions",
  metric: "milliseconds",
  run: ({ records, store }) => {
    const { compact: compactStore } = store
    if (compactStore === undefined) return Effect.fail(new Unsupported({ reason: "it has no such call" }))
    const isOverwritten = new Uint8Array(records)
    return Effect.gen(function*() {
      yield* putRecords(store, {
        fibers,
        count: Math.floor(records / 2),
        generation: 1,
        recordOf: (turn) => {
          const record = shuffled(turn, records)
          isOverwritten[record] = 1
          return record
        }
      })
      yield* store.settled
      const phase = yield* measured(Effect.as(store.caller.once(compactStore), 1))
      return {
        phase,
        content: {
          records,
          order: "random" as const,
          isRight: (record, found) => isSame(found, valueOf(record, isOverwritten[record]))
        }
      }
    })
  }
}
