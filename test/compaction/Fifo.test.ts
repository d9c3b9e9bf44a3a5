import { assert, describe, it } from "@effect/vitest"
import { Compaction } from "../../src/Compaction.ts"
import { TreeModel } from "./TreeModel.ts"
import { KiB, load, memtableSize, perMemtable, tableSize, workloads } from "./workloads.ts"

const maxBytes = 2048 * KiB
const strategy = Compaction.fifo({ maxBytes })

describe("fifo", () => {
  it("keeps at most maxBytes, and they are the newest", () => {
    const tree = new TreeModel({ memtableSize })
    for (let flush = 0; flush < 60; flush++) {
      const first = flush * perMemtable
      tree.flush(Array.from({ length: perMemtable }, (_, index) => first + index))
      tree.settle(strategy)
      assert.isAtMost(tree.bytes, maxBytes)
      const next = first + perMemtable
      const live = tree.live()
      assert.strictEqual(Math.min(...live), next - live.size)
    }
    assert.isAbove(tree.work.drops, 0)
    assert.isAtLeast(tree.bytes, 0.75 * maxBytes)
  })

  it("keeps the newest table even if it is too large", () => {
    const small = Compaction.fifo({ maxBytes: 64 * KiB })
    const tree = load(small, workloads.sequential, { flushes: 3, keys: 0 })
    assert.strictEqual(tree.levels[0]!.length, 1)
    assert.strictEqual(tree.live().size, perMemtable)
  })

  it("merges small tables, so that there are few", () => {
    const tree = new TreeModel({ memtableSize })
    for (let flush = 0; flush < 1000; flush++) {
      tree.flush([3 * flush, 3 * flush + 1, 3 * flush + 2])
      tree.settle(strategy)
      assert.isAtMost(tree.runs, 24)
    }
    assert.isAtMost(tree.writeAmplification, 8)
    assert.strictEqual(tree.live().size, 3000)
  })

  it("merges no more into one table than tableSize", () => {
    const cut = Compaction.fifo({ maxBytes, tableSize })
    const tree = new TreeModel({ memtableSize })
    for (let flush = 0; flush < 300; flush++) {
      tree.flush(Array.from({ length: 20 }, (_, index) => 20 * flush + index))
      tree.settle(cut)
    }
    for (const { meta } of tree.levels[0]!) assert.isAtMost(meta.size, tableSize)
  })

  it("drops the tables that levels have left first, the deepest before the others", () => {
    const tree = load(Compaction.levelled({ tableSize }), workloads.random, { flushes: 40, keys: 2 ** 32 })
    const levels = tree.levels.map((tables) => tables.length)
    const total = tree.bytes
    const last = tree.levelBytes(6)
    const some = Compaction.fifo({ maxBytes: Math.floor(total - last / 2) }).pick(tree.shape)
    const most = Compaction.fifo({ maxBytes: tree.levelBytes(0) + memtableSize }).pick(tree.shape)
    assert.isAbove(levels[5]!, 0)
    assert.deepStrictEqual(new Set(some?._tag === "Drop" ? some.tables.map(({ level }) => level) : []), new Set([6]))
    assert.deepStrictEqual(new Set(most?._tag === "Drop" ? most.tables.map(({ level }) => level) : []), new Set([5, 6]))
  })
})
