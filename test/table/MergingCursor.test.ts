import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Schema } from "effect"
import { CursorStatus } from "../../src/record/Cursor.ts"
import { RecordKind } from "../../src/record/RecordKind.ts"
import { BlockCache } from "../../src/table/BlockCache.ts"
import { MergingCursor } from "../../src/table/MergingCursor.ts"
import { checkCursor, movesArbitrary } from "./CursorModel.ts"
import {
  ascii,
  blockSizeArbitrary,
  compareEntries,
  historyArbitrary,
  move,
  openTable,
  put,
  readFile,
  readings,
  tombstone,
  writeTable
} from "./TableFixture.ts"
import type { Entry } from "./TableFixture.ts"

const cutsArbitrary = Arbitrary.array(
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 150 }))),
  { maxLength: 5 }
)

/** Cuts a history into sources: what is newer is in a newer source. Newest first. */
const cut = (history: ReadonlyArray<Entry>, cuts: ReadonlyArray<number>): Array<ReadonlyArray<Entry>> => {
  const sources: Array<ReadonlyArray<Entry>> = []
  let from = 0
  for (const to of [...cuts.toSorted((a, b) => a - b), history.length]) {
    sources.unshift(history.slice(from, to).toSorted(compareEntries))
    from = Math.max(from, to)
  }
  return sources
}

const text = (cursor: MergingCursor): string =>
  Buffer.from(cursor.keyBuffer).toString("ascii", cursor.keyOffset, cursor.keyOffset + cursor.keyLength)

describe("MergingCursor", () => {
  for (const { cacheSize, mode, name } of readings) {
    it.effect.prop(
      `I8 I9: moves and selects over many sources as the model does over their union, ${name}`,
      { history: historyArbitrary, cuts: cutsArbitrary, moves: movesArbitrary, blockSize: blockSizeArbitrary },
      ({ blockSize, cuts, history, moves }) =>
        Effect.gen(function*() {
          const cache = new BlockCache(cacheSize)
          const readers = yield* Effect.forEach(
            cut(history, cuts),
            (entries, i) => openTable(writeTable(entries, { file: i + 1, blockSize }), { mode, cache })
          )
          const cursor = new MergingCursor(readers.map((reader) => reader.cursor()))
          yield* checkCursor(cursor, history.toSorted(compareEntries), moves)
        }),
      { arbitrary: { runs: 60, size: 100 } }
    )
  }

  it.effect("I9: selects the deletion that hides an older source's value", () =>
    Effect.gen(function*() {
      const newer = yield* openTable(writeTable([tombstone("a", 5)], { file: 2 }))
      const older = yield* openTable(writeTable([put("a", 3, "old")], { file: 1 }))
      const cursor = new MergingCursor([newer.cursor(), older.cursor()])
      cursor.seekFirst()
      cursor.select(9)
      assert.isTrue(cursor.selected)
      assert.strictEqual(cursor.kind, RecordKind.delete)
      cursor.select(4)
      assert.strictEqual(cursor.kind, RecordKind.put)
      assert.strictEqual(cursor.sequence, 3)
      cursor.select(2)
      assert.isFalse(cursor.selected)
    }))

  it.effect("has no position over no sources", () => checkCursor(new MergingCursor([]), [], []))

  it.effect("loads the blocks that several sources lack together", () =>
    Effect.gen(function*() {
      const started: Array<string> = []
      const readers = yield* Effect.forEach(["a", "b", "c"], (key, i) => {
        const table = writeTable([put(key, 1)], { file: i + 1 })
        const file = readFile(table.bytes)
        return openTable(table, {
          mode: "async",
          file: {
            ...file,
            read: (offset, length) =>
              Effect.suspend(() => {
                started.push(`start ${key}`)
                return Effect.andThen(
                  Effect.yieldNow,
                  Effect.tap(file.read(offset, length), () => Effect.sync(() => started.push(`end ${key}`)))
                )
              })
          }
        })
      })
      started.length = 0
      const cursor = new MergingCursor(readers.map((reader) => reader.cursor()))
      assert.strictEqual(cursor.seekFirst(), CursorStatus.needsLoad)
      yield* cursor.load
      assert.deepStrictEqual(started.slice(0, 3), ["start a", "start b", "start c"])
      assert.strictEqual(cursor.resume(), CursorStatus.ready)
      assert.strictEqual(text(cursor), "a")
    }))

  it.effect("can be moved elsewhere instead of ending a move that lacks a block", () =>
    Effect.gen(function*() {
      const readers = yield* Effect.forEach([1, 2], (file) =>
        openTable(
          writeTable(Array.from({ length: 50 }, (_, i) => put(`key ${10 + i}`, file)), { file }),
          {
            mode: "async",
            cache: new BlockCache(0)
          }
        ))
      const cursor = new MergingCursor(readers.map((reader) => reader.cursor()).toReversed())
      assert.strictEqual(cursor.seekFirst(), CursorStatus.needsLoad)
      yield* move(cursor, () => cursor.seekAtOrBefore(ascii("key 33x")))
      assert.strictEqual(text(cursor), "key 33")
      yield* move(cursor, () => cursor.next())
      assert.strictEqual(text(cursor), "key 34")
    }))
})
