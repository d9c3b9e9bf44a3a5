/** A merge that met a damaged block died of it, and `compact` with it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { StoreCorrupted } from "../../src/index.ts"
import { SimulatedDisk } from "../../src/testing/index.ts"
import { bytes, failureOf, open, runSimulated, simulatedLayer } from "../store/storeHelpers.ts"

describe("a compaction over a damaged table", () => {
  it("I15: fails with StoreCorrupted, and leaves no half-written table", () => {
    for (let seed = 0; seed < 5; seed++) {
      const disk = SimulatedDisk.make({ seed })
      const error = runSimulated(
        seed,
        Effect.scoped(Effect.gen(function*() {
          const store = yield* open(simulatedLayer(disk, { blockCacheSize: 0 }))
          for (let i = 0; i < 20; i++) yield* store.put(bytes(`key-${i}`), new Uint8Array(1_000).fill(i))
          yield* store.flush
          const tables = () => disk.files().filter((path) => path.endsWith(".sst"))
          const [table = ""] = tables()
          yield* store.delete(bytes("key-0"))
          yield* store.flush
          const before = tables()
          const content = disk.readFile(table).slice()
          content[500] = (content[500] ?? 0) ^ 1
          disk.writeFile(table, content)
          const failure = yield* failureOf(store.compact())
          assert.deepStrictEqual(tables(), before)
          assert.lengthOf(before, 2)
          return failure
        }))
      )
      assert.instanceOf(error, StoreCorrupted)
    }
  })
})
