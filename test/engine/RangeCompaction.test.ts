import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import type { CompactionStrategy } from "../../src/Compaction.ts"
import { levelled } from "../../src/compaction/Levelled.ts"
import { sizeTiered } from "../../src/compaction/SizeTiered.ts"
import { planMerge } from "../../src/engine/CompactionPlan.ts"
import { RangeCompaction } from "../../src/engine/RangeCompaction.ts"
import { scanRange } from "../../src/engine/ScanRange.ts"
import type { ScanRange } from "../../src/engine/ScanRange.ts"
import { compareBytes } from "../../src/record/Bytes.ts"
import type { KeyBounds } from "../../src/table/KeyBounds.ts"
import { keyOf, LevelModel } from "./LevelModel.ts"

const keyCount = 60
const integer = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

const Changes = Schema.Array(integer(-keyCount, keyCount - 1)).check(Schema.isMinLength(1), Schema.isMaxLength(8))

const caseArbitrary = Arbitrary.schema(Schema.Struct({
  /** What is flushed beforehand; after every so many tables one goes down, to this level. */
  flushes: Schema.Array(Changes).check(Schema.isMaxLength(25)),
  every: integer(1, 4),
  levels: Schema.Array(integer(1, 6)).check(Schema.isMinLength(1), Schema.isMaxLength(4)),
  /** What is flushed while it goes on, again and again. */
  meanwhile: Schema.Array(Changes).check(Schema.isMaxLength(4)),
  from: integer(0, keyCount - 1),
  length: integer(0, keyCount),
  isWhole: Schema.Boolean,
  pin: Schema.Boolean,
  bottomLevel: Schema.Literals([1, 3, 6])
}))
type Case = typeof caseArbitrary extends Arbitrary.Arbitrary<infer A> ? A : never

const carryOut = (model: LevelModel, pick: Parameters<typeof planMerge>[1]): void => {
  const plan = planMerge(model.shape, pick, () => true)
  if (typeof plan === "string") return assert.fail(plan)
  model.carryOut(plan)
}

/** A tree with something in several levels. */
const treeOf = ({ every, flushes, levels, pin }: Case): LevelModel => {
  const model = new LevelModel()
  for (const [at, changes] of flushes.entries()) {
    model.flush(changes)
    if (pin && at % 7 === 3) model.togglePin()
    if (at % every !== 0) continue
    const outputLevel = levels[at % levels.length]!
    const [level0 = []] = model.shape.levels
    if (level0.length > 0) carryOut(model, { inputs: [level0.at(-1)!], outputLevel, tableSize: 40 })
  }
  return model
}

const rangeOf = ({ from, isWhole, length }: Case): ScanRange => {
  const range = scanRange(isWhole ? {} : { gte: keyOf(from), lt: keyOf(from + length) })
  return "_tag" in range ? assert.fail(range.message) : range
}

const isIn = ({ from, isWhole, length }: Case, key: number): boolean => isWhole || (key >= from && key < from + length)

/** Compacts the range, with what happens between two pieces; how many pieces it took. */
const compact = (
  model: LevelModel,
  each: Case,
  strategy: Pick<CompactionStrategy, "bottomLevel" | "tableSize">,
  between: (piece: number) => void
): number => {
  const work = new RangeCompaction(rangeOf(each), strategy, model.nextTable)
  for (let pieces = 0; pieces < 1_000; pieces++) {
    const piece = work.next(model.shape)
    if (piece === undefined) return pieces
    carryOut(model, piece)
    assert.strictEqual(model.problems().join(", "), "")
    between(pieces)
  }
  return assert.fail("it came to no end")
}

/** The deepest level with a table that reaches into the range. */
const deepestOf = (model: LevelModel, each: Case): number => {
  const isReached = ({ largestKey, smallestKey }: KeyBounds) =>
    each.isWhole || (compareBytes(largestKey, keyOf(each.from)) >= 0
      && compareBytes(smallestKey, keyOf(each.from + each.length)) < 0)
  return Math.max(each.bottomLevel, model.shape.levels.findLastIndex((tables) => tables.some(isReached)))
}

