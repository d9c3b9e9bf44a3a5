/**
 * A writer whose observer threw, which runs in the stretch that acknowledges it,
 * made the Wal fail: writes stopped, and the others of its group hung.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { LsmStore } from "../../src/index.ts"
import { bytes, contentOf, open } from "../store/storeHelpers.ts"

/** Collects what would have been uncaught exceptions, for as long as the scope is open. */
const uncaughtExceptions = Effect.acquireRelease(
  Effect.sync(() => {
    const caught: Array<unknown> = []
    const listeners = process.listeners("uncaughtException")
    process.removeAllListeners("uncaughtException")
    process.on("uncaughtException", (error) => caught.push(error.message))
    return { caught, listeners }
  }),
  ({ listeners }) =>
    Effect.sync(() => {
      process.removeAllListeners("uncaughtException")
      for (const listener of listeners) process.on("uncaughtException", listener)
    })
)

describe("an observer that throws", () => {
  it.live("is its owner's affair alone", () =>
    Effect.gen(function*() {
      const { caught } = yield* uncaughtExceptions
      const store = yield* open(LsmStore.layerMemory())
      const run = Effect.runCallbackWith(yield* Effect.context())
      const onExit = () => {
        throw new Error("not the store's")
      }
      const thrown = (times: number) =>
        Effect.whileLoop({ while: () => caught.length < times, body: () => Effect.yieldNow, step: () => {} })
      run(store.put(bytes("a"), bytes("1")), { onExit })
      yield* store.put(bytes("b"), bytes("2"))
      yield* thrown(1)
      run(store.flush, { onExit })
      yield* thrown(2)
      run(store.compact(), { onExit })
      yield* thrown(3)
      assert.deepStrictEqual(yield* contentOf(store), ["a=1", "b=2"])
      const { actors, readOnly } = yield* store.stats
      assert.isFalse(readOnly)
      assert.deepStrictEqual(actors.filter(({ restarts }) => restarts > 0), [])
      assert.deepStrictEqual(caught, ["not the store's", "not the store's", "not the store's"])
    }), 5_000)
})
