import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Schema } from "effect"
import { compareBytes } from "../../src/record/Bytes.ts"
import type { EntryRange, EntrySource } from "../../src/record/EntryBatch.ts"
import { BlockCache } from "../../src/table/BlockCache.ts"
import { EntryMerge } from "../../src/table/EntryMerge.ts"
import { ReadAhead } from "../../src/table/ReadAhead.ts"
import type { ReadMode } from "../../src/table/ReadPolicy.ts"
import { everything, frontKey, settle, sourceOf } from "./SourceModel.ts"
import { entriesArbitrary, openTable, put, readFile, readings, writeTable } from "./TableFixture.ts"
import type { Entry, TableError } from "./TableFixture.ts"

const numbered = (from: number, to: number, valueLength = 10): Array<Entry> =>
  Array.from(
    { length: to - from },
    (_, i) => put(`key ${String(from + i).padStart(6, "0")}`, from + i + 1, "v".repeat(valueLength))
  )

/** All keys, read by new sources after every few of them, as a scan reads whose tables change. */
const scan = (
  makeSources: (range: EntryRange) => ReadonlyArray<EntrySource>,
  keysPerSource: number,
  reverse: boolean
): Effect.Effect<Array<Uint8Array>, TableError> =>
  Effect.gen(function*() {
    const keys: Array<Uint8Array> = []
    for (;;) {
      const position = keys.at(-1)
      const start = position === undefined ? undefined : { key: position, inclusive: false }
      const merge = new EntryMerge(makeSources({ ...everything, start, reverse }), undefined, reverse)
      yield* settle(merge)
      for (let i = 0; i < keysPerSource; i++) {
        if (merge.front(1) === 0) return keys
        keys.push(frontKey(merge.batch))
        merge.pass(1)
        yield* settle(merge)
      }
    }
  })

/** The lengths of the reads that a whole scan of one table makes. */
const readsOfScan = (
  mode: ReadMode,
  options: { readonly reverse?: boolean; readonly keysPerSource?: number; readonly cache?: BlockCache } = {}
) =>
  Effect.gen(function*() {
    const entries = numbered(0, 20_000, 60)
    const table = writeTable(entries, { blockSize: 4096 })
    const file = readFile(table.bytes)
    const reader = yield* openTable(table, { file, mode, cache: options.cache ?? new BlockCache(0) })
    file.reads.length = 0
    const ahead = new ReadAhead()
    const keys = yield* scan(
      (range) => {
        ahead.renew()
        return [sourceOf([reader], range, ahead)]
      },
      options.keysPerSource ?? 100,
      options.reverse ?? false
    )
    assert.strictEqual(keys.length, entries.length)
    const bytes = file.reads.reduce((sum, length) => sum + length, 0)
    return { reads: file.reads, bytes, data: reader.index.extent(0, reader.index.count), count: reader.index.count }
  })

