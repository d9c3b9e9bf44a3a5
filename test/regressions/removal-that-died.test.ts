/** A disk that died of removing an obsolete table's file left the close waiting for that table for ever. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Disk, LsmStore } from "../../src/index.ts"
import { SimulatedDisk } from "../../src/testing/index.ts"
import { bytes, contentOf, runSimulated, simulatedLayer, withStore } from "../store/storeHelpers.ts"

/** A disk with a bug: it dies of removing a table. */
const dyingDisk = (disk: SimulatedDisk) =>
  Layer.succeed(Disk, {
    ...disk.service,
    remove: (path) => path.endsWith(".sst") ? Effect.die(new Error("a bug in the disk")) : disk.service.remove(path)
  })

const program = Effect.gen(function*() {
  const disk = SimulatedDisk.make()
  const layer = LsmStore.layer({ directory: "/store" }).pipe(Layer.provide(dyingDisk(disk)))
  yield* withStore(layer, (store) =>
    Effect.gen(function*() {
      for (const value of ["1", "2"]) {
        yield* store.put(bytes("key"), bytes(value))
        yield* store.flush
      }
      yield* store.compact()
    }))
  return yield* withStore(simulatedLayer(disk), contentOf)
})

describe("an obsolete file whose removal dies (I8)", () => {
  it("is left for the next recovery, and the store closes", () => {
    assert.deepStrictEqual(runSimulated(1, program), ["key=2"])
  })
})
