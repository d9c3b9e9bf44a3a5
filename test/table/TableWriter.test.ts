import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { maxKeyLength, RecordKind } from "../../src/record/RecordKind.ts"
import { TableWriter } from "../../src/table/TableWriter.ts"
import {
  ascii,
  entriesArbitrary,
  lookup,
  openTable,
  put,
  readVersions,
  show,
  tombstone,
  writeTable
} from "./TableFixture.ts"
import type { Entry } from "./TableFixture.ts"

const makeWriter = (blockSize = 128): TableWriter =>
  new TableWriter({ file: 7, generation: 3, level: 2, blockSize, filterBitsPerKey: 10, compression: "none" })

const add = (writer: TableWriter, { key, kind, sequence, value }: Entry): void =>
  writer.add(key, 0, key.length, sequence, kind, value, 0, value.length)

describe("TableWriter", () => {
  it("describes what it wrote", () => {
    const { bytes, meta } = writeTable([put("b", 5, "x"), tombstone("b", 3), put("cc", 9)], {
      file: 12,
      generation: 5
    })
    assert.deepStrictEqual(meta, {
      file: 12,
      generation: 5,
      level: 1,
      size: bytes.length,
      footerChecksum: new DataView(bytes.buffer).getUint32(bytes.length - 12, true),
      entries: 3,
      tombstones: 1,
      shadowed: 1,
      smallestKey: ascii("b"),
      largestKey: ascii("cc"),
      smallestSequence: 3,
      largestSequence: 9
    })
  })

  it.prop("counts the entries behind a newer one of the same key", { entries: entriesArbitrary }, ({ entries }) => {
    const keys = new Set(entries.map(({ key }) => Buffer.from(key).toString("hex")))
    assert.strictEqual(writeTable(entries).meta.shadowed, entries.length - keys.size)
  }, { arbitrary: { runs: 50, size: 100 } })

  it("I11: refuses entries that are out of order", () => {
    const unordered: ReadonlyArray<readonly [Entry, Entry]> = [
      [put("b", 1), put("a", 1)],
      [put("ab", 1), put("a", 1)],
      [put("a", 1), put("a", 1)],
      [put("a", 1), put("a", 2)],
      [put("a", 1), put("", 2)]
    ]
    for (const [first, second] of unordered) {
      const writer = makeWriter()
      add(writer, first)
      assert.throws(() => add(writer, second), /in order/)
    }
  })

  it.prop("gives the same bytes however they are taken", { entries: entriesArbitrary }, ({ entries }) => {
    const writer = makeWriter()
    for (const entry of entries) add(writer, entry)
    const meta = writer.finish()
    const atOnce = Buffer.concat(writer.take())
    assert.strictEqual(writer.pendingBytes, 0)
    assert.strictEqual(atOnce.length, meta.size)
    assert.deepStrictEqual(new Uint8Array(atOnce), writeTable(entries).bytes)
  }, { arbitrary: { runs: 50, size: 100 } })

  it("never changes bytes that were taken", () => {
    const writer = makeWriter()
    const chunks: Array<Uint8Array> = []
    const copies: Array<Uint8Array> = []
    for (let i = 0; i < 5000; i++) {
      add(writer, put(`key ${10_000 + i}`, 1, "value"))
      if (writer.pendingBytes < 700) continue
      const taken = writer.take()
      assert.strictEqual(writer.pendingBytes, 0)
      chunks.push(...taken)
      copies.push(...taken.map((chunk) => chunk.slice()))
    }
    writer.finish()
    assert.isAbove(chunks.length, 50)
    assert.deepStrictEqual(chunks, copies)
  })

  it("knows about how large the table has become", () => {
    const writer = makeWriter()
    let before = writer.size
    for (let i = 0; i < 100; i++) {
      add(writer, put(`key ${1000 + i}`, 1, "value"))
      assert.isAbove(writer.size, before)
      before = writer.size
    }
    const meta = writer.finish()
    assert.isAbove(meta.size, before)
    assert.isBelow(meta.size, before * 2)
  })

  it.effect("takes keys and values from shared memory, at any offset", () =>
    Effect.gen(function*() {
      const arena = new Uint8Array(new SharedArrayBuffer(1024))
      arena.set(ascii("....alpha=one beta=two"))
      const writer = makeWriter()
      writer.add(arena, 4, 5, 2, RecordKind.put, arena, 10, 3)
      writer.add(arena, 14, 4, 1, RecordKind.put, arena, 19, 3)
      const meta = writer.finish()
      const bytes = new Uint8Array(Buffer.concat(writer.take()))
      arena.fill(0)
      const reader = yield* openTable({ meta, bytes })
      const found = yield* readVersions(reader.versions())
      assert.deepStrictEqual(found.map(show), [put("alpha", 2, "one"), put("beta", 1, "two")].map(show))
    }))

  it.effect("writes the longest keys, with versions that fill blocks of their own", () =>
    Effect.gen(function*() {
      const long = "k".repeat(maxKeyLength)
      const entries = [put("a", 1), put(long, 9, "new"), tombstone(long, 8), put(long, 2, "old"), put("z", 1)]
      const table = writeTable(entries)
      const reader = yield* openTable(table)
      assert.isAbove(reader.index.count, 2)
      assert.deepStrictEqual((yield* readVersions(reader.versions())).map(show), entries.map(show))
      assert.strictEqual(yield* lookup(reader, ascii(long), 5), show(put(long, 2, "old")))
    }))

  it.effect("writes a value that is much larger than a block", () =>
    Effect.gen(function*() {
      const value = new Uint8Array(3_000_000).map((_, i) => i % 253)
      const entries: ReadonlyArray<Entry> = [
        put("a", 1, "x"),
        { key: ascii("b"), sequence: 2, kind: RecordKind.put, value },
        put("c", 3, "y")
      ]
      const reader = yield* openTable(writeTable(entries))
      assert.strictEqual(reader.index.count, 3)
      const found = yield* readVersions(reader.versions())
      assert.deepStrictEqual(found.map(({ sequence }) => sequence), [1, 2, 3])
      assert.isTrue(Buffer.from(found[1]!.value).equals(value))
    }))
})
