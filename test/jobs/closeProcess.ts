/** Process: closes threads while one has a job and never comes to an end of loading. */
import { Effect, Fiber } from "effect"
import { someFlush, startWorkersToClose } from "./WorkerFixture.ts"

const program = Effect.scoped(Effect.gen(function*() {
  const { close, jobs } = yield* startWorkersToClose({ mishap: "load", call: -1 })
  const running = yield* Effect.forkChild(jobs.flush(someFlush("/nowhere")), { startImmediately: true })
  yield* close
  yield* Fiber.await(running)
  process.stdout.write("closed\n")
  // What would release the thread never runs.
  return yield* Effect.never
}))
Effect.runFork(program)
