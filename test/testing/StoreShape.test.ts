import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { smallLevels } from "../../scripts/support/smallStrategies.ts"
import { segmentName, tableName } from "../../src/engine/FileNames.ts"
import { shapeProblems, SimulatedDisk } from "../../src/testing/index.ts"
import { segmentProblems } from "../../src/testing/shape/SegmentShape.ts"
import { filesIn, structureOn } from "../../src/testing/shape/Structure.ts"
import { entryProblems, tableProblems } from "../../src/testing/shape/TableShape.ts"
import type { TableBytes } from "../../src/testing/shape/TableShape.ts"
import { bytesOf, directory, padded, runSeed, withStore } from "../engine/harness.ts"
import { record, writeLog } from "../log/LogFixture.ts"
import type { LogShape, WrittenSegment } from "../log/LogFixture.ts"
import { put, tombstone, writeTable } from "../table/TableFixture.ts"
import type { Entry } from "../table/TableFixture.ts"

/** What a store that had tables in several levels has left, with records in its log. */
const closedStore = (): SimulatedDisk => {
  const disk = SimulatedDisk.make()
  const program = withStore(disk, (store) =>
    Effect.gen(function*() {
      for (let round = 0; round < 12; round++) {
        for (let key = 0; key < 10; key++) yield* store.put(bytesOf(`key/${key}`), padded(`${round}`, 500))
        yield* store.delete(bytesOf(`key/${round % 10}`))
        if (round < 11) yield* store.flush
        yield* Effect.sleep("1 second")
      }
    }), { compaction: smallLevels, compression: "none" })
  runSeed(program, 0)
  return disk
}

const path = (name: string): string => `${directory}/${name}`

const nameOf = ({ file, generation }: TableBytes["meta"]): string => tableName(file, generation)

const copyOver = (disk: SimulatedDisk, from: string, to: string): void =>
  disk.writeFile(path(to), disk.readFile(path(from)))

describe("The shape of a closed store", () => {
  it("I2, I9, I11: is sound, and looking at it is no call to the disk", () => {
    const disk = closedStore()
    const { calls } = disk
    const { segments, tables } = structureOn(disk, directory)
    assert.isAbove(new Set(tables.map(({ level }) => level)).size, 1)
    assert.isNotEmpty(segments)
    assert.deepStrictEqual(shapeProblems(disk, directory), [])
    assert.strictEqual(disk.calls, calls)
  })

  it.each<readonly [string, (disk: SimulatedDisk) => void]>([
    [
      "has a file that the manifest does not name",
      (disk) => disk.writeFile(path(tableName(999, 1)), new Uint8Array(0))
    ],
    ["has a temporary file left", (disk) => disk.writeFile(path("CURRENT-1.tmp"), new Uint8Array(0))],
    ["has an older owner's file left", (disk) => disk.writeFile(path("OWNER-1"), new Uint8Array(0))],
    ["has no manifest", (disk) => {
      const current = structureOn(disk, directory).files.find((name) => name.startsWith("CURRENT")) ?? ""
      disk.writeFile(path(current), new Uint8Array(0))
    }],
    ["has a table in place of another", (disk) => {
      const [one, other] = structureOn(disk, directory).tables
      if (one !== undefined && other !== undefined) copyOver(disk, nameOf(one), nameOf(other))
    }],
    ["has a table that ends early", (disk) => {
      const name = nameOf(structureOn(disk, directory).tables[0]!)
      disk.writeFile(path(name), disk.readFile(path(name)).slice(0, -1))
    }],
    ["has a table with a damaged block", (disk) => {
      const name = nameOf(structureOn(disk, directory).tables[0]!)
      disk.writeFile(path(name), disk.readFile(path(name)).fill(0, 10, 20))
    }]
  ])("I11: is wrong where the store %s", (_, spoil) => {
    const disk = closedStore()
    spoil(disk)
    const invariants = shapeProblems(disk, directory).map(({ invariant }) => invariant)
    assert.deepStrictEqual([...new Set(invariants)], ["I11"])
  })

  it("I11: is wrong where a file that the manifest names is not there", () => {
    const disk = closedStore()
    for (const lost of structureOn(disk, directory).files.filter((name) => !/OWNER|CURRENT|manifest/.test(name))) {
      const image = SimulatedDisk.make()
      for (const name of filesIn(disk, directory)) {
        if (name !== lost) image.writeFile(path(name), disk.readFile(path(name)))
      }
      assert.deepStrictEqual(shapeProblems(image, directory), [{
        invariant: "I11",
        message: `${lost} is not there, and the manifest names it`
      }])
    }
  })

  it("I2: is wrong where a segment's header is not its own", () => {
    const disk = closedStore()
    const { generation, segment } = structureOn(disk, directory).segments[0]!
    const name = segmentName(segment, generation)
    disk.writeFile(path(name), disk.readFile(path(name)).fill(0, 0, 64))
    assert.deepStrictEqual(shapeProblems(disk, directory).map(({ invariant }) => invariant), ["I2"])
  })
})

const segments = (
  content: ReadonlyArray<ReadonlyArray<string>>,
  shape: LogShape = {}
): ReadonlyArray<WrittenSegment> =>
  Effect.runSync(writeLog(content.map((groups) => groups.map((key) => [record(key, "1"), record(key, "2")])), shape))
    .segments

