import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Schema } from "effect"
import { compareBytes } from "../../src/record/Bytes.ts"
import { CursorStatus } from "../../src/record/Cursor.ts"
import { BlockCache } from "../../src/table/BlockCache.ts"
import { RunCursor } from "../../src/table/RunCursor.ts"
import { SortedRun } from "../../src/table/SortedRun.ts"
import { checkCursor, movesArbitrary } from "./CursorModel.ts"
import {
  ascii,
  blockSizeArbitrary,
  entriesArbitrary,
  keyArbitrary,
  move,
  openTable,
  put,
  readFile,
  readings,
  writeTable
} from "./TableFixture.ts"
import type { Entry, ReadOptions } from "./TableFixture.ts"

const cutsArbitrary = Arbitrary.array(
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 150 }))),
  { maxLength: 8 }
)

/** Cuts sorted entries between keys into the contents of tables, none of them empty. */
const cut = (entries: ReadonlyArray<Entry>, cuts: ReadonlyArray<number>): Array<ReadonlyArray<Entry>> => {
  const parts: Array<Array<Entry>> = []
  for (const [i, entry] of entries.entries()) {
    const before = entries[i - 1]
    const beginsKey = before === undefined || compareBytes(before.key, entry.key) !== 0
    if (before === undefined || (cuts.includes(i) && beginsKey)) parts.push([])
    parts.at(-1)?.push(entry)
  }
  return parts
}

const openRun = (parts: ReadonlyArray<ReadonlyArray<Entry>>, options: ReadOptions & { blockSize?: number } = {}) =>
  Effect.map(
    Effect.forEach(
      parts,
      (entries, i) => openTable(writeTable(entries, { file: i + 1, blockSize: options.blockSize ?? 128 }), options)
    ),
    (readers) => new SortedRun(readers.map((reader) => ({ reader })))
  )

const text = (cursor: RunCursor): string =>
  Buffer.from(cursor.keyBuffer).toString("ascii", cursor.keyOffset, cursor.keyOffset + cursor.keyLength)

const numbered = (from: number, to: number): Array<Entry> =>
  Array.from({ length: to - from }, (_, i) => put(`key ${from + i}`, from + i))

describe("SortedRun", () => {
  it.effect.prop(
    "I11: finds the only table that may hold a key",
    { entries: entriesArbitrary, cuts: cutsArbitrary, keys: Arbitrary.array(keyArbitrary, { maxLength: 20 }) },
    ({ cuts, entries, keys }) =>
      Effect.gen(function*() {
        const parts = cut(entries, cuts)
        const run = yield* openRun(parts)
        for (const key of [...keys, ...entries.map((entry) => entry.key)]) {
          const below = parts.findLastIndex((part) => compareBytes(part[0]!.key, key) <= 0)
          const above = parts.findIndex((part) => compareBytes(part.at(-1)!.key, key) >= 0)
          assert.strictEqual(run.find(key), below === above ? below : -1)
          assert.strictEqual(run.atOrBefore(key), below)
          assert.strictEqual(run.atOrAfter(key), above < 0 ? parts.length : above)
        }
      }),
    { arbitrary: { runs: 100, size: 100 } }
  )

  it.effect("tells tables apart whose bounds begin with the same long bytes", () =>
    Effect.gen(function*() {
      const long = "a long beginning that every key has/"
      const run = yield* openRun([
        [put(`${long}item a 1`, 1), put(`${long}item a 3`, 2)],
        [put(`${long}item a 5`, 3), put(`${long}item a 7`, 4)]
      ])
      const found = ["0", "1", "2", "3", "4", "5", "6", "7", "8"].map((end) => run.find(ascii(`${long}item a ${end}`)))
      assert.deepStrictEqual(found, [-1, 0, 0, 0, -1, 1, 1, 1, -1])
      assert.strictEqual(run.find(ascii(long)), -1)
      assert.strictEqual(run.find(ascii("a long")), -1)
      assert.strictEqual(run.find(ascii("b")), -1)
    }))
})

