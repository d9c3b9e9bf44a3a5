/** Waits for the store's background work. */
import { Effect } from "effect"
import type { LsmStore } from "../../src/index.ts"

const interval = 50
/** An actor may rest between two of its jobs. */
const looksInARow = 6

/** Returns when no flush and no compaction is under way or due. */
export const untilSettled = (store: LsmStore["Service"]): Effect.Effect<void> =>
  Effect.gen(function*() {
    let settled = 0
    let jobs = -1
    while (settled < looksInARow) {
      const { actors, compaction, flushes, immutables } = yield* store.stats
      const isIdle = immutables.count === 0 && actors.every(({ state }) => state !== "working")
      settled = isIdle && flushes + compaction.count === jobs ? settled + 1 : 0
      jobs = flushes + compaction.count
      yield* Effect.sleep(interval)
    }
  })
