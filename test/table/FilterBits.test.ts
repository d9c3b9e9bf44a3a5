import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { Filter, FilterBuilder } from "../../src/table/Filter.ts"
import { falsePositiveRate, filterBits, keysOf, shareFilterBits } from "../../src/table/FilterBits.ts"
import { KeyHash } from "../../src/table/KeyHash.ts"
import type { TableMeta } from "../../src/table/TableMeta.ts"

const sumOf = (numbers: ReadonlyArray<number>): number => numbers.reduce((sum, number) => sum + number, 0)
const memory = (bits: ReadonlyArray<number>, runs: ReadonlyArray<number>): number =>
  sumOf(bits.map((bitsPerKey, run) => bitsPerKey * runs[run]!))
const readsInVain = (bits: ReadonlyArray<number>): number => sumOf(bits.map(falsePositiveRate))

/** Four tables in level 0, then levels ten times as large each. */
const typical = [280_000, 280_000, 280_000, 280_000, 1_100_000, 11_000_000, 110_000_000]

const table = (file: number, level: number, entries: number, shadowed = 0): TableMeta => ({
  file,
  generation: 1,
  level,
  size: entries * 120,
  footerChecksum: 0,
  entries,
  tombstones: 0,
  shadowed,
  smallestKey: Uint8Array.of(0),
  largestKey: Uint8Array.of(1),
  smallestSequence: 1,
  largestSequence: entries
})

describe("falsePositiveRate", () => {
  it("is what filters do", () => {
    const hash = new KeyHash()
    const key = new Uint8Array(8)
    const view = new DataView(key.buffer)
    const hashOf = (number: number): KeyHash => {
      view.setBigUint64(0, BigInt(number))
      hash.set(key, 0, 8)
      return hash
    }
    for (const bitsPerKey of [1, 2.5, 4, 6.5, 9, 13.25]) {
      const builder = new FilterBuilder(bitsPerKey)
      for (let i = 0; i < 20_000; i++) builder.add(hashOf(i))
      const filter = new Filter(builder.finish())
      assert.closeTo(filter.memoryBytes * 8, bitsPerKey * 20_000, 256)
      let wrong = 0
      for (let i = 0; i < 200_000; i++) if (filter.mayContain(hashOf(1_000_000 + i))) wrong++
      const ratio = wrong / 200_000 / falsePositiveRate(bitsPerKey)
      assert.isTrue(ratio > 0.8 && ratio < 1.25, `${bitsPerKey} bits: ${ratio} times the expected rate`)
    }
  })

  it("falls from 1, with every bit", () => {
    assert.strictEqual(falsePositiveRate(0), 1)
    for (let bits = 0; bits < 32; bits += 0.25) {
      assert.isAtMost(falsePositiveRate(bits + 0.25), falsePositiveRate(bits))
    }
    assert.isBelow(falsePositiveRate(32), 0.000_1)
    assert.isAbove(falsePositiveRate(32), 0)
  })
})

