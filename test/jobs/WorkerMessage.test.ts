import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect } from "effect"
import * as MemoryDisk from "../../src/disk/MemoryDisk.ts"
import { errorOf, failureReply, portable, writtenReply } from "../../src/jobs/WorkerMessage.ts"
import type { JobError } from "../../src/jobs/WorkerMessage.ts"
import { ArenaMemtable } from "../../src/memtable/ArenaMemtable.ts"
import { DiskError, StoreCorrupted, UnsupportedFormat } from "../../src/StoreError.ts"
import { ascii, put } from "../table/TableFixture.ts"
import { prepareFlush, prepareMerge } from "./JobFixture.ts"

const errors: ReadonlyArray<JobError> = [
  new DiskError({ operation: "sync", path: "a/b", code: "EIO" }),
  new StoreCorrupted({ file: "a/b", offset: 17, reason: "a reason" }),
  new UnsupportedFormat({ file: "a/b", reason: "a reason" })
]

/** A view of much more memory than it needs. */
const viewed = (text: string): Uint8Array => {
  const memory = new Uint8Array(1 << 20)
  memory.set(ascii(text), 1_000)
  return memory.subarray(1_000, 1_000 + text.length)
}

describe("messages between the loop and a worker", () => {
  for (const error of errors) {
    it(`gives a ${error._tag} back as it was`, () => {
      const reply = structuredClone(failureReply(Cause.fail(error)))
      assert.isTrue(reply._tag === "Failed")
      if (reply._tag !== "Failed") return
      const restored = errorOf(reply.error)
      assert.deepStrictEqual(restored, error)
      assert.strictEqual(Object.getPrototypeOf(restored), Object.getPrototypeOf(error))
      assert.strictEqual(restored.message, error.message)
    })
  }

  it("tells an interrupted job from a defect", () => {
    assert.strictEqual(failureReply(Cause.interrupt())._tag, "Abandoned")
    const reply = structuredClone(failureReply(Cause.die(new TypeError("a bug"))))
    assert.isTrue(reply._tag === "Defect" && reply.message === "a bug" && reply.stack?.includes("TypeError"))
  })

  it.effect("takes along no memory but a job's own", () =>
    Effect.gen(function*() {
      const disk = MemoryDisk.make()
      const merge = { runs: [[put("a", 1)]], older: [], pinned: [], tableSize: 1, targets: 1, keysPerTable: 1 }
      const job = yield* prepareMerge(disk, "", merge)
      const bounds = { smallestKey: viewed("a"), largestKey: viewed("m") }
      const sources = job.sources.map((run) => run.map(({ meta, path }) => ({ path, meta: { ...meta, ...bounds } })))
      const request = portable({
        _tag: "Merge",
        job: { ...job, sources, below: [{ ...bounds, size: 1 }], older: [bounds] }
      })
      const clone = structuredClone(request)
      assert.isTrue(clone._tag === "Merge")
      if (clone._tag !== "Merge") return
      const reply = writtenReply(sources.flat().map(({ meta }) => meta))
      assert.isTrue(reply._tag === "Written")
      if (reply._tag !== "Written") return
      const all = [
        ...clone.job.below,
        ...clone.job.older,
        ...clone.job.sources.flat().map(({ meta }) => meta),
        ...structuredClone(reply).tables
      ]
      assert.strictEqual(all.length, 4)
      for (const { largestKey, smallestKey } of all) {
        assert.deepStrictEqual([smallestKey, largestKey], [ascii("a"), ascii("m")])
        assert.deepStrictEqual([smallestKey.buffer.byteLength, largestKey.buffer.byteLength], [1, 1])
      }
    }))

  it("shares a memtable's memory and does not copy it", () => {
    const job = prepareFlush("", [put("a", 1)])
    const clone = structuredClone(portable({ _tag: "Flush", job }))
    assert.isTrue(clone._tag === "Flush")
    if (clone._tag !== "Flush") return
    new Uint8Array(job.memtable.buffer)[4_000] = 77
    assert.strictEqual(new Uint8Array(clone.job.memtable.buffer)[4_000], 77)
    assert.strictEqual(ArenaMemtable.attach(clone.job.memtable).count, 1)
  })
})
