import { assert, describe, it } from "@effect/vitest"
import { BatchPool } from "../../src/record/EntryBatch.ts"

describe("BatchPool", () => {
  it("gives a batch again, cleared, for either direction", () => {
    const pool = new BatchPool()
    const batch = pool.take(false)
    pool.give(batch)
    const again = pool.take(true)
    assert.strictEqual(again, batch)
    assert.deepStrictEqual([again.count, again.left, again.sign], [0, 0, -1])
  })

  it("I13: keeps few batches, and none with memory for long keys", () => {
    const pool = new BatchPool()
    const batches = Array.from({ length: 100 }, () => pool.take(false))
    batches[0]!.assembled = new Uint8Array(1024 * 1024)
    for (const batch of batches) pool.give(batch)
    const given = new Set(Array.from({ length: 100 }, () => pool.take(false)))
    const kept = batches.filter((batch) => given.has(batch))
    assert.isAtMost(kept.length, 16)
    assert.isAbove(kept.length, 0)
    assert.isFalse(kept.includes(batches[0]!))
  })
})
