import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as MemoryDisk from "../../src/disk/MemoryDisk.ts"
import { makeInlineJobs } from "../../src/jobs/InlineJobs.ts"
import { compareEntries, expectedLookup, historyArbitrary, put, show, tombstone } from "../table/TableFixture.ts"
import { prepareFlush, readTable } from "./JobFixture.ts"

describe("a flush", () => {
  it.effect.prop(
    "I8, I10: keeps what is newest of every key, and what a snapshot sees",
    { history: historyArbitrary },
    ({ history }) =>
      Effect.gen(function*() {
        const records = [...history, put("last", 0)].map(({ key, kind, value }, at) => ({
          key,
          kind,
          sequence: 10 + at,
          value
        }))
        const pinned = [12, 40, 41]
        const disk = MemoryDisk.make()
        const job = prepareFlush("", records, pinned)
        const meta = yield* makeInlineJobs(disk).flush(job)
        const found = yield* readTable(disk, job.target.path, meta)
        const sorted = records.toSorted(compareEntries)
        for (const { key } of records) {
          for (const sequence of [...pinned, 1_000]) {
            assert.strictEqual(expectedLookup(found, key, sequence), expectedLookup(sorted, key, sequence))
          }
        }
      }),
    { arbitrary: { runs: 100, size: 100 } }
  )

  it.effect("I9: keeps every key's tombstone", () =>
    Effect.gen(function*() {
      const disk = MemoryDisk.make()
      const job = prepareFlush("", [put("a", 1), tombstone("a", 2), tombstone("b", 3)])
      const meta = yield* makeInlineJobs(disk).flush(job)
      const found = yield* readTable(disk, job.target.path, meta)
      assert.deepStrictEqual(found.map(show), [show(tombstone("a", 2)), show(tombstone("b", 3))])
    }))
})
