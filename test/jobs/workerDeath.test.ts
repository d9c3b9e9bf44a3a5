/** Worker threads that die. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { DiskError } from "../../src/StoreError.ts"
import { temporaryDirectory } from "../disk/temporaryDirectory.ts"
import {
  contentOf,
  inlineContent,
  someFlush,
  someJob,
  someMerge,
  startWorkers,
  startWorkersWith
} from "./WorkerFixture.ts"
import type { SomeJob, Workers } from "./WorkerFixture.ts"

const isWorkerError = (error: unknown): boolean => error instanceof DiskError && error.operation === "worker"

/** The job is lost with its thread and leaves nothing; asked for again, it is done. */
const isLostAndDoneAgain = (
  { jobs, restarts }: Workers,
  job: SomeJob,
  kind: "flush" | "merge",
  reason: string
) =>
  Effect.gen(function*() {
    const before = contentOf(job.directory)
    assert.isTrue(isWorkerError(yield* Effect.flip(job.run(jobs))))
    assert.deepStrictEqual(contentOf(job.directory), before)
    const worker = kind === "flush" ? "flush" : "compaction"
    assert.deepStrictEqual(restarts, [{ worker, reason, restarts: 1, delayMilliseconds: 1 }])
    yield* job.run(jobs)
    assert.deepStrictEqual(contentOf(job.directory), yield* inlineContent(kind))
  })

describe("a worker thread that dies (I12)", () => {
  const points = [
    ["flush", "append", 1],
    ["flush", "sync", 0],
    ["merge", "createAppend", 3]
  ] as const

  for (const [kind, operation, call] of points) {
    it.live(`in the middle of a ${kind}, at ${operation} ${call}: loses only the job, which can be done again`, () =>
      Effect.gen(function*() {
        const workers = yield* startWorkersWith({ mishap: "exit", operation, call })
        yield* isLostAndDoneAgain(workers, yield* someJob(kind), kind, "it exited with code 3")
      }))
  }

  for (const kind of ["flush", "merge"] as const) {
    it.live(`of an error that nobody catches, in a ${kind}: the process goes on`, () =>
      Effect.gen(function*() {
        const workers = yield* startWorkersWith({ mishap: "throw", operation: "sync", call: 0 })
        const reason = "it died of an error: nobody catches this"
        yield* isLostAndDoneAgain(workers, yield* someJob(kind), kind, reason)
      }))
  }

  it.live("I26: leaves nothing of its job, and alone what lies under a name that it had not come to", () =>
    Effect.gen(function*() {
      const { jobs } = yield* startWorkersWith({ mishap: "exit", operation: "createAppend", call: 2 })
      const job = yield* someMerge(yield* temporaryDirectory)
      const path = job.targets[2]?.path ?? ""
      writeFileSync(path, "another's")
      const before = contentOf(dirname(path))
      assert.isTrue(isWorkerError(yield* Effect.flip(jobs.merge(job))))
      assert.deepStrictEqual(contentOf(dirname(path)), before)
    }))

  it.live("again and again is started after delays that double", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const missing = new URL("./noSuchEntry.ts", import.meta.url)
      const broken = yield* startWorkers({ entry: missing, restartDelay: 4, largestRestartDelay: 20 })
      for (let i = 0; i < 4; i++) {
        assert.isTrue(isWorkerError(yield* Effect.flip(broken.jobs.flush(someFlush(directory)))))
      }
      assert.deepStrictEqual(broken.restarts.map((event) => event.delayMilliseconds), [4, 8, 16, 20])
      assert.deepStrictEqual(broken.restarts.map((event) => event.restarts), [1, 2, 3, 4])
      for (const { reason } of broken.restarts) assert.include(reason, "noSuchEntry")
    }))
})
