import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Layer } from "effect"
import { LsmStore } from "../../src/index.ts"
import { simulate, SimulatedDisk } from "../../src/testing/index.ts"
import { bytes } from "../store/storeHelpers.ts"

/** Writers are slowed behind slow tables, while somebody reads. */
const slowedBesideReaders = Effect.scoped(Effect.gen(function*() {
  const store = yield* LsmStore
  const writer = Effect.forEach(
    Array.from({ length: 300 }, (_, index) => index),
    (index) => store.put(bytes(`key ${index}`), new Uint8Array(6_000), { durability: "buffered" })
  )
  const reader = Effect.repeat(
    Effect.andThen(
      Effect.forEach([1, 2, 3, 4, 5], (index) => store.get(bytes(`key ${index}`))),
      Effect.sleep("8 millis")
    ),
    { times: 2_000 }
  )
  const reading = yield* Effect.forkChild(reader)
  yield* writer
  yield* Fiber.interrupt(reading)
  const { slowdowns } = yield* store.stats
  return slowdowns.milliseconds
}))

describe("Writes that are slowed in a simulation", () => {
  it("I13: wait by its clock, though time passes while others can go on", () => {
    let slowdowns = 0
    for (let seed = 0; seed < 8; seed++) {
      const disk = SimulatedDisk.make({
        latency: ({ path }) => path.endsWith(".sst") ? "4 millis" : 0
      })
      const layer = Layer.provide(LsmStore.layer({ directory: "/store", memtableSize: 64 * 1024 }), disk.layer)
      const { exit } = simulate(Effect.provide(slowedBesideReaders, layer), { seed, earlyWakeChance: 0.02 })
      if (Exit.isFailure(exit)) return assert.fail(`seed ${seed}: ${Cause.pretty(exit.cause)}`)
      slowdowns += exit.value
    }
    assert.isAbove(slowdowns, 20)
  })
})
