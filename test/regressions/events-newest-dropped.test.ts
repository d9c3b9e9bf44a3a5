/** A listener that was 1,024 events behind missed the newest, not the oldest, and with it the end. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Scope, Stream } from "effect"
import { LsmStore } from "../../src/index.ts"
import { bytes, open } from "../store/storeHelpers.ts"

describe("a listener that is too far behind", () => {
  it.effect("misses the oldest events, and gets the last one and the end", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const store = yield* Scope.provide(open(LsmStore.layerMemory()), scope)
      const rested = yield* Deferred.make<void>()
      const slow = Stream.tap(store.events, () => Deferred.await(rested))
      const listener = yield* Effect.forkChild(Stream.runCollect(slow), { startImmediately: true })
      for (let i = 0; i < 500; i++) yield* Effect.andThen(store.put(bytes("a"), bytes("1")), store.flush)
      yield* Scope.close(scope, Exit.void)
      yield* Deferred.succeed(rested, undefined)
      const flushed = (yield* Fiber.join(listener)).filter((event) => event._tag === "MemtableFlushed")
      assert.strictEqual(flushed.at(-1)?.segment, 500)
    }))
})
