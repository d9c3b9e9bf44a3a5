import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Schema } from "effect"
import { compareBytes } from "../../src/record/Bytes.ts"
import { MoveStatus } from "../../src/record/VersionIterator.ts"
import { BlockCache } from "../../src/table/BlockCache.ts"
import { EntryMerge } from "../../src/table/EntryMerge.ts"
import type { EntryEnd } from "../../src/table/EntryMerge.ts"
import { everything, expectedEntries, rangeArbitrary, rangeOf, settle, showFront, sourceOf } from "./SourceModel.ts"
import {
  ascii,
  blockSizeArbitrary,
  compareEntries,
  historyArbitrary,
  keyArbitrary,
  openTable,
  put,
  readFile,
  readings,
  tombstone,
  writeTable
} from "./TableFixture.ts"
import type { Entry, TableError } from "./TableFixture.ts"

const cutsArbitrary = Arbitrary.array(
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 150 }))),
  { maxLength: 5 }
)

const endArbitrary = Arbitrary.all({
  key: keyArbitrary,
  ends: Arbitrary.schema(Schema.Literals(["at an end", "at the key", "before the key"]))
})

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

/** All that a merge gives, so many entries at a time at the most. */
const drain = (merge: EntryMerge, most: number): Effect.Effect<Array<string>, TableError> =>
  Effect.gen(function*() {
    const shown: Array<string> = []
    yield* settle(merge)
    for (;;) {
      const length = merge.front(most)
      assert.isAtMost(length, most)
      if (length === 0) return shown
      const { batch } = merge
      const { at } = batch
      for (let i = 0; i < length; i++, batch.at += batch.step) shown.push(showFront(batch))
      batch.at = at
      merge.pass(length)
      yield* settle(merge)
    }
  })

const isWithin = (entry: Entry, end: EntryEnd | undefined, reverse: boolean): boolean => {
  if (end === undefined) return true
  const order = compareBytes(entry.key, end.key) * (reverse ? -1 : 1)
  return order < 0 || (order === 0 && end.inclusive)
}

const text = (merge: EntryMerge): string => Buffer.from(showFront(merge.batch).split(/[-= ]/)[0]!, "hex").toString()

describe("EntryMerge", () => {
  for (const { cacheSize, mode, name } of readings) {
    it.effect.prop(
      `I8 I9: gives of many sources what the model does of their union, ${name}`,
      {
        history: historyArbitrary,
        cuts: cutsArbitrary,
        range: rangeArbitrary,
        end: endArbitrary,
        blockSize: blockSizeArbitrary,
        most: Schema.Literals([1, 2, 7, 100])
      },
      ({ blockSize, cuts, end: { ends, key }, history, most, range }) =>
        Effect.gen(function*() {
          const cache = new BlockCache(cacheSize)
          const readers = yield* Effect.forEach(
            cut(history, cuts),
            (entries, i) => openTable(writeTable(entries, { file: i + 1, blockSize }), { mode, cache })
          )
          const wanted = rangeOf(range, history)
          const end = ends === "at an end" ? undefined : { key, inclusive: ends === "at the key" }
          const merge = new EntryMerge(readers.map((reader) => sourceOf([reader], wanted)), end, wanted.reverse)
          const entries = history.toSorted(compareEntries).filter((entry) => isWithin(entry, end, wanted.reverse))
          assert.deepStrictEqual(yield* drain(merge, most), expectedEntries(entries, wanted))
        }),
      { arbitrary: { runs: 100, size: 100 } }
    )
  }

  it.effect("I9: gives the deletion that hides an older source's value", () =>
    Effect.gen(function*() {
      const newer = yield* openTable(writeTable([tombstone("a", 5)], { file: 2 }))
      const older = yield* openTable(writeTable([put("a", 3, "old")], { file: 1 }))
      const at = (sequence: number) =>
        drain(
          new EntryMerge(
            [newer, older].map((reader) => sourceOf([reader], { ...everything, sequence })),
            undefined,
            false
          ),
          10
        )
      assert.deepStrictEqual(yield* at(9), ["61-"])
      assert.deepStrictEqual(yield* at(4), ["61=6f6c64"])
      assert.deepStrictEqual(yield* at(2), ["61 absent"])
    }))

  it.effect("gives nothing of no sources", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* drain(new EntryMerge([], undefined, false), 10), [])
    }))

  it.effect("gives what one source has before the next one's first key at once", () =>
    Effect.gen(function*() {
      const many = Array.from({ length: 20 }, (_, i) => put(`a ${10 + i}`, 1))
      const readers = yield* Effect.forEach(
        [[put("a 15x", 2)], many],
        (entries, i) => openTable(writeTable(entries, { file: i + 1, blockSize: 4096 }))
      )
      const merge = new EntryMerge(readers.map((reader) => sourceOf([reader])), undefined, false)
      assert.strictEqual(merge.advance(100), MoveStatus.ready)
      const lengths: Array<number> = []
      for (let length = merge.front(100); length > 0; length = merge.front(100)) {
        lengths.push(length)
        merge.pass(length)
        merge.advance(100)
      }
      assert.deepStrictEqual(lengths, [6, 1, 14])
    }))

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
      const merge = new EntryMerge(readers.map((reader) => sourceOf([reader])), undefined, false)
      assert.strictEqual(merge.advance(100), MoveStatus.needsLoad)
      yield* merge.load
      assert.deepStrictEqual(started.slice(0, 3), ["start a", "start b", "start c"])
      assert.strictEqual(merge.advance(100), MoveStatus.ready)
      assert.strictEqual(merge.front(10), 1)
      assert.strictEqual(text(merge), "a")
    }))

  it.effect("goes on where it was for another merge of the same sources", () =>
    Effect.gen(function*() {
      const readers = yield* Effect.forEach([1, 2], (file) =>
        openTable(
          writeTable(Array.from({ length: 50 }, (_, i) => put(`key ${10 + i}`, file)), { file }),
          {
            mode: "async",
            cache: new BlockCache(0)
          }
        ))
      const sources = readers.toReversed().map((reader) => sourceOf([reader]))
      for (let i = 0; i < 50; i++) {
        const merge = new EntryMerge(sources, { key: ascii("key 59"), inclusive: true }, false)
        yield* settle(merge)
        assert.strictEqual(merge.front(10), 1)
        assert.strictEqual(text(merge), `key ${10 + i}`)
        merge.pass(1)
      }
    }))
})
