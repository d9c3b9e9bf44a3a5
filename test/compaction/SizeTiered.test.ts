import { assert, describe, it } from "@effect/vitest"
import { Compaction, levelCount } from "../../src/Compaction.ts"
import { TreeModel } from "./TreeModel.ts"
import { load, memtableSize, perMemtable, tableSize, workloads } from "./workloads.ts"

const strategy = Compaction.sizeTiered({ tableSize })
const lastLevel = levelCount - 1

describe("sizeTiered", () => {
  it("writes less than levels do", () => {
    const options = { flushes: 200, keys: 2 ** 32 }
    const tiered = load(strategy, workloads.random, options)
    const levels = load(Compaction.levelled({ tableSize }), workloads.random, options)
    assert.isBelow(tiered.writeAmplification, 0.8 * levels.writeAmplification)
  })

  it("keeps what is above the last level within its part of it", () => {
    const tree = new TreeModel({ memtableSize })
    for (let step = 0; step < 40; step++) {
      load(strategy, workloads.random, { flushes: 5, keys: 60_000, seed: step, tree })
      const last = tree.levelBytes(lastLevel)
      // Level 0 is merged when it is full; less than that may wait in it.
      assert.isAtMost(tree.bytes - last, 0.5 * last + 4 * memtableSize)
      assert.isBelow(tree.levels[0]!.length, 4)
      assert.strictEqual(tree.levelBytes(lastLevel - 1), 0)
    }
  })

  it("keeps no more runs than it is told", () => {
    for (const runs of [1, 2, 3, 4]) {
      const tree = new TreeModel({ memtableSize })
      const few = Compaction.sizeTiered({ tableSize, runs, spacePercent: 1000 })
      let most = 0
      for (let step = 0; step < 60; step++) {
        load(few, workloads.random, { flushes: 1, keys: 2 ** 32, seed: step, tree })
        most = Math.max(most, tree.runs - tree.levels[0]!.length)
      }
      assert.strictEqual(most, runs + 1)
    }
  })

  it("merges no more at a time than a part of the data once there is much", () => {
    const tree = load(strategy, workloads.random, { flushes: 80, keys: 2 ** 32 })
    tree.work.largestMerge = 0
    load(strategy, workloads.random, { flushes: 80, keys: 2 ** 32, seed: 2, tree })
    assert.isBelow(tree.work.largestMerge, 0.5 * tree.bytes)
  })

  it("writes at most twice what arrives in order", () => {
    const tree = load(strategy, workloads.sequential, { flushes: 100, keys: 0 })
    assert.isAtMost(tree.writeAmplification, 2)
  })

  it("merges many flushes of little among themselves", () => {
    const tree = load(strategy, workloads.random, { flushes: 40, keys: 2 ** 32 })
    const [flushed, merged] = [tree.work.flushedBytes, tree.work.mergedBytes]
    for (let flush = 0; flush < 400; flush++) {
      tree.flush(Array.from({ length: perMemtable / 180 }, (_, index) => 1000 * flush + index))
      tree.settle(strategy)
      assert.isBelow(tree.levels[0]!.length, 4)
    }
    assert.isBelow((tree.work.mergedBytes - merged) / (tree.work.flushedBytes - flushed), 20)
  })
})
