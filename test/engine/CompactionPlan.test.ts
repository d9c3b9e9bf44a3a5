import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { levelCount } from "../../src/Compaction.ts"
import type { TreeShape } from "../../src/Compaction.ts"
import { planMerge } from "../../src/engine/CompactionPlan.ts"
import type { MergePlan } from "../../src/engine/CompactionPlan.ts"
import { compareBytes } from "../../src/record/Bytes.ts"
import type { KeyBounds } from "../../src/table/KeyBounds.ts"
import type { TableMeta } from "../../src/table/TableMeta.ts"
import { keyOf, LevelModel } from "./LevelModel.ts"

const keyCount = 40

const integer = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

const StepSchema = Schema.Union([
  Schema.TaggedStruct("Flush", {
    changes: Schema.Array(integer(-keyCount, keyCount - 1)).check(Schema.isMaxLength(8))
  }),
  Schema.TaggedStruct("Flush", { changes: Schema.Array(integer(-10, 9)).check(Schema.isMaxLength(4)) }),
  /** `tables`: places among those that may be picked. */
  Schema.TaggedStruct("Merge", {
    tables: Schema.Array(integer(0, 30)).check(Schema.isMaxLength(3)),
    outputLevel: integer(1, levelCount - 1),
    tableSize: Schema.Literals([1, 30, 1_000]),
    mayMove: Schema.Boolean
  }),
  Schema.TaggedStruct("MergeLevel0", { from: integer(0, 5), count: integer(1, 4) }),
  Schema.TaggedStruct("Pin", {})
])
type Step = typeof StepSchema.Type

const script = Arbitrary.array(Arbitrary.schema(StepSchema), { maxLength: 60 })

const covers = (bounds: KeyBounds, key: Uint8Array): boolean =>
  compareBytes(bounds.smallestKey, key) <= 0 && compareBytes(bounds.largestKey, key) >= 0

/** What the plan must say of itself, whatever comes of it. */
const checkPlan = (shape: TreeShape, plan: MergePlan, mayMove: boolean): void => {
  const { outputLevel } = plan
  const taken = new Set(plan.sources.flat())
  assert.strictEqual(taken.size, plan.sources.flat().length, "a table is taken twice")

  // Newest first: levels go down, and level 0 is in its order.
  const places = plan.sources.map((run) => shape.levels.flat().indexOf(run[0]!))
  assert.deepStrictEqual(places, places.toSorted((a, b) => a - b))
  for (const run of plan.sources) {
    for (const [at, table] of run.entries()) {
      if (at > 0) assert.isBelow(compareBytes(run[at - 1]!.largestKey, table.smallestKey), 0, "a run overlaps")
    }
  }

  // Everything that lies below the output and no more hides older versions.
  const level0 = shape.levels[0]!
  const lastOfLevel0 = level0.findLastIndex((table) => taken.has(table))
  const under = [
    ...(outputLevel === 0 ? level0.slice(lastOfLevel0 + 1) : []),
    ...shape.levels.slice(outputLevel + 1).flat()
  ]
  const inputs = [...taken]
  for (let number = 0; number < keyCount; number++) {
    const key = keyOf(number)
    if (!inputs.some((table) => covers(table, key))) continue
    const mayHideOlder = under.some((table) => covers(table, key))
    assert.strictEqual(plan.older.some((bounds) => covers(bounds, key)), mayHideOlder, `older has key ${number}`)
  }
  for (const [at, { largestKey, smallestKey }] of plan.older.entries()) {
    assert.isAtMost(compareBytes(smallestKey, largestKey), 0)
    if (at > 0) assert.isBelow(compareBytes(plan.older[at - 1]!.largestKey, smallestKey), 0, "older overlaps")
  }

  const overlapped = (table: KeyBounds) =>
    shape.levels[outputLevel + 1]?.filter((other) =>
      compareBytes(other.smallestKey, table.largestKey) <= 0 && compareBytes(table.smallestKey, other.largestKey) <= 0
    ) ?? []
  if (outputLevel > 0) { for (const table of inputs.flatMap(overlapped)) assert.include(plan.below, table) }
  if (!plan.isMove) return
  assert.isTrue(mayMove)
  assert.isAbove(outputLevel, 0)
  assert.isFalse(inputs.some(({ level }) => level === outputLevel))
  const inOrder = inputs.toSorted((a, b) => compareBytes(a.smallestKey, b.smallestKey))
  for (const [at, { smallestKey }] of inOrder.entries()) {
    if (at > 0) assert.isBelow(compareBytes(inOrder[at - 1]!.largestKey, smallestKey), 0, "what overlaps was moved")
  }
  for (const table of inputs) {
    assert.isAtMost(overlapped(table).reduce((bytes, { size }) => bytes + size, 0), plan.largestOverlap)
    const isUnderIt = under.some((other) =>
      compareBytes(other.smallestKey, table.largestKey) <= 0 && compareBytes(table.smallestKey, other.largestKey) <= 0
    )
    if (!isUnderIt) assert.strictEqual(table.tombstones + table.shadowed, 0, "what could be dropped was moved")
  }
}

