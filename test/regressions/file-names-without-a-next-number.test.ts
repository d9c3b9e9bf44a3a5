/**
 * A file with the last number that fits into a name left no number for the next
 * one: recovery was a defect, or every opening after it failed.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { SimulatedDisk } from "../../src/testing/index.ts"
import { bytes, contentOf, runSimulated, simulatedLayer, withStore } from "../store/storeHelpers.ts"

const strays = [
  "table-9007199254740991.sst",
  "table-9007199254740990.sst",
  "manifest-9007199254740991.log",
  "wal-9007199254740991.seg"
]

describe("a file whose number no store gets to", () => {
  it.each(strays)("is not the store's, and stays: %s", (name) => {
    const program = Effect.gen(function*() {
      const disk = SimulatedDisk.make()
      const put = (key: string) =>
        withStore(simulatedLayer(disk), (store) => Effect.andThen(store.put(bytes(key), bytes("1")), store.flush))
      yield* put("a")
      disk.writeFile(`/store/${name}`, new Uint8Array(100))
      yield* put("b")
      yield* put("c")
      assert.include(disk.files(), `store/${name}`)
      return yield* withStore(simulatedLayer(disk), contentOf)
    })
    assert.deepStrictEqual(runSimulated(1, program), ["a=1", "b=1", "c=1"])
  })
})
