import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { OutputEnd } from "../../src/table/OutputEnd.ts"
import type { OutputLimits } from "../../src/table/OutputEnd.ts"

/** Keys of one byte, cut into tables; a table's size is the number of its keys. */
const cut = (keys: ReadonlyArray<number>, limits: OutputLimits): ReadonlyArray<ReadonlyArray<number>> => {
  const end = new OutputEnd(limits)
  const tables: Array<Array<number>> = [[]]
  for (const key of keys) {
    const table = tables.at(-1) ?? []
    if (end.isBefore(Uint8Array.of(9, key), 1, 1, table.length)) tables.push([key])
    else table.push(key)
  }
  return tables
}

const range = (smallest: number, largest: number, size: number) => ({
  smallestKey: Uint8Array.of(smallest),
  largestKey: Uint8Array.of(largest),
  size
})

const ascending = Arbitrary.map(
  Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))), {
    maxLength: 60
  }),
  (keys) => [...new Set(keys)].toSorted((a, b) => a - b)
)

const belowArbitrary = Arbitrary.map(ascending, (ends) =>
  Array.from(
    { length: Math.floor(ends.length / 2) },
    (_, at) => range(ends[at * 2] ?? 0, ends[at * 2 + 1] ?? 0, 1 + ((ends[at * 2] ?? 0) % 7))
  ))

/** Bytes of the tables below that share the range of a table's keys. */
const overlapOf = (table: ReadonlyArray<number>, below: OutputLimits["below"]): number =>
  below.reduce(
    (sum, { largestKey, size, smallestKey }) =>
      (table[0] ?? 256) <= (largestKey[0] ?? 0) && (smallestKey[0] ?? 0) <= (table.at(-1) ?? -1) ? sum + size : sum,
    0
  )

describe("OutputEnd", () => {
  it.prop(
    "ends each table exactly where it has its size or where the next key would overlap too much more",
    {
      keys: ascending,
      below: belowArbitrary,
      tableSize: Arbitrary.schema(Schema.Literals([1, 5, 1_000])),
      largestOverlap: Arbitrary.schema(Schema.Literals([0, 3, 10, 40, 1_000]))
    },
    ({ below, keys, largestOverlap, tableSize }) => {
      const tables = cut(keys, { below, largestOverlap, tableSize })
      assert.deepStrictEqual(tables.flat(), keys)
      for (const [at, table] of tables.entries()) {
        for (let length = 1; length < table.length; length++) {
          const [before, after] = [length, length + 1].map((count) => overlapOf(table.slice(0, count), below))
          assert.isBelow(length, tableSize)
          assert.isTrue(after === before || (after ?? 0) <= largestOverlap)
        }
        const next = tables[at + 1]?.[0]
        if (next === undefined || table.length >= tableSize) continue
        assert.isAbove(overlapOf([...table, next], below), Math.max(largestOverlap, overlapOf(table, below)))
      }
    },
    { arbitrary: { runs: 500, size: 100 } }
  )

  it("goes on within one table of the level below, however large it is", () => {
    const limits = { tableSize: 1_000, below: [range(10, 100, 500)], largestOverlap: 50 }
    assert.deepStrictEqual(cut([5, 20, 30, 90, 120], limits), [[5], [20, 30, 90, 120]])
  })

  it("counts a table of the level below that lies between two keys", () => {
    const limits = { tableSize: 1_000, below: [range(10, 11, 60), range(12, 13, 60)], largestOverlap: 100 }
    assert.deepStrictEqual(cut([5, 20, 30], limits), [[5], [20, 30]])
  })
})
