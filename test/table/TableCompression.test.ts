import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { RecordKind } from "../../src/record/RecordKind.ts"
import { BlockCache } from "../../src/table/BlockCache.ts"
import { CompressionCode } from "../../src/table/BlockCodec.ts"
import type { Compression } from "../../src/table/Compression.ts"
import { TableResult } from "../../src/table/TableReader.ts"
import type { TableReader } from "../../src/table/TableReader.ts"
import { drain, everything, expectedEntries, sourceOf } from "./SourceModel.ts"
import {
  ascii,
  blockSizeArbitrary,
  entriesArbitrary,
  expectedLookup,
  halfCompressible,
  lookup,
  noise,
  openTable,
  readings,
  readVersions,
  show,
  writeTable
} from "./TableFixture.ts"
import type { Entry, TableBytes } from "./TableFixture.ts"

const compressions: ReadonlyArray<Compression> = ["lz4", "zstd"]

const entriesOf = (count: number, value: (i: number) => Uint8Array): ReadonlyArray<Entry> =>
  Array.from({ length: count }, (_, i) => ({
    key: ascii(`key ${100_000 + i}`),
    sequence: i + 1,
    kind: RecordKind.put,
    value: value(i)
  }))

const codesOf = (table: TableBytes, reader: TableReader): Array<number> =>
  Array.from({ length: reader.index.count }, (_, block) => table.bytes[reader.index.extent(0, block + 1) - 5]!)

describe("a compressed table", () => {
  for (const { cacheSize, mode, name } of readings) {
    it.effect.prop(
      `I8 I11: gives what was written, in every way of reading, ${name}`,
      { entries: entriesArbitrary, blockSize: blockSizeArbitrary, compression: Schema.Literals(compressions) },
      ({ blockSize, compression, entries }) =>
        Effect.gen(function*() {
          const table = writeTable(entries, { blockSize, compression })
          const reader = yield* openTable(table, { mode, cache: new BlockCache(cacheSize) })
          assert.deepStrictEqual((yield* readVersions(reader.versions())).map(show), entries.map(show))
          const out = new TableResult()
          for (const { key, sequence } of entries) {
            assert.strictEqual(yield* lookup(reader, key, sequence, out), expectedLookup(entries, key, sequence))
          }
          for (const reverse of [false, true]) {
            const range = { ...everything, reverse }
            assert.deepStrictEqual(yield* drain(sourceOf([reader], range)), expectedEntries(entries, range))
          }
        }),
      { arbitrary: { runs: 20, size: 100 } }
    )
  }

  for (const [compression, code] of [["lz4", CompressionCode.lz4], ["zstd", CompressionCode.zstd]] as const) {
    it.effect(`takes about half the bytes of half-compressible values, with ${compression}`, () =>
      Effect.gen(function*() {
        const entries = entriesOf(2000, (i) => halfCompressible(100, i))
        const plain = writeTable(entries, { blockSize: 4096 })
        const table = writeTable(entries, { blockSize: 4096, compression })
        assert.isBelow(table.bytes.length, plain.bytes.length * 0.75)
        const reader = yield* openTable(table)
        assert.isTrue(codesOf(table, reader).every((found) => found === code))
        assert.deepStrictEqual((yield* readVersions(reader.versions())).map(show), entries.map(show))
      }))

    it.effect(`stores blocks that do not shrink as they are, with ${compression}`, () =>
      Effect.gen(function*() {
        const entries = entriesOf(400, (i) => i < 200 ? noise(1000, i) : new Uint8Array(1000))
        const table = writeTable(entries, { blockSize: 4096, compression })
        const reader = yield* openTable(table)
        assert.deepStrictEqual(new Set(codesOf(table, reader)), new Set([CompressionCode.none, code]))
        assert.deepStrictEqual((yield* readVersions(reader.versions())).map(show), entries.map(show))
      }))

    it.effect(`caches blocks decompressed, and counts them so, with ${compression}`, () =>
      Effect.gen(function*() {
        const entries = entriesOf(1000, () => new Uint8Array(100))
        const table = writeTable(entries, { blockSize: 4096, compression })
        assert.isBelow(table.bytes.length, 50_000)
        const cache = new BlockCache(1 << 24)
        const reader = yield* openTable(table, { cache })
        const before = cache.bytes
        for (const { key, sequence } of entries) yield* lookup(reader, key, sequence)
        assert.isAbove(cache.bytes - before, 100_000)
        assert.strictEqual(cache.misses, reader.index.count)
      }))

    it.effect(`has values around 64 KiB and longer ones, with ${compression}`, () =>
      Effect.gen(function*() {
        const lengths = [65_000, 65_535, 65_536, 65_537, 70_000, 300_000, 4_100_000, 4_300_000]
        const entries = entriesOf(lengths.length, (i) => halfCompressible(lengths[i]!, i))
        const reader = yield* openTable(writeTable(entries, { blockSize: 4096, compression }))
        const found = yield* readVersions(reader.versions())
        assert.strictEqual(found.length, entries.length)
        found.forEach(({ value }, i) => assert.isTrue(Buffer.compare(value, entries[i]!.value) === 0, `${lengths[i]}`))
      }))
  }

  it.effect("has blocks of at least 16 KiB with zstd, and of the size that was asked for with lz4", () =>
    Effect.gen(function*() {
      const entries = entriesOf(3000, (i) => halfCompressible(100, i))
      const count = (compression: Compression, blockSize: number) =>
        Effect.map(openTable(writeTable(entries, { blockSize, compression })), (reader) => reader.index.count)
      assert.strictEqual(yield* count("lz4", 4096), yield* count("none", 4096))
      assert.strictEqual(yield* count("zstd", 4096), yield* count("none", 16_384))
      assert.strictEqual(yield* count("zstd", 65_536), yield* count("none", 65_536))
    }))
})
