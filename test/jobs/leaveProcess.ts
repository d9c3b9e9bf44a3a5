/** Process: runs a job in a thread that nothing else waits for, and never closes the threads. */
import { Effect, Scope } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { someFlush, startWorkers } from "./WorkerFixture.ts"

const directory = mkdtempSync(join(tmpdir(), "effect-lsm-leave-"))
const program = Effect.gen(function*() {
  const scope = yield* Scope.make()
  const { jobs } = yield* Scope.provide(startWorkers(), scope)
  yield* jobs.flush(someFlush(directory))
  process.stdout.write("written\n")
})
process.on("exit", () => {
  process.stdout.write("idle\n")
  rmSync(directory, { recursive: true })
})
Effect.runFork(program)
