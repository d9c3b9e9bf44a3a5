/** Process: runs jobs in a thread that nothing else waits for, while it starts and when it was idle; closes nothing. */
import { Effect, Scope } from "effect"
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { someFlush, startWorkers } from "./WorkerFixture.ts"

const directory = mkdtempSync(join(tmpdir(), "effect-lsm-leave-"))
const program = Effect.gen(function*() {
  const scope = yield* Scope.make()
  const { jobs } = yield* Scope.provide(startWorkers(), scope)
  for (const name of ["a", "b"]) {
    mkdirSync(join(directory, name))
    yield* jobs.flush(someFlush(join(directory, name)))
    process.stdout.write("written\n")
  }
})
process.on("exit", () => {
  process.stdout.write("idle\n")
  rmSync(directory, { recursive: true })
})
Effect.runFork(program)
