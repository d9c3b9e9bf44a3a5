/**
 * A file with the last number that fits into a name left no number for the next
 * one: recovery was a defect, or every opening after it failed.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { currentGeneration } from "../../src/engine/Directory.ts"
import {
  currentTemporaryName,
  manifestName,
  ownerName,
  segmentName,
  storeFiles,
  tableName
} from "../../src/engine/FileNames.ts"
import { SimulatedDisk } from "../../src/testing/index.ts"
import { filesOf } from "../engine/harness.ts"
import { bytes, contentOf, open, runSimulated, simulatedLayer, withStore } from "../store/storeHelpers.ts"

const strays = [
  "table-9007199254740991-1.sst",
  "table-9007199254740990-1.sst",
  "manifest-9007199254740991-1.log",
  "wal-9007199254740991-1.seg",
  "table-0000000001-9007199254740991.sst",
  "manifest-0000000001-9007199254740990.log",
  "wal-0000000001-9007199254740991.seg",
  "OWNER-9007199254740991",
  "CURRENT-9007199254740990",
  "CURRENT-9007199254740991.tmp"
]

describe("a file whose number or generation no store gets to", () => {
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

/** A killed store with one write in its log, and the generation of its files. */
const killedStore = Effect.gen(function*() {
  const disk = SimulatedDisk.make()
  return yield* withStore(simulatedLayer(disk), (store) =>
    Effect.map(store.put(bytes("a"), bytes("1")), () => {
      const image = disk.killImage()
      return { image, generation: currentGeneration(storeFiles(filesOf(image))) }
    }))
})

describe("a file with the largest number or generation of a store's names", () => {
  it.each([
    ownerName(2 ** 48),
    currentTemporaryName(2 ** 48),
    manifestName(2 ** 48, 1),
    manifestName(1, 2 ** 48),
    tableName(2 ** 48, 1),
    tableName(1, 2 ** 48)
  ])("takes nothing from the store, which opens again and again or not at all: %s", (name) => {
    const program = Effect.gen(function*() {
      const { image } = yield* killedStore
      image.writeFile(`/store/${name}`, new Uint8Array(0))
      const expected = ["a=1"]
      for (let life = 0; life < 3; life++) {
        const put = withStore(
          simulatedLayer(image),
          (store) => Effect.andThen(store.put(bytes(`life${life}`), bytes("1")), contentOf(store))
        )
        const found = yield* Effect.result(put)
        // Who is refused is so from the first time on, and finds every file as it was.
        if (found._tag === "Failure") {
          assert.deepStrictEqual(expected, ["a=1"], found.failure.message)
          assert.include(filesOf(image), name)
          continue
        }
        expected.push(`life${life}=1`)
        assert.deepStrictEqual(found.success, expected)
      }
    })
    runSimulated(1, program)
  })
})

describe("a segment that is far behind the log (I15)", () => {
  it.each([1_000_000, 5_000_000_000, 2 ** 48])("is StoreCorrupted: number %d", (number) => {
    const program = Effect.gen(function*() {
      const { generation, image } = yield* killedStore
      image.writeFile(`/store/${segmentName(number, generation)}`, new Uint8Array(0))
      const error = yield* Effect.flip(Effect.scoped(open(simulatedLayer(image))))
      assert.strictEqual(error._tag, "StoreCorrupted")
    })
    runSimulated(1, program)
  })
})
