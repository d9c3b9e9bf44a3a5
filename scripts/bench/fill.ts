/**
 * Random puts from a number of fibers, each with one put in flight at a time.
 */
import { Effect } from "effect"
import { LsmStore } from "../../src/index.ts"
import type { Durability } from "../../src/index.ts"
import type { Records } from "./records.ts"

export interface FillResult {
  readonly fibers: number
  readonly puts: number
  readonly milliseconds: number
  readonly perSecond: number
}

/** Puts records until `milliseconds` have passed or all of them have been put once. */
export const fill = Effect.fnUntraced(function*(
  records: Records,
  options: { readonly fibers: number; readonly durability: Durability; readonly milliseconds: number }
) {
  const store = yield* LsmStore
  const write = { durability: options.durability }
  const started = performance.now()
  const deadline = started + options.milliseconds
  let next = 0
  let puts = 0
  let isOver = false
  const writer = Effect.whileLoop({
    while: () => !isOver && next < records.count,
    body: () => {
      const at = next++
      return store.put(records.key(at), records.value(at), write)
    },
    step: () => {
      puts++
      if ((puts & 63) === 0 && performance.now() >= deadline) isOver = true
    }
  })
  yield* Effect.all(Array.from({ length: options.fibers }, () => writer), { concurrency: "unbounded", discard: true })
  const milliseconds = performance.now() - started
  const result: FillResult = { fibers: options.fibers, puts, milliseconds, perSecond: puts / milliseconds * 1000 }
  return result
})
