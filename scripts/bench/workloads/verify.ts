/** Whether a store holds what was put: a sample by key, and all entries by their number. */
import { Effect } from "effect"
import { scratchKey, shuffled } from "../records.ts"
import { fastestGet } from "../stores/Store.ts"
import type { Manner, Store } from "../stores/Store.ts"
import { WrongContent } from "./Workload.ts"
import type { Content } from "./Workload.ts"

const fibers = 64
const largestSample = 10_000

export const verifySample = <M extends Manner>(
  store: Pick<Store<M>, "caller" | "get" | "getSync">,
  { isRight, order, records }: Content,
  largest = largestSample
): Effect.Effect<number, WrongContent> =>
  Effect.suspend(() => {
    const get = fastestGet(store)
    const doing = Array.from({ length: fibers }, () => ({ key: scratchKey(order), record: 0 }))
    const sample = Math.min(records, largest)
    let begun = 0
    let wrong: number | undefined
    return Effect.flatMap(
      store.caller.drive({
        fibers,
        more: () => begun < sample,
        call: (fiber) => {
          const { key } = doing[fiber]!
          // Each once, scattered over the order in which they were put and that in which they were overwritten.
          const record = shuffled(shuffled(begun++, records), records)
          doing[fiber]!.record = record
          return get(key(record))
        },
        done: (fiber, found: Uint8Array | undefined) => {
          const { record } = doing[fiber]!
          if (!isRight(record, found)) wrong ??= record
        }
      }),
      () =>
        wrong === undefined
          ? Effect.succeed(sample)
          : Effect.fail(new WrongContent({ reason: `Record ${wrong} does not have the value that was put.` }))
    )
  })

/** Undefined if the store has no scan. */
export const verifyCount = <M extends Manner>(
  { caller, scan }: Store<M>,
  { records }: Content
): Effect.Effect<number | undefined, WrongContent> => {
  if (scan === undefined) return Effect.undefined
  return Effect.suspend(() => {
    let visited = 0
    return Effect.flatMap(
      caller.once(() =>
        scan(() => {
          visited++
        })
      ),
      () =>
        visited === records
          ? Effect.succeed(visited)
          : Effect.fail(new WrongContent({ reason: `The store has ${visited} entries instead of ${records}.` }))
    )
  })
}
