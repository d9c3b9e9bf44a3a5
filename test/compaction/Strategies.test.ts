/** What holds for every strategy that keeps all data. */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Compaction } from "../../src/Compaction.ts"
import { SeededRandom } from "../../src/testing/SeededRandom.ts"
import { TreeModel } from "./TreeModel.ts"
import { KiB, load, memtableSize, tableSize, workloads } from "./workloads.ts"

const strategies = {
  "levelled": Compaction.levelled({ tableSize }),
  "levelled, steep": Compaction.levelled({ tableSize, level0Tables: 1, baseLevelSize: 64 * KiB, levelRatio: 2 }),
  "sizeTiered": Compaction.sizeTiered({ tableSize }),
  "sizeTiered, one run": Compaction.sizeTiered({ tableSize, level0Tables: 2, runs: 1, spacePercent: 200 }),
  "fifo with room for all": Compaction.fifo({ maxBytes: Number.MAX_SAFE_INTEGER, mergeTables: 2 })
}

const scenario = {
  seed: Schema.Natural,
  workload: Schema.Literals(["random", "sequential", "skewed", "deleting", "queue"]),
  keys: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 5000 })),
  pinnedAfter: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 40 }))
}

describe.each(Object.entries(strategies))("%s", (_, strategy) => {
  it.prop(
    "I9 I10 I11: keeps content and shape, and comes to an end, beside flushes and a snapshot",
    scenario,
    (input) => {
      const random = new SeededRandom(input.seed)
      const tree = new TreeModel({ memtableSize })
      const expected = new Set<number>()
      const writes: Array<number> = []
      let task = tree.plan(strategy)
      let written = 0
      for (let flush = 0; flush < 40; flush++) {
        if (flush === input.pinnedAfter) tree.pinned = written
        if (flush === input.pinnedAfter + 10) tree.pinned = Infinity
        for (let left = random.bool(0.3) ? 5 : 300; left > 0; left--) {
          const write = workloads[input.workload](random, written++, input.keys)
          writes.push(write)
          if (write < 0) expected.delete(-1 - write)
          else expected.add(write)
        }
        tree.flush(writes.splice(0))
        // The one that was under way during the flush, and a few more.
        for (let left = random.int(4); left > 0; left--) {
          task ??= tree.plan(strategy)
          if (task !== undefined) tree.carryOut(task)
          task = tree.plan(strategy)
        }
      }
      if (task !== undefined) tree.carryOut(task)
      tree.settle(strategy)
      assert.deepStrictEqual(tree.live(), expected)
      assert.strictEqual(strategy.debt(tree.shape), 0)
    },
    { arbitrary: { runs: 25 } }
  )

  it("takes the tables that each of the others has left", () => {
    for (const other of Object.values(strategies)) {
      const tree = load(other, workloads.deleting, { flushes: 25, keys: 8000 })
      const live = tree.live()
      tree.settle(strategy)
      load(strategy, workloads.random, { flushes: 5, keys: 8000, seed: 2, tree })
      const after = tree.live()
      assert.isTrue([...live].every((key) => after.has(key)))
      assert.strictEqual(strategy.debt(tree.shape), 0)
    }
  })

  it("owes the more the more there is in level 0", () => {
    const tree = load(strategy, workloads.random, { flushes: 20, keys: 50_000 })
    const random = new SeededRandom(3)
    let debt = 0
    for (let flush = 0; flush < 12; flush++) {
      tree.flush(Array.from({ length: 900 }, () => random.int(50_000)))
      const more = strategy.debt(tree.shape)
      assert.isAtLeast(more, debt)
      debt = more
    }
    assert.isAbove(debt, tree.levelBytes(0) / 2)
  })
})
