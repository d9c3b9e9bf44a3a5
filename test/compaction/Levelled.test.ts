import { assert, describe, it } from "@effect/vitest"
import { Compaction, levelCount } from "../../src/Compaction.ts"
import { TreeModel } from "./TreeModel.ts"
import { KiB, load, memtableSize, perMemtable, tableSize, workloads } from "./workloads.ts"

const strategy = Compaction.levelled({ tableSize })
const lastLevel = levelCount - 1
const baseLevelSize = 4 * memtableSize

const garbageIn = (tree: TreeModel, level: number) =>
  tree.levels[level]!.reduce((sum, { meta }) => sum + meta.tombstones + meta.shadowed, 0)

describe("levelled", () => {
  it.each([1, 2, 3])("keeps every level in shape under a random load, seed %i", (seed) => {
    const tree = new TreeModel({ memtableSize })
    for (let step = 0; step < 12; step++) {
      load(strategy, workloads.random, { flushes: 10, keys: 2 ** 32, seed: 100 * seed + step, tree })
      assert.isBelow(tree.levels[0]!.length, 4)
      let target = tree.bytes - tree.levelBytes(0)
      for (let level = lastLevel - 1; level > 0; level--) {
        target = Math.max(target / 10, baseLevelSize)
        assert.isAtMost(tree.levelBytes(level), target)
      }
    }
    assert.isAtMost(tree.runs, 5)
    assert.isAtMost(tree.writeAmplification, 10)
  })

  it.each(["random", "skewed"] as const)("holds little that is superseded after %s overwrites", (name) => {
    const tree = load(strategy, workloads[name], { flushes: 150, keys: 60_000 })
    assert.isAbove(tree.work.flushedBytes, 2 * tree.bytes)
    assert.isAtMost(tree.spaceAmplification, 1.2)
    assert.isAtMost(tree.writeAmplification, 10)
  })

  it("writes nothing twice of what arrives in order", () => {
    const tree = load(strategy, workloads.sequential, { flushes: 60, keys: 0 })
    assert.strictEqual(tree.work.mergedBytes, 0)
    assert.isBelow(tree.levels[0]!.length, 4)
  })

  it("merges a small part of the data at a time once there is much", () => {
    const tree = load(strategy, workloads.random, { flushes: 60, keys: 2 ** 32 })
    tree.work.largestMerge = 0
    load(strategy, workloads.random, { flushes: 60, keys: 2 ** 32, seed: 2, tree })
    assert.isBelow(tree.work.largestMerge, tree.bytes / 4)
  })

  it("merges into the last level at once while there is little", () => {
    const tree = load(strategy, workloads.random, { flushes: 8, keys: 2 ** 32 })
    assert.deepStrictEqual(tree.levels.map((tables) => tables.length > 0), [
      false,
      false,
      false,
      false,
      false,
      false,
      true
    ])
  })

  it("gives the space of deleted data back", () => {
    const keys = 40 * perMemtable
    const tree = load(strategy, workloads.sequential, { flushes: 40, keys })
    load(strategy, (_, index) => -1 - index, { flushes: 40, keys, tree })
    assert.strictEqual(tree.live().size, 0)
    assert.strictEqual(tree.bytes - tree.levelBytes(0), 0)
  })

  it("I9: keeps what a snapshot sees, and rewrites it once the snapshot is gone", () => {
    const tree = load(strategy, workloads.random, { flushes: 8, keys: 4000 })
    tree.pinned = 8 * perMemtable
    load(strategy, workloads.deleting, { flushes: 8, keys: 4000, seed: 2, tree })
    assert.isAbove(garbageIn(tree, lastLevel), 1000)
    const before = tree.bytes
    tree.pinned = Infinity
    tree.settle(strategy)
    assert.strictEqual(garbageIn(tree, lastLevel), 0)
    assert.isBelow(tree.bytes, before / 1.5)
  })

  it("rewrites no table for its garbage without knowing the oldest snapshot", () => {
    const tree = load(strategy, workloads.random, { flushes: 8, keys: 4000 })
    tree.pinned = 8 * perMemtable
    load(strategy, workloads.deleting, { flushes: 8, keys: 4000, seed: 2, tree })
    assert.isDefined(strategy.pick({ ...tree.shape, oldestSnapshot: Infinity }))
    assert.isUndefined(strategy.pick({ ...tree.shape, oldestSnapshot: undefined }))
  })

  it("merges many flushes of little among themselves", () => {
    const tree = load(strategy, workloads.random, { flushes: 40, keys: 2 ** 32 })
    const [flushed, merged] = [tree.work.flushedBytes, tree.work.mergedBytes]
    for (let flush = 0; flush < 400; flush++) {
      tree.flush(Array.from({ length: 5 }, (_, index) => 1000 * flush + index))
      tree.settle(strategy)
      assert.isBelow(tree.levels[0]!.length, 4)
    }
    assert.isBelow((tree.work.mergedBytes - merged) / (tree.work.flushedBytes - flushed), 20)
  })

  it("takes a few tables of more than a memtable for a full level 0", () => {
    const tree = new TreeModel({ memtableSize })
    tree.flush(Array.from({ length: 6 * perMemtable }, (_, index) => index))
    const pick = strategy.pick(tree.shape)
    assert.strictEqual(pick?._tag === "Merge" ? pick.outputLevel : undefined, lastLevel)
  })

  it("empties a level that the data has become too small for", () => {
    const tree = load(strategy, workloads.random, { flushes: 60, keys: 2 ** 32 })
    const above = tree.levels.findIndex((tables, level) => level > 0 && tables.length > 0)
    assert.isBelow(above, lastLevel)
    const wider = Compaction.levelled({ tableSize, baseLevelSize: 1024 * 1024 * KiB })
    tree.settle(wider)
    assert.strictEqual(tree.levelBytes(above), 0)
  })

  it("takes down first what drags the least along", () => {
    const tree = load(strategy, workloads.random, { flushes: 60, keys: 2 ** 32 })
    const shape = tree.shape
    const level = shape.levels.findIndex((tables, index) => index > 0 && tables.length > 0)
    const lone = { ...shape.levels[level]!.at(-1)!, smallestKey: Uint8Array.of(255, 255, 255, 255, 1) }
    const full = [...shape.levels[level]!.flatMap((table) => [table, table, table, table]), {
      ...lone,
      largestKey: lone.smallestKey
    }]
    const pick = strategy.pick({ ...shape, levels: shape.levels.with(level, full) })
    assert.deepStrictEqual(pick?._tag === "Merge" ? pick.inputs : [], [full.at(-1)!])
  })
})