/** What the step picks, if there is anything to pick. */
const pickOf = (model: LevelModel, step: Step) => {
  const { levels } = model.shape
  if (step._tag === "Merge") {
    const candidates = levels.slice(0, step.outputLevel + 1).flat()
    if (candidates.length === 0) return undefined
    const inputs = [...new Set(step.tables.map((place) => candidates[place % candidates.length]!))]
    return { inputs, outputLevel: step.outputLevel, tableSize: step.tableSize }
  }
  if (step._tag === "MergeLevel0") {
    return { inputs: levels[0]!.slice(step.from, step.from + step.count), outputLevel: 0, tableSize: 1 }
  }
  return undefined
}

const runStep = (model: LevelModel, step: Step): void => {
  if (step._tag === "Flush") return model.flush(step.changes)
  if (step._tag === "Pin") return model.togglePin()
  const pick = pickOf(model, step)
  if (pick === undefined) return
  const { shape } = model
  const mayMove = step._tag === "Merge" && step.mayMove
  const plan = planMerge(shape, pick, () => mayMove)
  if (pick.inputs.length === 0) return assert.strictEqual(plan, "it picked no tables")
  if (typeof plan === "string") return assert.fail(plan)
  for (const table of pick.inputs) assert.isTrue(plan.sources.some((run) => run.includes(table)))
  checkPlan(shape, plan, mayMove)
  model.carryOut(plan)
}

const activity = { moves: 0, merges: 0, splits: 0 }

describe("A plan of a merge", () => {
  it.prop(
    "I8, I9, I11: keeps what every reader finds, the order of versions and the levels disjoint",
    { steps: script },
    ({ steps }) => {
      const model = new LevelModel()
      for (const [at, step] of steps.entries()) {
        runStep(model, step)
        assert.strictEqual(model.problems().join(", "), "", `after step ${at}`)
      }
      activity.moves += model.moves
      activity.merges += model.merges
      activity.splits += model.splits
    },
    { arbitrary: { runs: 800, size: 60 } }
  )

  it("is made of moves, of merges and of such as split their output", () => {
    assert.isAbove(activity.moves, 30)
    assert.isAbove(activity.merges, 300)
    assert.isAbove(activity.splits, 50)
  })
})

/** A table of a single version for each of the two keys. */
const table = (file: number, level: number, from: number, to: number, more: Partial<TableMeta> = {}): TableMeta => ({
  file,
  generation: 1,
  level,
  size: 100,
  footerChecksum: 0,
  entries: 2,
  tombstones: 0,
  shadowed: 0,
  smallestKey: keyOf(from),
  largestKey: keyOf(to),
  smallestSequence: 100 - file,
  largestSequence: 100 - file,
  ...more
})

const shapeOf = (...levels: ReadonlyArray<ReadonlyArray<TableMeta>>): TreeShape => ({
  levels: Array.from({ length: levelCount }, (_, level) => levels[level] ?? []),
  memtableSize: 65_536
})

const planOf = (shape: TreeShape, inputs: ReadonlyArray<TableMeta>, outputLevel: number): MergePlan => {
  const plan = planMerge(shape, { inputs, outputLevel, tableSize: 100 }, () => true)
  return typeof plan === "string" ? assert.fail(plan) : plan
}

const filesOf = ({ sources }: MergePlan): ReadonlyArray<ReadonlyArray<number>> =>
  sources.map((run) => run.map(({ file }) => file))

