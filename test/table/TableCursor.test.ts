import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { CursorStatus } from "../../src/record/Cursor.ts"
import { BlockCache } from "../../src/table/BlockCache.ts"
import { checkCursor, movesArbitrary } from "./CursorModel.ts"
import {
  ascii,
  blockSizeArbitrary,
  entriesArbitrary,
  move,
  openTable,
  put,
  readFile,
  readings,
  writeTable
} from "./TableFixture.ts"
import type { Entry } from "./TableFixture.ts"

/** Keys that share more and less with each other, some with many versions. */
const versionedKeys = ["k", "ka", "kb/1", "kb/2", "kb/22", "kc/1", "kc/2", "kc/3", "l", "la"]
const manyVersions: ReadonlyArray<Entry> = versionedKeys.flatMap((key, i) =>
  Array.from({ length: i % 3 === 2 ? 400 : 3 }, (_, version) => put(key, 1000 - version, `value${version}`))
)

describe("TableCursor", () => {
  for (const { cacheSize, mode, name } of readings) {
    it.effect.prop(
      `I8: moves and selects as the model does, ${name}`,
      { entries: entriesArbitrary, moves: movesArbitrary, blockSize: blockSizeArbitrary },
      ({ blockSize, entries, moves }) =>
        Effect.gen(function*() {
          const reader = yield* openTable(writeTable(entries, { blockSize }), {
            mode,
            cache: new BlockCache(cacheSize)
          })
          yield* checkCursor(reader.cursor(), entries, moves)
        }),
      { arbitrary: { runs: 60, size: 100 } }
    )

    it.effect.prop(
      `moves over keys whose versions fill many blocks, ${name}`,
      { moves: movesArbitrary, blockSize: blockSizeArbitrary },
      ({ blockSize, moves }) =>
        Effect.gen(function*() {
          const reader = yield* openTable(writeTable(manyVersions, { blockSize }), {
            mode,
            cache: new BlockCache(cacheSize)
          })
          yield* checkCursor(
            reader.cursor(),
            manyVersions,
            moves.map((each) => ({ ...each, key: ascii([...versionedKeys, "j", "kbb", "m"][each.entry % 13]!) }))
          )
        }),
      { arbitrary: { runs: 20, size: 60 } }
    )
  }

  it.effect("passes a key's many versions without reading all their blocks", () =>
    Effect.gen(function*() {
      const table = writeTable(manyVersions)
      const file = readFile(table.bytes)
      const reader = yield* openTable(table, { file, cache: new BlockCache(0) })
      const cursor = reader.cursor()
      cursor.seekAtOrAfter(ascii("kb/1"))
      file.reads.length = 0
      cursor.next()
      assert.strictEqual(Buffer.from(cursor.keyBuffer).toString("ascii", 0, cursor.keyLength), "kb/2")
      cursor.previous()
      cursor.select(700)
      assert.strictEqual(cursor.sequence, 700)
      assert.isAtMost(file.reads.length, 6)
    }))

  it.effect("selects an older version, then a newer one, of one key", () =>
    Effect.gen(function*() {
      const reader = yield* openTable(writeTable(manyVersions))
      const cursor = reader.cursor()
      cursor.seekAtOrAfter(ascii("kc/1"))
      for (const sequence of [650, 1000, 601, 900]) {
        cursor.select(sequence)
        assert.isTrue(cursor.selected)
        assert.strictEqual(cursor.sequence, sequence)
      }
      cursor.select(600)
      assert.isFalse(cursor.selected)
    }))

  it.effect("steps back right after it has come forward from another block to where it stepped back before", () =>
    Effect.gen(function*() {
      const numbers = Array.from({ length: 30 }, (_, i) => i + 10)
      const entries = [
        ...numbers.map((i) => put(`first/${i}`, 1)),
        put("second/", 1, "x".repeat(1000)),
        ...numbers.map((i) => put(`second/${i}`, 1))
      ]
      const reader = yield* openTable(writeTable(entries, { blockSize: 1024 }))
      assert.strictEqual(reader.index.count, 3)
      const cursor = reader.cursor()
      cursor.seekAtOrAfter(ascii("second/30"))
      cursor.previous()
      cursor.seekAtOrAfter(ascii("first/99"))
      for (let i = 0; i < 20; i++) cursor.next()
      assert.strictEqual(Buffer.from(cursor.keyBuffer).toString("ascii", 0, cursor.keyLength), "second/29")
      cursor.previous()
      assert.strictEqual(Buffer.from(cursor.keyBuffer).toString("ascii", 0, cursor.keyLength), "second/28")
    }))

  it.effect("goes on to the next key after it has looked at all versions of one", () =>
    Effect.gen(function*() {
      const reader = yield* openTable(writeTable(manyVersions, { blockSize: 1 << 20 }))
      assert.strictEqual(reader.index.count, 1)
      const cursor = reader.cursor()
      cursor.seekFirst()
      for (const key of versionedKeys) {
        assert.strictEqual(Buffer.from(cursor.keyBuffer).toString("ascii", 0, cursor.keyLength), key)
        cursor.select(0)
        assert.isFalse(cursor.selected)
        cursor.next()
      }
      assert.isFalse(cursor.valid)
    }))

  it.effect("has no position until the move that lacks a block has ended", () =>
    Effect.gen(function*() {
      const reader = yield* openTable(writeTable(manyVersions), { mode: "async", cache: new BlockCache(0) })
      const cursor = reader.cursor()
      assert.strictEqual(cursor.seekLast(), CursorStatus.needsLoad)
      assert.isFalse(cursor.valid)
      yield* move(cursor, () => CursorStatus.needsLoad)
      assert.isTrue(cursor.valid)
      assert.strictEqual(Buffer.from(cursor.keyBuffer).toString("ascii", 0, cursor.keyLength), "la")
    }))

  it.effect("ends a move after a load that failed and was done again", () =>
    Effect.gen(function*() {
      const table = writeTable(manyVersions)
      const sound = readFile(table.bytes)
      const broken = readFile(new Uint8Array(0))
      let failing = false
      const reader = yield* openTable(table, {
        mode: "async",
        cache: new BlockCache(0),
        file: { ...sound, read: (offset, length) => (failing ? broken : sound).read(offset, length) }
      })
      const cursor = reader.cursor()
      assert.strictEqual(cursor.seekFirst(), CursorStatus.needsLoad)
      failing = true
      assert.strictEqual((yield* Effect.flip(cursor.load))._tag, "DiskError")
      failing = false
      yield* cursor.load
      assert.strictEqual(cursor.resume(), CursorStatus.ready)
      assert.strictEqual(Buffer.from(cursor.keyBuffer).toString("ascii", 0, cursor.keyLength), "k")
    }))
})
