/** A group of many small batches was put into the memtable in one stretch, however long it was. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { Memtable } from "../../src/engine/Memtable.ts"
import { MemtableWriter, recordsPerSlice } from "../../src/engine/MemtableWriter.ts"
import { ArenaMemtable } from "../../src/memtable/ArenaMemtable.ts"
import { putSize, writePut } from "../../src/record/RecordCodec.ts"
import { simulate } from "../../src/testing/index.ts"
import type { EncodedRange } from "../../src/WriteBatch.ts"
import { bytes } from "../store/storeHelpers.ts"

const records = 10 * recordsPerSlice

/** One record, as a batch of its own. */
const oneRecord = (number: number): EncodedRange => {
  const key = bytes(`key ${number}`)
  const buffer = new Uint8Array(putSize(key.length, 0))
  return { buffer, start: 0, end: writePut(buffer, 0, key, new Uint8Array(0)) }
}

/** The most records that were put in while another fiber could not run. */
const longestStretch = Effect.gen(function*() {
  const index = ArenaMemtable.make({ limit: 1024 * 1024, baseSequence: 1 })
  const memtable = new Memtable(index, [], () => {})
  const ranges = Array.from({ length: records }, (_, number) => oneRecord(number))
  const total = ranges.reduce((sum, { end }) => sum + end, 0)
  const inserting = yield* Effect.forkChild(new MemtableWriter().insert(memtable, ranges, 1, records, total))
  let longest = 0
  for (let seen = 0; seen < records; seen = index.count) {
    yield* Effect.yieldNow
    longest = Math.max(longest, index.count - seen)
  }
  yield* Fiber.join(inserting)
  return longest
})

describe("a long group of small batches", () => {
  it("goes into the memtable in slices", () => {
    const { exit } = simulate(longestStretch, { seed: 1, order: "oldest", yieldChance: 0 })
    assert.deepStrictEqual(exit, Exit.succeed(recordsPerSlice))
  })
})
