import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Schema } from "effect"
import { compareBytes } from "../../src/record/Bytes.ts"
import type { Cursor } from "../../src/record/Cursor.ts"
import { BlockCache } from "../../src/table/BlockCache.ts"
import { MergingCursor } from "../../src/table/MergingCursor.ts"
import { ReadAhead } from "../../src/table/ReadAhead.ts"
import type { ReadMode } from "../../src/table/ReadPolicy.ts"
import { RunCursor } from "../../src/table/RunCursor.ts"
import { SortedRun } from "../../src/table/SortedRun.ts"
import { entriesArbitrary, move, openTable, put, readFile, readings, writeTable } from "./TableFixture.ts"
import type { Entry, TableError } from "./TableFixture.ts"

const numbered = (from: number, to: number, valueLength = 10): Array<Entry> =>
  Array.from(
    { length: to - from },
    (_, i) => put(`key ${String(from + i).padStart(6, "0")}`, from + i + 1, "v".repeat(valueLength))
  )

const keyOf = (cursor: Cursor): Uint8Array =>
  cursor.keyBuffer.slice(cursor.keyOffset, cursor.keyOffset + cursor.keyLength)

/** All keys, read by a new cursor after every few of them, as a scan reads. */
const scan = (
  makeCursor: () => Cursor,
  keysPerCursor: number,
  reverse: boolean
): Effect.Effect<Array<Uint8Array>, TableError> =>
  Effect.gen(function*() {
    const keys: Array<Uint8Array> = []
    for (;;) {
      const cursor = makeCursor()
      const position = keys.at(-1)
      if (position === undefined) {
        yield* move(cursor, () => reverse ? cursor.seekLast() : cursor.seekFirst())
      } else {
        yield* move(cursor, () => reverse ? cursor.seekAtOrBefore(position) : cursor.seekAtOrAfter(position))
        yield* move(cursor, () => reverse ? cursor.previous() : cursor.next())
      }
      for (let i = 0; i < keysPerCursor; i++) {
        if (!cursor.valid) return keys
        keys.push(keyOf(cursor))
        yield* move(cursor, () => reverse ? cursor.previous() : cursor.next())
      }
    }
  })

/** The lengths of the reads that a whole scan of one table makes. */
const readsOfScan = (
  mode: ReadMode,
  options: { readonly reverse?: boolean; readonly keysPerCursor?: number; readonly cache?: BlockCache } = {}
) =>
  Effect.gen(function*() {
    const entries = numbered(0, 20_000, 60)
    const table = writeTable(entries, { blockSize: 4096 })
    const file = readFile(table.bytes)
    const reader = yield* openTable(table, { file, mode, cache: options.cache ?? new BlockCache(0) })
    file.reads.length = 0
    const ahead = new ReadAhead()
    const keys = yield* scan(
      () => {
        ahead.renew()
        return reader.cursor(ahead)
      },
      options.keysPerCursor ?? 100,
      options.reverse ?? false
    )
    assert.strictEqual(keys.length, entries.length)
    const bytes = file.reads.reduce((sum, length) => sum + length, 0)
    return { reads: file.reads, bytes, data: reader.index.extent(0, reader.index.count), count: reader.index.count }
  })

describe("ReadAhead", () => {
  for (const { cacheSize, mode, name } of readings) {
    it.effect.prop(
      `I8: a scan of many cursors finds every key, ${name}`,
      {
        entries: entriesArbitrary,
        keysPerCursor: Arbitrary.schema(Schema.Literals([1, 2, 5, 50])),
        split: Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 150 }))),
        reverse: Arbitrary.schema(Schema.Boolean)
      },
      ({ entries, keysPerCursor, reverse, split }) =>
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
          const run = new SortedRun(
            (yield* Effect.forEach(parts, (part, i) => open(part, i + 2))).map((reader) => ({ reader }))
          )
          const ahead = new ReadAhead()
          const found = yield* scan(
            () => {
              ahead.renew()
              return new MergingCursor([even.cursor(ahead), new RunCursor(run, ahead)])
            },
            keysPerCursor,
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

  it.effect("goes on with long pieces from cursor to cursor, however few keys each reads", () =>
    Effect.gen(function*() {
      const { bytes, data, reads } = yield* readsOfScan("async", { keysPerCursor: 1 })
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

  it.effect("reads one block for a lookup by cursor, and the cached blocks of a short range not again", () =>
    Effect.gen(function*() {
      const table = writeTable(numbered(0, 2000, 60), { blockSize: 4096 })
      const file = readFile(table.bytes)
      const reader = yield* openTable(table, { file, mode: "async" })
      file.reads.length = 0
      const range = (keys: number) =>
        Effect.gen(function*() {
          const cursor = reader.cursor(new ReadAhead())
          yield* move(cursor, () => cursor.seekAtOrAfter(numbered(500, 501)[0]!.key))
          for (let i = 0; i < keys; i++) yield* move(cursor, () => cursor.next())
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
        const cursor = reader.cursor(new ReadAhead())
        let read = 0
        const error = yield* Effect.flip(Effect.gen(function*() {
          yield* move(cursor, () => cursor.seekFirst())
          for (; cursor.valid; read++) yield* move(cursor, () => cursor.next())
        }))
        assert.strictEqual(error._tag, "StoreCorrupted")
        assert.isAtLeast(read, Math.floor(entries.length * 0.45))
        assert.isFalse(cursor.valid)
      }
    }))

  it.effect("forgets tables that its cursors do not reach any more", () =>
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
