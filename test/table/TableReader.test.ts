import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Latch } from "effect"
import { checksum } from "../../src/record/Checksum.ts"
import { RecordKind } from "../../src/record/RecordKind.ts"
import { StoreCorrupted, UnsupportedFormat } from "../../src/StoreError.ts"
import { BlockCache } from "../../src/table/BlockCache.ts"
import { KeyHash } from "../../src/table/KeyHash.ts"
import { footerSize, sectionChecksum } from "../../src/table/TableFormat.ts"
import { TableResult, TableStatus } from "../../src/table/TableReader.ts"
import {
  ascii,
  blockSizeArbitrary,
  entriesArbitrary,
  expectedLookup,
  historyArbitrary,
  lookup,
  openTable,
  put,
  readFile,
  readings,
  readVersions,
  show,
  tombstone,
  writeTable
} from "./TableFixture.ts"
import type { Entry } from "./TableFixture.ts"

const versionsOf = (key: string, from: number, to: number): Array<Entry> => {
  const entries: Array<Entry> = []
  for (let sequence = to; sequence >= from; sequence--) entries.push(put(key, sequence, `${key}${sequence}`))
  return entries
}

describe("TableReader", () => {
  for (const { cacheSize, mode, name } of readings) {
    it.effect.prop(
      `I8 I11: gets what was written at every sequence, ${name}`,
      { entries: entriesArbitrary, other: historyArbitrary, blockSize: blockSizeArbitrary },
      ({ blockSize, entries, other }) =>
        Effect.gen(function*() {
          const reader = yield* openTable(writeTable(entries, { blockSize }), {
            mode,
            cache: new BlockCache(cacheSize)
          })
          const out = new TableResult()
          for (const { key, sequence } of [...entries, ...other]) {
            for (const at of [sequence, sequence - 1, Number.MAX_SAFE_INTEGER]) {
              assert.strictEqual(yield* lookup(reader, key, at, out), expectedLookup(entries, key, at))
            }
          }
        }),
      { arbitrary: { runs: 40, size: 100 } }
    )

    it.effect.prop(
      `gives every version in order, ${name}`,
      { entries: entriesArbitrary, blockSize: blockSizeArbitrary },
      ({ blockSize, entries }) =>
        Effect.gen(function*() {
          const cache = new BlockCache(cacheSize)
          const reader = yield* openTable(writeTable(entries, { blockSize }), { mode, cache })
          const found = yield* readVersions(reader.versions())
          assert.deepStrictEqual(found.map(show), entries.map(show))
          assert.strictEqual(cache.bytes, 0)
        }),
      { arbitrary: { runs: 40, size: 100 } }
    )
  }

  it.effect("finds each of many versions that fill many blocks", () =>
    Effect.gen(function*() {
      const entries = [...versionsOf("a", 1, 3), ...versionsOf("b", 1, 500), ...versionsOf("bb", 1, 2)]
      const file = readFile(writeTable(entries).bytes)
      const reader = yield* openTable(writeTable(entries), { file, cache: new BlockCache(0) })
      for (let sequence = 0; sequence <= 501; sequence++) {
        file.reads.length = 0
        const key = ascii("b")
        assert.strictEqual(yield* lookup(reader, key, sequence), expectedLookup(entries, key, sequence))
        assert.isAtMost(file.reads.length, 1)
      }
    }))

  it.effect("reads no block for a key that the filter excludes", () =>
    Effect.gen(function*() {
      const table = writeTable([put("a", 1), put("c", 2)])
      const file = readFile(table.bytes)
      const reader = yield* openTable(table, { file })
      file.reads.length = 0
      let excluded = 0
      for (let i = 0; i < 1000; i++) {
        const key = ascii(`b${i}`)
        if (reader.mayContain(key)) continue
        excluded++
        assert.strictEqual(reader.get(key, 9, new TableResult()), TableStatus.absent)
      }
      assert.isAbove(excluded, 900)
      assert.strictEqual(file.reads.length, 0)
    }))

  it.effect("may contain anything without a filter", () =>
    Effect.gen(function*() {
      const reader = yield* openTable(writeTable([put("a", 1)], { filterBitsPerKey: 0 }))
      assert.isTrue(reader.mayContain(ascii("b")))
      assert.strictEqual(yield* lookup(reader, ascii("b"), 9), "absent")
    }))

  it.effect("takes a hash that the caller has made", () =>
    Effect.gen(function*() {
      const reader = yield* openTable(writeTable([put("a", 1), tombstone("b", 2)]))
      const hash = new KeyHash()
      hash.set(ascii("b"), 0, 1)
      assert.strictEqual(reader.getHashed(ascii("b"), hash, 9, new TableResult()), TableStatus.deleted)
    }))

  it.effect("hands a loaded block to the retry although other lookups have filled the cache since", () =>
    Effect.gen(function*() {
      const entries = versionsOf("k", 1, 200)
      const reader = yield* openTable(writeTable(entries), { mode: "async", cache: new BlockCache(600) })
      const out = new TableResult()
      assert.strictEqual(reader.get(ascii("k"), 200, out), TableStatus.needsLoad)
      yield* reader.load(out)
      for (let sequence = 1; sequence < 150; sequence += 10) yield* lookup(reader, ascii("k"), sequence)
      assert.strictEqual(reader.get(ascii("k"), 200, out), TableStatus.found)
      assert.strictEqual(out.sequence, 200)
    }))

  it.effect("does not mistake a block loaded for another lookup", () =>
    Effect.gen(function*() {
      const entries = versionsOf("k", 1, 200)
      const reader = yield* openTable(writeTable(entries), { mode: "async", cache: new BlockCache(0) })
      const out = new TableResult()
      assert.strictEqual(reader.get(ascii("k"), 200, out), TableStatus.needsLoad)
      yield* reader.load(out)
      assert.strictEqual(yield* lookup(reader, ascii("k"), 3, out), show(put("k", 3, "k3")))
    }))

  it.effect("reads ahead in pieces of many blocks", () =>
    Effect.gen(function*() {
      const entries = versionsOf("k", 1, 20_000)
      const table = writeTable(entries, { blockSize: 1024 })
      const file = readFile(table.bytes)
      const reader = yield* openTable(table, { file })
      file.reads.length = 0
      const found = yield* readVersions(reader.versions())
      assert.strictEqual(found.length, entries.length)
      assert.isAtMost(file.reads.length, Math.ceil(table.bytes.length / (200 * 1024)))
      assert.isAtMost(Math.max(...file.reads), 256 * 1024)
    }))

  it.effect("counts the memory that its index and filter hold", () =>
    Effect.gen(function*() {
      const small = yield* openTable(writeTable(versionsOf("k", 1, 10)))
      const large = yield* openTable(writeTable(versionsOf("k", 1, 1000)))
      assert.isAbove(large.memoryBytes, small.memoryBytes)
    }))

  it.effect("forgets its blocks when it is closed", () =>
    Effect.gen(function*() {
      const cache = new BlockCache(1 << 20)
      const reader = yield* openTable(writeTable([put("a", 1)]), { cache })
      yield* lookup(reader, ascii("a"), 1)
      assert.strictEqual(cache.blocks, 1)
      yield* reader.close
      assert.strictEqual(cache.blocks, 0)
    }))

  it.effect("reads an empty table", () =>
    Effect.gen(function*() {
      const reader = yield* openTable(writeTable([]))
      assert.strictEqual(yield* lookup(reader, ascii("a"), 1), "absent")
      assert.deepStrictEqual(yield* readVersions(reader.versions()), [])
    }))

  it.effect("I15: refuses a file of another size", () =>
    Effect.gen(function*() {
      const table = writeTable([put("a", 1)])
      const longer = new Uint8Array(table.bytes.length + 1)
      longer.set(table.bytes)
      const error = yield* Effect.flip(openTable(table, { file: readFile(longer) }))
      assert.instanceOf(error, StoreCorrupted)
    }))

  it.effect("I15: refuses a sound table that is not the one that the manifest names", () =>
    Effect.gen(function*() {
      const table = writeTable([put("a", 1, "x")])
      const other = writeTable([put("b", 1, "x")])
      assert.strictEqual(table.bytes.length, other.bytes.length)
      const error = yield* Effect.flip(openTable({ meta: table.meta, bytes: other.bytes }))
      assert.instanceOf(error, StoreCorrupted)
    }))

  it.effect("I15: refuses a table whose properties are not the manifest's", () =>
    Effect.gen(function*() {
      const { bytes, meta } = writeTable([put("a", 1)])
      const fields = ["entries", "tombstones", "shadowed", "smallestSequence", "largestSequence"] as const
      for (const field of fields) {
        const error = yield* Effect.flip(openTable({ bytes, meta: { ...meta, [field]: meta[field] + 1 } }))
        assert.instanceOf(error, StoreCorrupted, field)
      }
    }))

  it.effect("does not care which level the table has moved to", () =>
    Effect.gen(function*() {
      const { bytes, meta } = writeTable([put("a", 1)])
      const reader = yield* openTable({ bytes, meta: { ...meta, level: 6 } })
      assert.strictEqual(yield* lookup(reader, ascii("a"), 1), show(put("a", 1)))
    }))

  it.effect("refuses a sound footer of an unknown version as unsupported", () =>
    Effect.gen(function*() {
      const { bytes, meta } = writeTable([put("a", 1)])
      const later = bytes.slice()
      const footerOffset = later.length - footerSize
      const footer = later.subarray(footerOffset)
      const view = new DataView(later.buffer, footerOffset)
      view.setUint32(32, 2, true)
      const footerChecksum = checksum(
        footer.subarray(40),
        sectionChecksum(footer.subarray(0, 36), meta.file, footerOffset)
      )
      view.setUint32(36, footerChecksum, true)
      const error = yield* Effect.flip(openTable({ bytes: later, meta: { ...meta, footerChecksum } }))
      assert.instanceOf(error, UnsupportedFormat)
    }))

  it.effect("fails with the disk's error when a read fails", () =>
    Effect.gen(function*() {
      const table = writeTable([put("a", 1)])
      const empty = readFile(new Uint8Array(0))
      const file = { ...readFile(table.bytes), read: (offset: number, length: number) => empty.read(offset, length) }
      const error = yield* Effect.flip(openTable(table, { file }))
      assert.strictEqual(error._tag, "DiskError")
    }))

  it.effect("reads a block once for all lookups that lack it at the same time", () =>
    Effect.gen(function*() {
      const table = writeTable([put("a", 1), put("b", 2)])
      const sound = readFile(table.bytes)
      const latch = yield* Latch.make()
      const reader = yield* openTable(table, {
        mode: "async",
        cache: new BlockCache(0),
        file: {
          ...sound,
          read: (offset, length) =>
            offset > 0 ? sound.read(offset, length) : Effect.andThen(latch.await, sound.read(offset, length))
        }
      })
      sound.reads.length = 0
      const [first, ...others] = yield* Effect.forEach(
        ["a", "b", "a"],
        (key) => Effect.forkChild(lookup(reader, ascii(key), 9), { startImmediately: true })
      )
      yield* Fiber.interrupt(first!)
      yield* latch.open
      assert.deepStrictEqual(yield* Effect.forEach(others, Fiber.join), [show(put("b", 2)), show(put("a", 1))])
      assert.strictEqual(sound.reads.length, 1)
      assert.strictEqual(yield* lookup(reader, ascii("a"), 9), show(put("a", 1)))
      assert.strictEqual(sound.reads.length, 2)
    }))

  it.effect("keeps a deletion apart from an empty value", () =>
    Effect.gen(function*() {
      const reader = yield* openTable(writeTable([put("a", 2), tombstone("b", 1)]))
      const out = new TableResult()
      assert.strictEqual(reader.get(ascii("a"), 9, out), TableStatus.found)
      assert.strictEqual(out.valueLength, 0)
      assert.strictEqual(reader.get(ascii("b"), 9, out), TableStatus.deleted)
      assert.strictEqual((yield* readVersions(reader.versions()))[1]!.kind, RecordKind.delete)
    }))
})
