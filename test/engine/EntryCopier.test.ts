import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { EntryCopier } from "../../src/engine/EntryCopier.ts"
import { ValueSlab } from "../../src/engine/ValueSlab.ts"
import type { Entry } from "../../src/Snapshot.ts"
import { drain, everything, expectedEntries, settle, sourceOf } from "../table/SourceModel.ts"
import { ascii, entriesArbitrary, openTable, put, writeTable } from "../table/TableFixture.ts"

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
const show = ([key, value]: Entry): string => `${hex(key)}=${hex(value)}`

describe("EntryCopier", () => {
  it.effect.prop(
    "copies the values of a source, each key and value into memory of its own, and leaves the source as it is",
    {
      entries: entriesArbitrary,
      blockSize: Schema.Literals([128, 4096, 1 << 20]),
      most: Schema.Literals([1, 3, 128]),
      reverse: Schema.Boolean
    },
    ({ blockSize, entries, most, reverse }) =>
      Effect.gen(function*() {
        const reader = yield* openTable(writeTable(entries, { blockSize }))
        const range = { ...everything, reverse }
        const source = sourceOf([reader], range)
        const { batch } = source
        const copier = new EntryCopier(new ValueSlab())
        const copied: Array<Entry> = []
        for (yield* settle(source); batch.left > 0; yield* settle(source)) {
          const length = Math.min(most, batch.left)
          const passed = copier.copy(batch, length, copied, Number.POSITIVE_INFINITY)
          assert.strictEqual(passed, length)
          batch.pass(passed)
        }
        const expected = expectedEntries(entries, range)
        const values = expected.filter((each) => each.includes("="))
        assert.deepStrictEqual(copied.map(show), values)
        assert.strictEqual(copier.bytes, copied.reduce((sum, [key, value]) => sum + key.length + value.length, 0))
        for (const [i, each] of copied.flat().entries()) each.fill(i)
        for (const [i, each] of copied.flat().entries()) assert.isTrue(each.every((byte) => byte === i % 256))
        assert.deepStrictEqual(yield* drain(sourceOf([reader], range)), expected)
      }),
    { arbitrary: { runs: 100, size: 100 } }
  )

  it.effect("ends once it has copied so many bytes", () =>
    Effect.gen(function*() {
      const values = [3000, 10, 5000, 40_000, 1, 1].map((length, i) => put(`key ${i}`, 1, "v".repeat(length)))
      const source = sourceOf([yield* openTable(writeTable(values, { blockSize: 1 << 20 }))])
      yield* settle(source)
      const copier = new EntryCopier(new ValueSlab())
      const copied: Array<Entry> = []
      assert.strictEqual(copier.copy(source.batch, 6, copied, 40_000), 4)
      assert.deepStrictEqual(copied.map(([, value]) => value.length), [3000, 10, 5000, 40_000])
      assert.strictEqual(copier.copy(source.batch, 6, copied, 40_000), 0)
    }))

  it.effect("shares slabs among small results only", () =>
    Effect.gen(function*() {
      const values = [10, 4000, 4200, 10].map((length, i) => put(`key ${i}`, 1, "v".repeat(length)))
      const source = sourceOf([yield* openTable(writeTable(values, { blockSize: 1 << 20 }))])
      yield* settle(source)
      const copied: Array<Entry> = []
      new EntryCopier(new ValueSlab()).copy(source.batch, 4, copied, Number.POSITIVE_INFINITY)
      assert.deepStrictEqual(copied.map(([key]) => key), values.map(({ key }) => key))
      const [first, second, third, fourth] = copied.map(([, value]) => value)
      assert.strictEqual(third!.buffer.byteLength, 4200)
      assert.strictEqual(first!.buffer, second!.buffer)
      assert.strictEqual(first!.buffer, fourth!.buffer)
      assert.notStrictEqual(ascii("").buffer, first!.buffer)
    }))
})
