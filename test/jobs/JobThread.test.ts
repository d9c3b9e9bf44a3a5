import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { JobThread } from "../../src/jobs/JobThread.ts"
import type { JobOutcome } from "../../src/jobs/JobThread.ts"
import { Rests } from "../../src/jobs/WorkerSetup.ts"
import { someFlush } from "./WorkerFixture.ts"

describe("JobThread", () => {
  it.live("tells of its end who hands it a job after it", () =>
    Effect.gen(function*() {
      let thread: JobThread | undefined
      const options = {
        entry: new URL("./noSuchEntry.ts", import.meta.url),
        extra: undefined,
        priority: 0,
        rests: Rests.never,
        access: "owner" as const,
        startTimeout: 60_000,
        hangTimeout: 60_000,
        abandonTimeout: 60_000,
        stopTimeout: 60_000
      }
      yield* Effect.callback<void>((resume) => {
        thread = new JobThread("lsm-test", options, () => resume(Effect.void))
      })
      // What it does in the stretch in which it tells of its death is over then.
      yield* Effect.promise(() => new Promise(setImmediate))
      assert.isFalse(thread?.isServing)
      const outcome = yield* Effect.callback<JobOutcome>((resume) => {
        thread?.run({ _tag: "Flush", job: someFlush("/nowhere") }, (reached) => resume(Effect.succeed(reached)))
      })
      assert.strictEqual(outcome._tag, "Died")
    }))
})
