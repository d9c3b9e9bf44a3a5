/**
 * A lookup that had waited for a block began anew from the newest table. Without
 * a cache and filters each table's block was lacking again, and it never ended.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer } from "effect"
import { LsmStore } from "../../src/index.ts"
import { StoreReadMode } from "../../src/table/ReadPolicy.ts"
import { runSimulation, SimulatedDisk } from "../../src/testing/index.ts"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

describe("a read that must wait for a block of several tables", () => {
  it("I1: ends, and finds the oldest table's value", () => {
    const program = Effect.gen(function*() {
      const store = yield* LsmStore
      yield* store.put(bytes("b"), bytes("oldest"))
      for (let table = 0; table < 3; table++) {
        yield* store.put(bytes("a"), bytes("below"))
        yield* store.put(bytes("c"), bytes("above"))
        yield* store.flush
      }
      const [one, ...many] = [
        yield* store.get(bytes("b")),
        ...yield* store.getMany([bytes("b"), bytes("none"), bytes("a")])
      ]
      return [one, ...many].map((value) => value === undefined ? undefined : new TextDecoder().decode(value))
    }).pipe(
      Effect.provide(
        LsmStore.layer({ directory: "/store", blockCacheSize: 0, filterBitsPerKey: 0 }).pipe(
          Layer.provide(SimulatedDisk.make().layer)
        )
      ),
      Effect.provideService(StoreReadMode, "async")
    )
    const exit = runSimulation(program, { seed: 1, maxSteps: 200_000 })
    assert.deepStrictEqual(exit, Exit.succeed(["oldest", "oldest", undefined, "below"]))
  })
})