describe("A merge takes along", () => {
  it("I9: of level 0 what is older and overlaps, also by way of others, and nothing newer", () => {
    const shape = shapeOf([
      table(1, 0, 0, 9),
      table(2, 0, 0, 5),
      table(3, 0, 20, 30),
      table(4, 0, 5, 12),
      table(5, 0, 12, 15),
      table(6, 0, 31, 40)
    ])
    assert.deepStrictEqual(filesOf(planOf(shape, [shape.levels[0]![1]!], 1)), [[2], [4], [5]])
    assert.deepStrictEqual(filesOf(planOf(shape, [shape.levels[0]![2]!], 1)), [[3]])
  })

  it("I9, I11: of each level on the way, and of the output's, what overlaps, and of levels above nothing", () => {
    const shape = shapeOf(
      [table(1, 0, 0, 50)],
      [table(2, 1, 0, 10), table(3, 1, 20, 30)],
      [table(4, 2, 5, 15), table(5, 2, 16, 40)],
      [table(6, 3, 0, 4), table(7, 3, 12, 17), table(8, 3, 39, 45)]
    )
    assert.deepStrictEqual(filesOf(planOf(shape, [shape.levels[1]![0]!], 3)), [[2], [4], [6, 7]])
    assert.deepStrictEqual(filesOf(planOf(shape, [shape.levels[3]![1]!], 3)), [[7]])
  })
})

describe("A move", () => {
  const clean = table(1, 1, 0, 9)
  it("is enough where nothing overlaps and nothing can be dropped", () => {
    assert.isTrue(planOf(shapeOf([], [clean]), [clean], 6).isMove)
    const two = [clean, table(2, 1, 10, 19)]
    assert.isTrue(planOf(shapeOf([], two), two, 2).isMove)
  })

  it("is not where the level below the output would be overlapped by too much", () => {
    const below = Array.from({ length: 11 }, (_, at) => table(10 + at, 3, at, at, { size: 100 }))
    assert.isTrue(planOf(shapeOf([], [clean], [], below.slice(0, 10)), [clean], 2).isMove)
    const wider = table(2, 1, 0, 10)
    assert.isFalse(planOf(shapeOf([], [wider], [], below), [wider], 2).isMove)
  })

  it("I9: takes tombstones along only to where they have something to hide", () => {
    for (const garbage of [{ tombstones: 1 }, { shadowed: 1 }]) {
      const dirty = table(1, 1, 0, 9, garbage)
      assert.isFalse(planOf(shapeOf([], [dirty]), [dirty], 2).isMove)
      assert.isTrue(planOf(shapeOf([], [dirty], [], [], [table(2, 4, 9, 20)]), [dirty], 2).isMove)
    }
  })
})

describe("A pick that can't be carried out", () => {
  const shape = shapeOf([table(1, 0, 0, 9), table(2, 0, 0, 9), table(3, 0, 0, 9)], [table(4, 1, 0, 9)])
  const [newest, , oldest] = shape.levels[0]!
  const refusals: ReadonlyArray<readonly [string, Parameters<typeof planMerge>[1], RegExp]> = [
    ["no tables", { inputs: [], outputLevel: 1, tableSize: 1 }, /no tables/],
    ["a table that is not there", { inputs: [table(1, 0, 0, 9)], outputLevel: 1, tableSize: 1 }, /not there/],
    ["a table below the output", { inputs: shape.levels[1]!, outputLevel: 0, tableSize: 1 }, /below the output/],
    ["tables apart in level 0", { inputs: [newest!, oldest!], outputLevel: 0, tableSize: 1 }, /do not follow/],
    ...[-1, levelCount, 0.5, Number.NaN].map((outputLevel) =>
      [`the output level ${outputLevel}`, { inputs: [newest!], outputLevel, tableSize: 1 }, /output level/] as const
    ),
    ...[0, -1, Number.NaN].map((tableSize) =>
      [`the table size ${tableSize}`, { inputs: [newest!], outputLevel: 1, tableSize }, /table size/] as const
    )
  ]
  for (const [name, pick, reason] of refusals) {
    it(`is one with ${name}`, () => {
      const plan = planMerge(shape, pick, () => true)
      assert.match(typeof plan === "string" ? plan : "", reason)
    })
  }
})
