/**
 * Between the failure of an append and the stop of writes, an `"async"` write
 * was still taken in its caller's fiber. Nobody appended it any more or gave its
 * permit back, and a rotation that waited for the permit hung, and the close with it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber } from "effect"
import { simulate, SimulatedDisk } from "../../src/testing/index.ts"
import { bytes, simulatedLayer, withStore } from "../store/storeHelpers.ts"
import type { Store } from "../store/storeHelpers.ts"

const writeUntilRefused = (store: Store) =>
  Effect.forever(Effect.andThen(store.put(bytes("key"), bytes("value")), Effect.yieldNow))

const flushUntilRefused = (store: Store) => Effect.forever(Effect.andThen(store.flush, Effect.yieldNow))

/** Writes and flushes until the log fails, then closes the store. */
const failAndClose = Effect.suspend(() => {
  const disk = SimulatedDisk.make({ delay: Effect.void })
  return withStore(simulatedLayer(disk, { durability: "async" }), (store) =>
    Effect.gen(function*() {
      yield* store.put(bytes("key"), bytes("value"))
      disk.fail({ from: disk.calls + 3, when: (call) => call.operation === "append" && call.path.includes("wal-") })
      const work = [writeUntilRefused(store), writeUntilRefused(store), flushUntilRefused(store)]
      const fibers = yield* Effect.forEach(work, (each) => Effect.forkChild(Effect.exit(each)))
      yield* Fiber.awaitAll(fibers)
    }))
})

describe("an async write that comes while the log fails (I12)", () => {
  it("holds up neither a rotation nor the close", () => {
    const hangs: Array<string> = []
    for (let seed = 0; seed < 400; seed++) {
      const { exit } = simulate(failAndClose, { seed, yieldChance: 0.5 })
      if (Exit.isFailure(exit)) hangs.push(`seed ${seed}: ${Cause.pretty(exit.cause)}`)
    }
    assert.deepStrictEqual(hangs, [])
  })
})
