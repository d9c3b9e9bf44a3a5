/** What a close waits for, and what it leaves to itself. */
import { afterEach, assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { DiskError } from "../../src/StoreError.ts"
import {
  contentOf,
  inlineContent,
  noWorkerThreads,
  someJob,
  startWorkersToClose,
  workerThreads
} from "./WorkerFixture.ts"

const isClosedError = (exit: Exit.Exit<void, unknown>): boolean =>
  Exit.isFailure(exit)
  && exit.cause.reasons.some((reason) =>
    reason._tag === "Fail" && reason.error instanceof DiskError && reason.error.operation === "worker"
  )

afterEach(() => Effect.runPromise(noWorkerThreads))

const fewYields = Effect.replicateEffect(Effect.yieldNow, 20, { discard: true })

describe("a close", () => {
  it.live("does not wait for a thread that is loading", () =>
    Effect.gen(function*() {
      const { close, jobs, restarts, signals } = yield* startWorkersToClose({ mishap: "load", call: -1 })
      jobs.prepareFlush()
      yield* close
      signals.release()
      yield* signals.struck
      yield* noWorkerThreads
      assert.deepStrictEqual(restarts, [])
    }))

  it.live("does not wait for an idle thread", () =>
    Effect.gen(function*() {
      const { close, jobs, restarts, signals } = yield* startWorkersToClose({
        mishap: "defer",
        operation: "Stop",
        call: -1
      })
      const job = yield* someJob("flush")
      yield* job.run(jobs)
      yield* close
      yield* signals.struck
      assert.lengthOf(workerThreads(), 1)
      signals.release()
      yield* noWorkerThreads
      assert.deepStrictEqual(restarts, [])
    }))

  const notBegun = [
    ["that is loading", { mishap: "load", call: -1 }],
    ["that has not begun it", { mishap: "defer", operation: "Offer", call: -1 }]
  ] as const
  for (const [which, plan] of notBegun) {
    it.live(`ends the job of a thread ${which} at once, and the thread touches no file`, () =>
      Effect.gen(function*() {
        const { close, jobs, restarts, signals } = yield* startWorkersToClose(plan)
        const job = yield* someJob("merge")
        const before = contentOf(job.directory)
        const running = yield* Effect.forkChild(job.run(jobs), { startImmediately: true })
        if (plan.mishap === "defer") yield* signals.struck
        yield* close
        assert.isTrue(isClosedError(yield* Fiber.await(running)))
        signals.release()
        yield* signals.struck
        yield* noWorkerThreads
        assert.deepStrictEqual([signals.calls, signals.otherCalls], [0, 0])
        assert.deepStrictEqual(contentOf(job.directory), before)
        assert.deepStrictEqual(restarts, [])
      }))
  }

  it.live("I14: waits for a thread that has begun a job until it has let go of its files", () =>
    Effect.gen(function*() {
      const { close, jobs, restarts, signals } = yield* startWorkersToClose({
        mishap: "halt",
        operation: "append",
        call: 2
      })
      const job = yield* someJob("merge")
      const before = contentOf(job.directory)
      const running = yield* Effect.forkChild(job.run(jobs))
      yield* signals.struck
      const closing = yield* Effect.forkChild(close, { startImmediately: true })
      yield* fewYields
      assert.deepStrictEqual([running.pollUnsafe(), closing.pollUnsafe()], [undefined, undefined])
      signals.release()
      yield* Fiber.join(closing)
      assert.deepStrictEqual(workerThreads(), [])
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(running)))
      assert.deepStrictEqual(contentOf(job.directory), before)
      assert.deepStrictEqual(restarts, [])
    }))

  it("lets the process end while a thread that it left is loading", () => {
    const child = spawnSync(process.execPath, [fileURLToPath(new URL("./closeProcess.ts", import.meta.url))], {
      encoding: "utf8",
      timeout: 50_000
    })
    assert.deepStrictEqual([child.status, child.stdout, child.stderr], [0, "closed\n", ""])
  })
})

describe("an interrupt", () => {
  for (const kind of ["flush", "merge"] as const) {
    it.live(`of a ${kind} that its thread has not begun ends it at once, and the thread does the next one`, () =>
      Effect.gen(function*() {
        const { close, jobs, restarts, signals } = yield* startWorkersToClose({
          mishap: "defer",
          operation: "Offer",
          call: -1
        })
        const job = yield* someJob(kind)
        const before = contentOf(job.directory)
        const running = yield* Effect.forkChild(job.run(jobs))
        yield* signals.struck
        yield* Fiber.interrupt(running)
        const again = yield* Effect.forkChild(job.run(jobs), { startImmediately: true })
        yield* fewYields
        assert.deepStrictEqual(contentOf(job.directory), before)
        signals.release()
        yield* Fiber.join(again)
        assert.deepStrictEqual(contentOf(job.directory), yield* inlineContent(kind))
        assert.deepStrictEqual(restarts, [])
        yield* close
      }))
  }
})
