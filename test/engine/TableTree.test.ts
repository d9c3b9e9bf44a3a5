import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { levelCount } from "../../src/Compaction.ts"
import { LiveTable } from "../../src/engine/LiveTable.ts"
import { TableTree } from "../../src/engine/TableTree.ts"
import { openTable, put, writeTable } from "../table/TableFixture.ts"

/** An open table of these keys; its sequences begin at its number. */
const tableOf = (file: number, ...keys: ReadonlyArray<string>): LiveTable => {
  const written = writeTable(keys.map((key, at) => put(key, file * 10 + at)), { file })
  return new LiveTable(Effect.runSync(openTable(written)), `${file}.sst`, () => {})
}

const files = (tables: ReadonlyArray<LiveTable>): ReadonlyArray<number> => tables.map(({ reader }) => reader.meta.file)
const levels = (tree: TableTree) => tree.levels.map(files).filter((level) => level.length > 0)
const nothing: ReadonlySet<LiveTable> = new Set()

const [one, two, three, four, five] = [
  tableOf(1, "a", "f"),
  tableOf(2, "c", "d"),
  tableOf(3, "a", "b"),
  tableOf(4, "c", "e"),
  tableOf(5, "f", "g")
] as const

const tree = TableTree.of([
  { table: one, level: 0 },
  { table: five, level: 2 },
  { table: three, level: 2 },
  { table: two, level: 0 },
  { table: four, level: 2 }
])

describe("A tree of tables", () => {
  it("I9, I11: has level 0 newest first and the others in key order, however they are given", () => {
    assert.lengthOf(tree.levels, levelCount)
    assert.deepStrictEqual(levels(tree), [[2, 1], [3, 4, 5]])
    assert.deepStrictEqual(files(tree.level0), [2, 1])
    assert.deepStrictEqual(files(tree.all()), [2, 1, 3, 4, 5])
    assert.deepStrictEqual(tree.runs.map((run) => files(run.tables)), [[3, 4, 5]])
  })

  it("I9: takes a new table of level 0 in front of the older ones", () => {
    const six = tableOf(6, "a")
    assert.deepStrictEqual(levels(tree.with(nothing, [{ table: six, level: 0 }])), [[6, 2, 1], [3, 4, 5]])
  })

  it("I9: puts what was merged within level 0 in the place of its inputs", () => {
    const six = tableOf(6, "a")
    const grown = tree.with(nothing, [{ table: six, level: 0 }])
    const written = writeTable([put("c", 20), put("d", 21), put("f", 11)], { file: 7 })
    const seven = new LiveTable(Effect.runSync(openTable(written)), "7.sst", () => {})
    assert.deepStrictEqual(levels(grown.with(new Set([two, one]), [{ table: seven, level: 0 }])), [[6, 7], [3, 4, 5]])
  })

  it("I11: puts a table that moves where its level is, and shows strategies the level that it is in", () => {
    const moved = tree.with(new Set([four]), [{ table: four, level: 4 }])
    assert.deepStrictEqual(levels(moved), [[2, 1], [3, 5], [4]])
    assert.strictEqual(moved.runs.find((run) => run.tables.includes(four)), moved.runs[1])
    const shape = moved.shape(1)
    for (const [level, metas] of shape.levels.entries()) {
      for (const meta of metas) assert.strictEqual(meta.level, level)
    }
    assert.strictEqual(moved.shape(1), shape)
  })

  it("is left as it was by a change, and shares the runs of levels that stay", () => {
    const changed = tree.with(new Set([two]), [])
    assert.deepStrictEqual(levels(tree), [[2, 1], [3, 4, 5]])
    assert.deepStrictEqual(levels(changed), [[1], [3, 4, 5]])
    assert.strictEqual(changed.runs[0], tree.runs[0])
    assert.notStrictEqual(tree.with(new Set([five]), []).runs[0], tree.runs[0])
    assert.isEmpty(tree.with(new Set(tree.all()), []).runs)
  })
})
