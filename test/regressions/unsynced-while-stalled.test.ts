/**
 * While writers waited for a flush, the Wal waited with them and synced nothing:
 * `"async"` writes that had been acknowledged stayed unsynced for as long as the
 * stall lasted, and `store.sync` hung.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { SimulatedDisk } from "../../src/testing/index.ts"
import { bytes, contentOf, runSimulated, simulatedLayer, withStore } from "../store/storeHelpers.ts"

const options = { memtableSize: 64 * 1024, maxImmutables: 1, durability: "async", syncInterval: 20 } as const

/** What a power cut leaves when writes have been stalled for a minute, and how many writes were acknowledged. */
const stalled = Effect.gen(function*() {
  const disk = SimulatedDisk.make()
  const isTable = (path: string) => path.endsWith(".sst")
  disk.fail({ when: ({ operation, path }) => operation === "createAppend" && isTable(path), times: Infinity })
  return yield* withStore(simulatedLayer(disk, options), (store) =>
    Effect.gen(function*() {
      let acknowledged = 0
      const writer = yield* Effect.forkChild(Effect.forever(Effect.map(
        Effect.suspend(() => store.put(bytes(`key ${acknowledged}`), new Uint8Array(5000))),
        () => acknowledged++
      )))
      yield* Effect.sleep("1 minute")
      yield* Effect.timeout(store.sync, "1 minute")
      const image = disk.crashImage("synced")
      yield* Fiber.interrupt(writer)
      const survivors = yield* withStore(simulatedLayer(image), contentOf)
      return { acknowledged, survivors: survivors.length }
    }))
})

describe("a store whose writers wait for a flush", () => {
  it("syncs what it has acknowledged (I5)", () => {
    for (let seed = 0; seed < 10; seed++) {
      const { acknowledged, survivors } = runSimulated(seed, stalled)
      assert.isAbove(acknowledged, 12)
      assert.strictEqual(survivors, acknowledged, `seed ${seed}`)
    }
  })
})
