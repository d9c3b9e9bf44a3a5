/** The stream of events never ended: whoever drained it hung when the store closed. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope, Stream } from "effect"
import { LsmStore } from "../../src/index.ts"
import { bytes, open } from "../store/storeHelpers.ts"

describe("the stream of events", () => {
  it.effect("ends when the store has closed, after its last event", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const store = yield* Scope.provide(open(LsmStore.layerMemory()), scope)
      const fiber = yield* Effect.forkChild(Stream.runCollect(store.events), { startImmediately: true })
      yield* store.put(bytes("key"), bytes("value"))
      yield* store.flush
      yield* Scope.close(scope, Exit.void)
      const events = yield* Fiber.join(fiber)
      assert.include(events.map((event) => event._tag), "MemtableFlushed")
    }))

  it.effect("is empty in a store that is closed", () =>
    Effect.gen(function*() {
      const store = yield* Effect.scoped(open(LsmStore.layerMemory()))
      assert.deepStrictEqual(yield* Stream.runCollect(store.events), [])
    }))
})