describe("RunCursor", () => {
  for (const { cacheSize, mode, name } of readings) {
    it.effect.prop(
      `I8: moves and selects over the tables of a run as the model does over their union, ${name}`,
      { entries: entriesArbitrary, cuts: cutsArbitrary, moves: movesArbitrary, blockSize: blockSizeArbitrary },
      ({ blockSize, cuts, entries, moves }) =>
        Effect.gen(function*() {
          const run = yield* openRun(cut(entries, cuts), { mode, cache: new BlockCache(cacheSize), blockSize })
          yield* checkCursor(new RunCursor(run), entries, moves)
        }),
      { arbitrary: { runs: 60, size: 100 } }
    )
  }

  it.effect("has no position over no tables", () => checkCursor(new RunCursor(new SortedRun([])), [], []))

  it.effect("reads only the tables that a range lies in", () =>
    Effect.gen(function*() {
      const parts = [numbered(10, 30), numbered(30, 60), numbered(60, 90)]
      const files = parts.map((entries, i) => readFile(writeTable(entries, { file: i + 1 }).bytes))
      const readers = yield* Effect.forEach(parts, (entries, i) =>
        openTable(writeTable(entries, { file: i + 1 }), { file: files[i]! }))
      for (const file of files) {
        file.reads.length = 0
      }
      const cursor = new RunCursor(new SortedRun(readers.map((reader) => ({ reader }))))
      cursor.seekAtOrAfter(ascii("key 35"))
      while (text(cursor) !== "key 58") {
        cursor.next()
      }
      while (text(cursor) !== "key 30") {
        cursor.previous()
      }
      assert.strictEqual(files[0]!.reads.length, 0)
      assert.isAbove(files[1]!.reads.length, 0)
      assert.strictEqual(files[2]!.reads.length, 0)
    }))

  it.effect("can be moved to another table instead of ending a move that lacks a block", () =>
    Effect.gen(function*() {
      const run = yield* openRun([numbered(10, 30), numbered(30, 60)], { mode: "async", cache: new BlockCache(0) })
      const cursor = new RunCursor(run)
      assert.strictEqual(cursor.seekFirst(), CursorStatus.needsLoad)
      assert.isFalse(cursor.valid)
      yield* move(cursor, () => cursor.seekAtOrBefore(ascii("key 30")))
      assert.strictEqual(text(cursor), "key 30")
      assert.strictEqual(cursor.previous(), CursorStatus.needsLoad)
      yield* move(cursor, () => cursor.seekAtOrAfter(ascii("key 45")))
      assert.strictEqual(text(cursor), "key 45")
      assert.strictEqual(cursor.resume(), CursorStatus.ready)
      assert.strictEqual(text(cursor), "key 45")
    }))

  it.effect("ends a move into the next table after a load that failed and was done again", () =>
    Effect.gen(function*() {
      const second = writeTable(numbered(30, 40), { file: 2 })
      const sound = readFile(second.bytes)
      const broken = readFile(new Uint8Array(0))
      let failing = false
      const readers = [
        yield* openTable(writeTable(numbered(10, 30), { file: 1 })),
        yield* openTable(second, {
          mode: "async",
          file: { ...sound, read: (offset, length) => (failing ? broken : sound).read(offset, length) }
        })
      ]
      const cursor = new RunCursor(new SortedRun(readers.map((reader) => ({ reader }))))
      cursor.seekAtOrAfter(ascii("key 29"))
      assert.strictEqual(cursor.next(), CursorStatus.needsLoad)
      failing = true
      assert.strictEqual((yield* Effect.flip(cursor.load))._tag, "DiskError")
      failing = false
      yield* cursor.load
      assert.strictEqual(cursor.resume(), CursorStatus.ready)
      assert.strictEqual(text(cursor), "key 30")
    }))
})
