/** Another process that says something line by line, and waits for an answer to each. */
import { Effect } from "effect"
import type { Scope } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

export interface Conversation {
  /** The next line; `"ended"` when there is none. */
  readonly hear: Effect.Effect<string>
  /** Lets it go on. */
  readonly goOn: Effect.Effect<void>
}

/** The test's side: a process that ends with the scope at the latest. */
export const converse = (
  script: URL,
  args: ReadonlyArray<string>
): Effect.Effect<Conversation, never, Scope.Scope> =>
  Effect.gen(function*() {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, [fileURLToPath(script), ...args], { stdio: ["pipe", "pipe", "inherit"] })
      ),
      (running) => Effect.sync(() => running.kill("SIGKILL"))
    )
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    return {
      hear: Effect.map(Effect.promise(() => lines.next()), (line) => line.done === true ? "ended" : line.value),
      goOn: Effect.sync(() => child.stdin.write("\n"))
    }
  })

/** The other side: says a line and waits. */
export const say = (line: string): Effect.Effect<void> =>
  Effect.promise(async () => {
    console.log(line)
    process.stdin.resume()
    await once(process.stdin, "data")
    process.stdin.pause()
  })