describe("The sequences of segments", () => {
  it("I2: rise without a gap", () => {
    assert.deepStrictEqual(segmentProblems(segments([["a", "b"], [], ["c"]]), 0), [])
    assert.deepStrictEqual(segmentProblems(segments([["a", "b"], ["c"]], { firstSequence: 10 }), 9), [])
  })

  it("I2: are above those in tables", () => {
    assert.strictEqual(segmentProblems(segments([["a"], ["b"]], { firstSequence: 10 }), 10).length, 1)
  })

  it("I2: are above those of the segment before", () => {
    const [one] = segments([["a", "b"]], { firstSegment: 1 })
    const [other] = segments([["c"]], { firstSegment: 2, firstSequence: 4 })
    if (one === undefined || other === undefined) return assert.fail("there are two segments")
    assert.strictEqual(segmentProblems([one, other], 0).length, 1)
  })

  it("I2: leave nothing out within a segment", () => {
    const [whole] = segments([["a", "b"]])
    const [later] = segments([["a", "b"]], { firstSequence: 5 })
    if (whole === undefined || later === undefined) return assert.fail("there are two segments")
    // Two groups of the same length: the second one is taken from a log in which it has other sequences.
    const half = 64 + (whole.bytes.length - 64) / 2
    const bytes = Uint8Array.from([...whole.bytes.subarray(0, half), ...later.bytes.subarray(half)])
    const problems = segmentProblems([{ segment: 1, bytes }], 0)
    assert.deepStrictEqual(problems, [{ invariant: "I2", message: "segment 1 goes on with sequence 7 after 2" }])
  })
})

const table = (file: number, entries: ReadonlyArray<Entry>, meta: Partial<TableBytes["meta"]> = {}): TableBytes => {
  const written = writeTable(entries, { file })
  return { ...written, meta: { ...written.meta, ...meta } }
}

describe("The tables of a store", () => {
  const entries = [put("a", 9), put("b", 4), put("b", 2), tombstone("c", 7)]

  it("I11: hold their entries in order, within their bounds", () => {
    assert.deepStrictEqual(tableProblems([table(1, entries), table(2, [put("d", 1)])]), [])
  })

  it("I11: do not overlap below level 0", () => {
    const [one, other] = [table(1, [put("a", 9), put("c", 9)]), table(2, [put("b", 4), put("d", 4)])]
    assert.deepStrictEqual(tableProblems([one, other]).map(({ invariant }) => invariant), ["I11"])
  })

  it("I9: show no version before a newer one", () => {
    const at = (level: number, file: number, entry: Entry) => table(file, [entry], { level })
    assert.deepStrictEqual(tableProblems([at(1, 2, put("a", 9)), at(2, 1, put("a", 4))]), [])
    const problems = tableProblems([at(1, 2, put("a", 4)), at(2, 1, put("a", 9))])
    assert.deepStrictEqual(problems, [{
      invariant: "I9",
      message: `table 1 of level 2 has a newer version of "a" than table 2 of level 1, which is read before it`
    }])
  })

  it("I11: can be read", () => {
    const { bytes, meta } = table(1, entries)
    assert.deepStrictEqual(tableProblems([{ meta, bytes: bytes.slice(1) }]).map(({ invariant }) => invariant), ["I11"])
  })
})

describe("The entries of a table", () => {
  const entries = [put("a", 9), put("b", 4), put("b", 2), tombstone("c", 7)]
  const { meta } = writeTable(entries)
  const filter = { mayContain: () => true }

  it("I11: are as the manifest says", () => {
    assert.deepStrictEqual(entryProblems(meta, filter, entries), [])
  })

  it.each<readonly [string, ReadonlyArray<Entry>, string]>([
    ["are there", [], "is empty"],
    ["ascend by key", [put("a", 9), put("c", 7), put("b", 4), tombstone("c", 2)], `is not sorted at "b"`],
    ["descend by sequence", [put("a", 9), put("b", 2), put("b", 4), tombstone("c", 7)], `is not sorted at "b"`],
    ["differ", [put("a", 9), put("b", 4), put("b", 4), tombstone("c", 7)], `is not sorted at "b"`],
    [
      "lie within the bounds",
      [put("b", 9), put("b", 4), put("b", 2), tombstone("c", 7)],
      "does not have the bounds that the manifest says"
    ],
    [
      "are as many",
      entries.slice(1).toSpliced(0, 0, put("a", 9)).concat(tombstone("c", 5)),
      "has 5 entries, not the 4 that the manifest says"
    ],
    [
      "have known sequences",
      [put("a", 9), put("b", 4), put("b", 1), tombstone("c", 7)],
      "has sequence 1, which the manifest leaves out"
    ]
  ])("I11: %s", (_, found, problem) => {
    assert.deepStrictEqual(entryProblems(meta, filter, found), [problem])
  })

  it("I11: are found by the filter", () => {
    const denying = { mayContain: (key: Uint8Array) => key[0] !== 0x62 }
    assert.deepStrictEqual(entryProblems(meta, denying, entries), [`has a filter that denies "b"`])
  })
})
