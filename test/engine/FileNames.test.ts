import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import {
  currentName,
  currentTemporaryName,
  highestGeneration,
  manifestName,
  ownerName,
  parseFileName,
  segmentName,
  storeFiles,
  tableName,
  tablePath
} from "../../src/engine/FileNames.ts"

const largest = 2 ** 48
const FileNumber = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: largest }))

describe("The names of a store's files", () => {
  it("are these", () => {
    assert.deepStrictEqual(
      [ownerName(7), currentName(7), currentTemporaryName(7)],
      ["OWNER-7", "CURRENT-7", "CURRENT-7.tmp"]
    )
    assert.deepStrictEqual(
      [manifestName(42, 7), segmentName(42, 7), tableName(42, 7)],
      ["manifest-0000000042-7.log", "wal-0000000042-7.seg", "table-0000000042-7.sst"]
    )
    assert.strictEqual(tableName(12_345_678_901, 1_784_205_611), "table-12345678901-1784205611.sst")
    assert.strictEqual(tablePath("/data", { file: 42, generation: 7 }), "/data/table-0000000042-7.sst")
  })

  it.prop(
    "tell their kind, number and generation",
    { number: FileNumber, generation: FileNumber },
    ({ generation, number }) => {
      assert.deepStrictEqual(parseFileName("LOCK"), { _tag: "Lock" })
      assert.deepStrictEqual(parseFileName(ownerName(generation)), { _tag: "Owner", generation })
      assert.deepStrictEqual(parseFileName(currentName(generation)), { _tag: "Current", generation })
      assert.deepStrictEqual(parseFileName(currentTemporaryName(generation)), { _tag: "Temporary", generation })
      assert.deepStrictEqual(parseFileName(manifestName(number, generation)), { _tag: "Manifest", number, generation })
      assert.deepStrictEqual(parseFileName(segmentName(number, generation)), { _tag: "Segment", number, generation })
      assert.deepStrictEqual(parseFileName(tableName(number, generation)), { _tag: "Table", number, generation })
    }
  )

  it("are told up to the largest number and the largest generation, and not beyond", () => {
    for (const nameOf of [manifestName, segmentName, tableName]) {
      assert.isDefined(parseFileName(nameOf(largest, largest)))
      assert.isUndefined(parseFileName(nameOf(largest + 1, 1)))
      assert.isUndefined(parseFileName(nameOf(1, largest + 1)))
    }
    for (const nameOf of [ownerName, currentName, currentTemporaryName]) {
      assert.isDefined(parseFileName(nameOf(largest)))
      assert.isUndefined(parseFileName(nameOf(largest + 1)))
    }
  })

  it.each([
    "",
    "CURRENT",
    "CURRENT.tmp",
    "OWNER",
    "OWNER-",
    "OWNER-01",
    "OWNER--1",
    "OWNER-1.tmp",
    "OWNER-1 ",
    "owner-1",
    "CURRENT-",
    "CURRENT-00",
    "CURRENT-1e3",
    "CURRENT-1.tmp.tmp",
    "CURRENT-1\n",
    "xCURRENT-1",
    "LOCK-1",
    "LOCK.tmp",
    "manifest-0000000001.log",
    "manifest-1-1.log",
    "manifest-00000000001-1.log",
    "manifest-0000000001-01.log",
    "manifest-0000000001-1.sst",
    "manifest-0000000001--1.log",
    "manifest-0000000001-1.log.tmp",
    "table-0000000001.sst",
    "table-1-1.sst",
    "table-0000000001-.sst",
    "table-0000000001-1.log",
    "table-0000000001-1-1.sst",
    "table-0000000001-1e3.sst",
    "xtable-0000000001-1.sst",
    "wal-0000000001.seg",
    "wal-0000000001-01.seg",
    "wal-0000000001-1.sst",
    "wal-0000000001-9999999999999999.seg"
  ])("none of them is %j", (name) => {
    assert.isUndefined(parseFileName(name))
  })

  it("give the highest generation, of all or of some", () => {
    const names = [
      "LOCK",
      "OWNER-12",
      "CURRENT-11",
      "CURRENT-10",
      "manifest-0000000900-11.log",
      "table-0000000001-13.sst",
      "table-0000000001-99",
      "README"
    ]
    const files = storeFiles(names)
    assert.deepStrictEqual([...files.keys()], names.slice(0, 6))
    assert.strictEqual(highestGeneration(files), 13)
    assert.strictEqual(highestGeneration(files, ({ _tag }) => _tag === "Current"), 11)
    assert.strictEqual(highestGeneration(files, ({ _tag }) => _tag === "Segment"), -1)
    assert.strictEqual(highestGeneration(storeFiles(["LOCK", "README"])), -1)
  })
})
