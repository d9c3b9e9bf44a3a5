import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { CursorStatus } from "../../src/record/Cursor.ts"
import { BlockCache } from "../../src/table/BlockCache.ts"
import { checkCursor, movesArbitrary } from "./CursorModel.ts"
import { ascii, entriesArbitrary, move, openTable, put, readFile, readings, writeTable } from "./TableFixture.ts"
import type { Entry } from "./TableFixture.ts"

/** Ten keys, the middle ones with many versions. */
const manyVersions: ReadonlyArray<Entry> = Array.from({ length: 10 }, (_, i) => i).flatMap((i) =>
  Array.from({ length: i % 3 === 1 ? 400 : 2 }, (_, version) => put(`key${i}`, 1000 - version, `value${version}`))
)

describe("TableCursor", () => {
  for (const { cacheSize, mode, name } of readings) {
    it.effect.prop(
      `I8: moves and selects as the model does, ${name}`,
      { entries: entriesArbitrary, moves: movesArbitrary },
      ({ entries, moves }) =>
        Effect.gen(function*() {
          const reader = yield* openTable(writeTable(entries), { mode, cache: new BlockCache(cacheSize) })
          yield* checkCursor(reader.cursor(), entries, moves)
        }),
      { arbitrary: { runs: 60, size: 100 } }
    )

    it.effect.prop(
      `moves over keys whose versions fill many blocks, ${name}`,
      { moves: movesArbitrary },
      ({ moves }) =>
        Effect.gen(function*() {
          const reader = yield* openTable(writeTable(manyVersions), { mode, cache: new BlockCache(cacheSize) })
          yield* checkCursor(
            reader.cursor(),
            manyVersions,
            moves.map((each) => ({ ...each, key: ascii(`key${each.entry % 11}`) }))
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
      cursor.seekAtOrAfter(ascii("key1"))
      file.reads.length = 0
      cursor.next()
      assert.strictEqual(Buffer.from(cursor.keyBuffer).toString("ascii", 0, cursor.keyLength), "key2")
      cursor.previous()
      cursor.select(700)
      assert.strictEqual(cursor.sequence, 700)
      assert.isAtMost(file.reads.length, 6)
    }))

  it.effect("selects an older version, then a newer one, of one key", () =>
    Effect.gen(function*() {
      const reader = yield* openTable(writeTable(manyVersions))
      const cursor = reader.cursor()
      cursor.seekAtOrAfter(ascii("key4"))
      for (const sequence of [650, 1000, 601, 900]) {
        cursor.select(sequence)
        assert.isTrue(cursor.selected)
        assert.strictEqual(cursor.sequence, sequence)
      }
      cursor.select(600)
      assert.isFalse(cursor.selected)
    }))

  it.effect("has no position until the move that lacks a block has ended", () =>
    Effect.gen(function*() {
      const reader = yield* openTable(writeTable(manyVersions), { mode: "async", cache: new BlockCache(0) })
      const cursor = reader.cursor()
      assert.strictEqual(cursor.seekLast(), CursorStatus.needsLoad)
      assert.isFalse(cursor.valid)
      yield* move(cursor, () => CursorStatus.needsLoad)
      assert.isTrue(cursor.valid)
      assert.strictEqual(Buffer.from(cursor.keyBuffer).toString("ascii", 0, cursor.keyLength), "key9")
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
      assert.strictEqual(Buffer.from(cursor.keyBuffer).toString("ascii", 0, cursor.keyLength), "key0")
    }))
})