describe("A compaction of a key range", () => {
  it.prop(
    "I9, I11: leaves of each key in the range the newest version at the bottom, if it is no deletion",
    { each: caseArbitrary },
    ({ each }) => {
      const model = treeOf({ ...each, pin: false })
      const deepest = deepestOf(model, each)
      compact(model, each, { bottomLevel: each.bottomLevel, tableSize: 40 }, () => {})
      const inRange = model.placed.filter(({ key }) => isIn(each, key))
      for (const { isDelete, level } of inRange) {
        assert.strictEqual(level, deepest)
        assert.isFalse(isDelete)
      }
      assert.strictEqual(new Set(inRange.map(({ key }) => key)).size, inRange.length)
    },
    { arbitrary: { runs: 300, size: 60 } }
  )

  it.prop(
    "I8, I13: comes to an end, and brings down what there was, whatever is flushed and pinned meanwhile",
    { each: caseArbitrary },
    ({ each }) => {
      const model = treeOf(each)
      const { sequence } = model
      const tables = model.shape.levels.flat().length
      const { meanwhile } = each
      const pieces = compact(model, each, { bottomLevel: each.bottomLevel, tableSize: 40 }, (piece) => {
        const changes = meanwhile[piece % meanwhile.length]
        if (changes !== undefined) model.flush(changes)
        if (piece % 3 === 2) model.togglePin()
      })
      assert.isAtMost(pieces, 7 * (tables + 2))
      for (const { key, level, sequence: own } of model.placed) {
        if (own <= sequence && isIn(each, key)) assert.isAtLeast(level, each.bottomLevel)
      }
    },
    { arbitrary: { runs: 300, size: 60 } }
  )

  for (const strategy of [levelled({ level0Tables: 2 }), sizeTiered({ level0Tables: 2 })]) {
    it.prop(
      `I11, I13: comes to an end beside what ${strategy.name} picks, and all is read as before`,
      { each: caseArbitrary },
      ({ each }) => {
        const model = treeOf(each)
        const { meanwhile } = each
        compact(model, each, { ...strategy, tableSize: 40 }, (piece) => {
          const changes = meanwhile[piece % meanwhile.length]
          if (changes !== undefined) model.flush(changes)
          const pick = strategy.pick(model.shape)
          if (pick?._tag === "Merge") carryOut(model, { ...pick, tableSize: 40 })
        })
        assert.strictEqual(model.problems().join(", "), "")
      },
      { arbitrary: { runs: 150, size: 60 } }
    )
  }

  it("leaves level 0 as it is for a strategy without a bottom", () => {
    const model = new LevelModel()
    for (let flush = 0; flush < 4; flush++) model.flush([1, 2, -1, 3])
    const before = model.shape.levels[0]
    const range = scanRange({})
    if ("_tag" in range) return assert.fail(range.message)
    assert.isUndefined(new RangeCompaction(range, { bottomLevel: 0, tableSize: 40 }, model.nextTable).next(model.shape))
    assert.deepStrictEqual(model.shape.levels[0], before)
  })

  it("goes through a level a piece at a time, each of bounded size", () => {
    const model = new LevelModel()
    for (let key = 0; key < 200; key += 2) {
      model.flush([key, key + 1])
      const [level0 = []] = model.shape.levels
      carryOut(model, { inputs: level0, outputLevel: 2, tableSize: 20 })
    }
    assert.lengthOf(model.shape.levels[2]!, 100)
    const range = scanRange({})
    if ("_tag" in range) return assert.fail(range.message)
    const work = new RangeCompaction(range, { bottomLevel: 6, tableSize: 20 }, model.nextTable)
    const sizes: Array<number> = []
    for (let piece = work.next(model.shape); piece !== undefined; piece = work.next(model.shape)) {
      sizes.push(piece.inputs.reduce((bytes, { size }) => bytes + size, 0))
      carryOut(model, piece)
    }
    assert.isAtLeast(sizes.length, 6)
    for (const size of sizes) assert.isAtMost(size, 17 * 20)
    assert.strictEqual(model.merges, 0)
    assert.isTrue(model.placed.every(({ level }) => level === 6))
  })
})
