import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { MoveStatus } from "../../src/record/VersionIterator.ts"
import { BlockCache } from "../../src/table/BlockCache.ts"
import { cut, cutsArbitrary, openTables } from "./RunFixture.ts"
import {
  drain,
  everything,
  expectedEntries,
  rangeArbitrary,
  rangeOf,
  settle,
  showFront,
  sourceOf
} from "./SourceModel.ts"
import {
  ascii,
  blockSizeArbitrary,
  entriesArbitrary,
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

const numbered = (from: number, to: number): Array<Entry> =>
  Array.from({ length: to - from }, (_, i) => put(`key ${from + i}`, from + i))

describe("RunSource", () => {
  for (const { cacheSize, mode, name } of readings) {
    it.effect.prop(
      `I8: gives what the model does, ${name}`,
      { entries: entriesArbitrary, cuts: cutsArbitrary, range: rangeArbitrary, blockSize: blockSizeArbitrary },
      ({ blockSize, cuts, entries, range }) =>
        Effect.gen(function*() {
          const readers = yield* openTables(cut(entries, cuts), { mode, cache: new BlockCache(cacheSize), blockSize })
          const wanted = rangeOf(range, entries)
          assert.deepStrictEqual(yield* drain(sourceOf(readers, wanted)), expectedEntries(entries, wanted))
        }),
      { arbitrary: { runs: 100, size: 100 } }
    )

    it.effect.prop(
      `I8: gives keys whose versions fill many blocks, ${name}`,
      { range: rangeArbitrary, blockSize: blockSizeArbitrary },
      ({ blockSize, range }) =>
        Effect.gen(function*() {
          const reader = yield* openTable(writeTable(manyVersions, { blockSize }), {
            mode,
            cache: new BlockCache(cacheSize)
          })
          const key = ascii([...versionedKeys, "j", "kbb", "m"][range.entry % 13]!)
          const wanted = { ...rangeOf({ ...range, key }, []), sequence: 590 + range.entry * 2 }
          assert.deepStrictEqual(yield* drain(sourceOf([reader], wanted)), expectedEntries(manyVersions, wanted))
        }),
      { arbitrary: { runs: 40, size: 60 } }
    )
  }

  it.effect("gives nothing over no tables", () =>
    Effect.gen(function*() {
      for (const reverse of [false, true]) {
        assert.deepStrictEqual(yield* drain(sourceOf([], { ...everything, reverse })), [])
        const start = { key: ascii("k"), inclusive: true }
        assert.deepStrictEqual(yield* drain(sourceOf([], { ...everything, reverse, start })), [])
      }
    }))

  for (const [sequence, least] of [[Number.MAX_SAFE_INTEGER, 1], [700, 1], [0, 0]] as const) {
    it.effect(`passes a key's many versions without reading all their blocks, at ${sequence}`, () =>
      Effect.gen(function*() {
        const table = writeTable(manyVersions)
        for (const reverse of [false, true]) {
          const file = readFile(table.bytes)
          const reader = yield* openTable(table, { file, cache: new BlockCache(0) })
          assert.isAbove(reader.index.count, 100)
          file.reads.length = 0
          const range = { start: { key: ascii("kb/1"), inclusive: true }, reverse, sequence }
          const source = sourceOf([reader], range)
          yield* settle(source)
          const keys = [showFront(source.batch)]
          while (keys.length < 2) {
            source.batch.pass(1)
            yield* settle(source)
            keys.push(showFront(source.batch))
          }
          assert.deepStrictEqual(keys, expectedEntries(manyVersions, range).slice(0, 2))
          assert.isAtLeast(file.reads.length, least)
          assert.isAtMost(file.reads.length, 8)
        }
      }))
  }

  it.effect("reads only the tables that a range lies in", () =>
    Effect.gen(function*() {
      const parts = [numbered(10, 30), numbered(30, 60), numbered(60, 90)]
      const files = parts.map((entries, i) => readFile(writeTable(entries, { file: i + 1 }).bytes))
      const readers = yield* Effect.forEach(parts, (entries, i) =>
        openTable(writeTable(entries, { file: i + 1 }), { file: files[i]! }))
      for (const file of files) {
        file.reads.length = 0
      }
      for (const [reverse, from] of [[false, "key 35"], [true, "key 55"]] as const) {
        const source = sourceOf(readers, { ...everything, start: { key: ascii(from), inclusive: true }, reverse })
        for (let i = 0; i < 20; i++) {
          yield* settle(source)
          source.batch.pass(1)
        }
      }
      assert.strictEqual(files[0]!.reads.length, 0)
      assert.isAbove(files[1]!.reads.length, 0)
      assert.strictEqual(files[2]!.reads.length, 0)
    }))

  it.effect("lacks its block for as long as nobody loads it", () =>
    Effect.gen(function*() {
      const [reader] = yield* openTables([manyVersions], { mode: "async", cache: new BlockCache(0) })
      const source = sourceOf([reader!])
      for (let i = 0; i < 3; i++) assert.strictEqual(source.advance(100), MoveStatus.needsLoad)
      assert.strictEqual(source.batch.left, 0)
      yield* source.load
      assert.strictEqual(source.advance(100), MoveStatus.ready)
      assert.isAbove(source.batch.left, 0)
    }))

  it.effect("goes on into the next table after a load that failed and was done again", () =>
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
      const source = sourceOf(readers, { ...everything, start: { key: ascii("key 29"), inclusive: false } })
      assert.strictEqual(source.advance(100), MoveStatus.needsLoad)
      failing = true
      assert.strictEqual((yield* Effect.flip(source.load))._tag, "DiskError")
      failing = false
      yield* source.load
      assert.strictEqual(source.advance(100), MoveStatus.ready)
      assert.strictEqual(showFront(source.batch), `${Buffer.from("key 30").toString("hex")}=`)
    }))
})
