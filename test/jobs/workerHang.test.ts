/** Worker threads that hang, wait, or are told to let go of their job. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { spawnSync } from "node:child_process"
import { closeSync, openSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { DiskError } from "../../src/StoreError.ts"
import { temporaryDirectory } from "../disk/temporaryDirectory.ts"
import { contentOf, inlineContent, someJob, someMerge, startWorkersWith } from "./WorkerFixture.ts"

/** Milliseconds in which a thread gives a sign of life on a busy machine. */
const soon = 2_000

describe("a worker thread that hangs", () => {
  it.live("is replaced, and its job can be done again", () =>
    Effect.gen(function*() {
      const { jobs, restarts } = yield* startWorkersWith({ mishap: "spin", operation: "sync", call: 0 }, {
        hangTimeout: soon
      })
      const job = yield* someJob("merge")
      const before = contentOf(job.directory)
      const error = yield* Effect.flip(job.run(jobs))
      assert.isTrue(error instanceof DiskError && error.operation === "worker")
      assert.deepStrictEqual(contentOf(job.directory), before)
      assert.deepStrictEqual(restarts.map(({ reason }) => reason), [`it gave no sign of life for ${soon} ms`])
      yield* job.run(jobs)
      assert.deepStrictEqual(contentOf(job.directory), yield* inlineContent("merge"))
    }))

  it.live("before it serves is left alone, as to end it then could end the process", () =>
    Effect.gen(function*() {
      const { jobs, restarts, signals } = yield* startWorkersWith({ mishap: "load", call: -1 }, {
        startTimeout: 500,
        hangTimeout: 500
      })
      const job = yield* someJob("flush")
      const error = yield* Effect.flip(job.run(jobs))
      assert.isTrue(error instanceof DiskError && error.operation === "worker")
      assert.deepStrictEqual(restarts.map(({ reason }) => reason), ["it gave no sign of life for 500 ms"])
      signals.release()
      yield* signals.struck
    }))

  it.live("in a system call that does not return keeps neither the job's end nor the store's close", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const pipe = `${directory}/pipe`
      assert.strictEqual(spawnSync("mkfifo", [pipe]).status, 0)
      // A thread that sticks keeps the process from its exit.
      yield* Effect.addFinalizer(() => Effect.sync(() => closeSync(openSync(pipe, "r+"))))
      const scope = yield* Scope.make()
      const { jobs, restarts, signals } = yield* Scope.provide(
        startWorkersWith({ mishap: "stick", operation: "sync", call: 0, pipe }, {
          abandonTimeout: 80,
          stopTimeout: 50
        }),
        scope
      )
      const job = yield* someJob("flush")
      const running = yield* Effect.forkChild(job.run(jobs))
      yield* signals.struck
      yield* Fiber.interrupt(running)
      assert.deepStrictEqual([...contentOf(job.directory).keys()], [])
      assert.strictEqual(restarts.length, 1)
      yield* Scope.close(scope, Exit.void)
    }))
})

describe("a job that is interrupted", () => {
  it.live("I14: ends when its thread has let go of its files, and the thread serves on", () =>
    Effect.gen(function*() {
      const { jobs, restarts, signals } = yield* startWorkersWith({ mishap: "halt", operation: "append", call: 2 })
      const job = yield* someJob("merge")
      const before = contentOf(job.directory)
      const running = yield* Effect.forkChild(job.run(jobs))
      yield* signals.struck
      running.interruptUnsafe()
      yield* Effect.replicateEffect(Effect.yieldNow, 20, { discard: true })
      assert.isUndefined(running.pollUnsafe())
      signals.release()
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(running)))
      assert.deepStrictEqual(contentOf(job.directory), before)
      yield* job.run(jobs)
      assert.deepStrictEqual(contentOf(job.directory), yield* inlineContent("merge"))
      assert.deepStrictEqual(restarts, [])
    }))

  const foreign = [["that it has not come to", 3], ["that was taken", 2]] as const
  for (const [which, at] of foreign) {
    it.live(`I26: removes what it has made, and not what lies under a name ${which}`, () =>
      Effect.gen(function*() {
        const { jobs, restarts, signals } = yield* startWorkersWith({
          mishap: "halt",
          operation: "createAppend",
          call: 2
        })
        const job = yield* someMerge(yield* temporaryDirectory)
        const path = job.targets[at]?.path ?? ""
        writeFileSync(path, "another's")
        const before = contentOf(dirname(path))
        const running = yield* Effect.forkChild(jobs.merge(job))
        yield* signals.struck
        assert.strictEqual(contentOf(dirname(path)).size, before.size + 2)
        running.interruptUnsafe()
        signals.release()
        assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(running)))
        assert.deepStrictEqual(contentOf(dirname(path)), before)
        assert.deepStrictEqual(restarts, [])
      }))
  }

  it.live("before its turn never begins", () =>
    Effect.gen(function*() {
      const { jobs, signals } = yield* startWorkersWith({ mishap: "halt", operation: "append", call: 0 })
      const first = yield* someJob("flush")
      const second = yield* someJob("flush")
      const running = yield* Effect.forkChild(first.run(jobs))
      yield* signals.struck
      const waiting = yield* Effect.forkChild(second.run(jobs), { startImmediately: true })
      yield* Fiber.interrupt(waiting)
      signals.release()
      yield* Fiber.join(running)
      assert.deepStrictEqual([...contentOf(second.directory).keys()], [])
    }))
})

describe("a merge while a flush runs", () => {
  it.live("waits, and is not taken for hung", () =>
    Effect.gen(function*() {
      const flush = yield* someJob("flush")
      const merge = yield* someJob("merge")
      const { jobs, restarts, signals } = yield* startWorkersWith(
        { mishap: "wait", operation: "sync", about: flush.directory, call: 0 },
        { flushesFirst: true, hangTimeout: soon }
      )
      const before = contentOf(merge.directory)
      const flushing = yield* Effect.forkChild(flush.run(jobs))
      yield* signals.struck
      const merging = yield* Effect.forkChild(merge.run(jobs))
      yield* signals.untilOtherCalls(1)
      // The flush waits for longer than a thread may be silent.
      yield* signals.turns(soon / 8)
      assert.deepStrictEqual(contentOf(merge.directory), before)
      assert.isUndefined(merging.pollUnsafe())
      signals.release()
      yield* Fiber.join(flushing)
      yield* Fiber.join(merging)
      assert.deepStrictEqual(contentOf(merge.directory), yield* inlineContent("merge"))
      assert.deepStrictEqual(restarts, [])
    }))
})