describe("ReadAhead", () => {
  for (const { cacheSize, mode, name } of readings) {
    it.effect.prop(
      `I8: a scan by many sources finds every key, ${name}`,
      {
        entries: entriesArbitrary,
        keysPerSource: Arbitrary.schema(Schema.Literals([1, 2, 5, 50])),
        split: Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 150 }))),
        reverse: Arbitrary.schema(Schema.Boolean)
      },
      ({ entries, keysPerSource, reverse, split }) =>
        Effect.gen(function*() {
          const cache = new BlockCache(cacheSize)
          const open = (part: ReadonlyArray<Entry>, file: number) =>
            openTable(writeTable(part, { file }), { mode, cache })
          const even = yield* open(entries.filter((entry) => entry.key.length % 2 === 0), 1)
          const odd = entries.filter((entry) => entry.key.length % 2 === 1)
          const bound = odd[split % Math.max(1, odd.length)]?.key ?? new Uint8Array(0)
          const parts = [
            odd.filter((entry) => compareBytes(entry.key, bound) < 0),
            odd.filter((entry) => compareBytes(entry.key, bound) >= 0)
          ].filter((part) => part.length > 0)
          const run = yield* Effect.forEach(parts, (part, i) => open(part, i + 2))
          const ahead = new ReadAhead()
          const found = yield* scan(
            (range) => {
              ahead.renew()
              return [sourceOf([even], range, ahead), sourceOf(run, range, ahead)]
            },
            keysPerSource,
            reverse
          )
          const expected = entries.map((entry) => entry.key).filter((key, i, all) =>
            i === 0 || compareBytes(key, all[i - 1]!) !== 0
          )
          if (reverse) expected.reverse()
          assert.deepStrictEqual(found.map((key) => key.join()), expected.map((key) => key.join()))
        }),
      { arbitrary: { runs: 60, size: 100 } }
    )
  }

  for (const reverse of [false, true]) {
    const name = reverse ? "backward" : "forward"
    it.effect(`reads pieces that grow to a quarter of a mebibyte through the pool, ${name}`, () =>
      Effect.gen(function*() {
        const { bytes, data, reads } = yield* readsOfScan("async", { reverse })
        assert.strictEqual(bytes, data)
        assert.isAtMost(Math.max(...reads), 256 * 1024)
        assert.isAtLeast(Math.max(...reads), 200 * 1024)
        assert.isAtMost(reads.length, 7 + data / (200 * 1024))
      }))

    it.effect(`reads no more than 32 KiB at once, ${name}`, () =>
      Effect.gen(function*() {
        const { bytes, data, reads } = yield* readsOfScan("sync", { reverse })
        assert.strictEqual(bytes, data)
        assert.isAtMost(Math.max(...reads), 32 * 1024)
        assert.isAtMost(reads.length, 4 + data / (24 * 1024))
      }))
  }

  it.effect("goes on with long pieces from source to source, however few keys each gives", () =>
    Effect.gen(function*() {
      const { bytes, data, reads } = yield* readsOfScan("async", { keysPerSource: 1 })
      assert.strictEqual(bytes, data)
      assert.isAtMost(reads.length, 7 + data / (200 * 1024))
    }))

  it.effect("leaves no more than a scan's first few blocks in the cache", () =>
    Effect.gen(function*() {
      const cache = new BlockCache(8 << 20)
      const { count } = yield* readsOfScan("async", { cache })
      assert.isAbove(count, 100)
      assert.isAtMost(cache.blocks, 7)
      assert.isAtLeast(cache.blocks, 1)
    }))

  it.effect("reads one block for a short range, and the cached blocks of a short range not again", () =>
    Effect.gen(function*() {
      const table = writeTable(numbered(0, 2000, 60), { blockSize: 4096 })
      const file = readFile(table.bytes)
      const reader = yield* openTable(table, { file, mode: "async" })
      file.reads.length = 0
      const range = (keys: number) =>
        Effect.gen(function*() {
          const start = { key: numbered(500, 501)[0]!.key, inclusive: true }
          const source = sourceOf([reader], { ...everything, start })
          yield* settle(source)
          for (let i = 0; i < keys; i++) {
            source.batch.pass(1)
            yield* settle(source)
          }
        })
      yield* range(0)
      assert.strictEqual(file.reads.length, 1)
      assert.isAtMost(file.reads[0]!, 5000)
      yield* range(100)
      const { length } = file.reads
      assert.isAtMost(length, 3)
      yield* range(100)
      assert.strictEqual(file.reads.length, length)
    }))

  it.effect("I15: damage in blocks that were read ahead harms only those who reach them", () =>
    Effect.gen(function*() {
      const entries = numbered(0, 4000, 60)
      const table = writeTable(entries, { blockSize: 4096 })
      const sound = yield* openTable(table)
      const damaged = Math.floor(sound.index.count / 2)
      const bytes = table.bytes.slice()
      bytes[sound.index.offset(damaged) + 100]! ^= 1
      for (const mode of ["sync", "async"] as const) {
        const reader = yield* openTable({ meta: table.meta, bytes }, { mode, cache: new BlockCache(0) })
        const source = sourceOf([reader])
        let read = 0
        const error = yield* Effect.flip(Effect.gen(function*() {
          for (yield* settle(source); source.batch.left > 0; yield* settle(source)) {
            read += source.batch.left
            source.batch.pass(source.batch.left)
          }
        }))
        assert.strictEqual(error._tag, "StoreCorrupted")
        assert.isAtLeast(read, Math.floor(entries.length * 0.45))
        assert.strictEqual(source.batch.left, 0)
      }
    }))

  it.effect("forgets tables that its sources do not reach any more", () =>
    Effect.gen(function*() {
      const reader = yield* openTable(writeTable(numbered(0, 10)))
      const ahead = new ReadAhead()
      const first = ahead.of(reader)
      ahead.renew()
      assert.strictEqual(ahead.of(reader), first)
      ahead.renew()
      ahead.renew()
      assert.notStrictEqual(ahead.of(reader), first)
    }))
})
