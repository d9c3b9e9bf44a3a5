import { afterEach, assert, describe, it, vi } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { LsmStore } from "../../src/index.ts"
import { simulate, SimulatedDisk } from "../../src/testing/index.ts"

/** Writes, flushes, and reads blocks that no cache holds. */
const reading = Effect.scoped(Effect.gen(function*() {
  const store = yield* LsmStore
  for (let key = 0; key < 50; key++) yield* store.put(Uint8Array.of(key), new Uint8Array(500))
  yield* store.flush
  for (let key = 0; key < 50; key++) yield* store.get(Uint8Array.of(key))
}))

const digestOfRun = (): number => {
  const disk = SimulatedDisk.make()
  const layer = LsmStore.layer({ directory: "/store", blockCacheSize: 0 }).pipe(Layer.provide(disk.layer))
  return simulate(Effect.provide(reading, layer), { seed: 1 }).digest
}

describe("A simulated store", () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  it("takes the same steps however long the host takes for its reads", () => {
    const quick = digestOfRun()
    let now = 0
    vi.spyOn(performance, "now").mockImplementation(() => now += 1_000)
    assert.strictEqual(digestOfRun(), quick)
  })
})