describe("shareFilterBits", () => {
  it("gives the smaller runs of a typical tree more, for less than half the reads in vain", () => {
    for (const average of [5, 8, 10, 14]) {
      const bits = shareFilterBits(average, typical)
      const uniform = readsInVain(typical.map(() => average))
      assert.isBelow(readsInVain(bits), uniform / 2, `${average} bits`)
      assert.isAbove(bits[0]!, bits[4]!)
      assert.isAbove(bits[4]!, bits[5]!)
      assert.isAbove(bits[5]!, bits[6]!)
      assert.closeTo(memory(bits, typical) / memory(typical.map(() => average), typical), 1, 0.000_001)
    }
  })

  it("gives nothing to the largest run where the memory is worth more in the others", () => {
    const runs = [1000, 10_000, 1_000_000]
    const bits = shareFilterBits(0.5, runs)
    assert.strictEqual(bits[2], 0)
    assert.isAbove(bits[1]!, 8)
    assert.isAtMost(memory(bits, runs), 0.5 * sumOf(runs) * 1.000_001)
  })

  it("gives equal runs the average", () => {
    for (const average of [0.7, 2, 4.5, 10, 31, 32]) {
      for (const count of [1, 2, 9]) {
        for (const bits of shareFilterBits(average, Array.from({ length: count }, () => 5000))) {
          assert.closeTo(bits, average, 0.001)
        }
      }
    }
  })

  it("gives no run more than 32 bits", () => {
    const bits = shareFilterBits(30, [1, 10, 1_000_000])
    assert.isAtMost(Math.max(...bits), 32)
    assert.deepStrictEqual(shareFilterBits(32, [1, 10, 1_000_000]), [32, 32, 32])
    assert.deepStrictEqual(shareFilterBits(1000, [5]), [32])
  })

  it("takes trees without keys, and no memory", () => {
    assert.deepStrictEqual(shareFilterBits(10, []), [])
    assert.deepStrictEqual(shareFilterBits(10, [0, 0]), [10, 10])
    assert.deepStrictEqual(shareFilterBits(0, typical), typical.map(() => 0))
    assert.closeTo(shareFilterBits(10, [0, 700])[1]!, 10, 0.001)
  })

  it.prop(
    "keeps to the memory, gives larger runs no more bits, and is never worse than the same bits for all",
    {
      average: Arbitrary.schema(Schema.Literals([0.25, 0.5, 1, 2, 3.3, 5, 10, 16, 25, 32])),
      runs: Arbitrary.array(
        Arbitrary.schema(Schema.Literals([0, 1, 7, 100, 90_000, 280_000, 1_000_000, 30_000_000, 2_000_000_000])),
        { minLength: 1, maxLength: 20 }
      )
    },
    ({ average, runs }) => {
      const bits = shareFilterBits(average, runs)
      assert.strictEqual(bits.length, runs.length)
      assert.isAtMost(memory(bits, runs), average * sumOf(runs) * 1.000_001)
      assert.isAtMost(readsInVain(bits), readsInVain(runs.map(() => average)) * 1.000_001)
      runs.forEach((keys, i) => {
        assert.isTrue(bits[i]! >= 0 && bits[i]! <= 32)
        runs.forEach((more, j) => {
          if (keys > 0 && keys <= more) assert.isAtLeast(bits[i]!, bits[j]! - 0.000_001)
        })
      })
    },
    { arbitrary: { runs: 300, size: 60 } }
  )
})

describe("filterBits", () => {
  const level0 = [table(9, 0, 250_000, 1000), table(8, 0, 250_000), table(7, 0, 250_000)]
  const level5 = [table(5, 5, 400_000), table(6, 5, 600_000)]
  const level6 = Array.from({ length: 10 }, (_, i) => table(20 + i, 6, 1_000_000))
  const levels = [level0, [], [], [], [], level5, level6]

  it("is the average for the first table of a tree", () => {
    const empty = Array.from({ length: 7 }, () => [])
    assert.closeTo(filterBits(10, empty, { level: 0, keys: 250_000, removed: [] }), 10, 0.001)
  })

  it("is the average if the whole tree becomes one run", () => {
    const all = levels.flat()
    assert.closeTo(filterBits(10, levels, { level: 6, keys: keysOf(all), removed: all }), 10, 0.001)
  })

  it("counts each table of level 0 as a run, and any other level as one", () => {
    const flush = filterBits(10, levels, { level: 0, keys: 250_000, removed: [] })
    const runs = [250_000, 249_000, 250_000, 250_000, 1_000_000, 10_000_000]
    assert.strictEqual(flush, shareFilterBits(10, runs)[0])
    const merge = filterBits(10, levels, { level: 5, keys: keysOf(level0), removed: level0 })
    assert.strictEqual(merge, shareFilterBits(10, [1_749_000, 10_000_000])[0])
    const last = filterBits(10, levels, { level: 6, keys: 2_400_000, removed: [level5[0]!, ...level6.slice(0, 2)] })
    assert.strictEqual(last, shareFilterBits(10, [10_400_000, 249_000, 250_000, 250_000, 600_000])[0])
  })

  it("is lower the deeper the level", () => {
    const at = (level: number): number => filterBits(10, levels, { level, keys: 250_000, removed: [] })
    assert.isAbove(at(0), at(5))
    assert.isAbove(at(5), at(6))
    assert.isAbove(at(0), 10)
    assert.isBelow(at(6), 10)
  })
})
