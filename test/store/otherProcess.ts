/** Starts another process that opens a store. */
import { Effect, Schema } from "effect"
import type { Scope } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

const Answer = Schema.fromJsonString(Schema.Struct({
  tag: Schema.String,
  message: Schema.optionalKey(Schema.String),
  content: Schema.optionalKey(Schema.Array(Schema.String))
}))

export interface OtherProcess {
  /** How its opening went: `tag` is `"open"` or the error's. */
  readonly answer: typeof Answer.Type
  /** Lets it close the store and end. */
  readonly finish: Effect.Effect<void>
  /** Ends it at once. */
  readonly kill: Effect.Effect<void>
}

/** Another process in which the store is open, or could not be opened, for the scope. */
export const openElsewhere = (
  directory: string,
  mode: "write" | "read" = "write",
  user: "same" | "nobody" = "same"
): Effect.Effect<OtherProcess, Schema.SchemaError, Scope.Scope> =>
  Effect.gen(function*() {
    const script = fileURLToPath(new URL("storeProcess.ts", import.meta.url))
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, [script, directory, mode, user], { stdio: ["pipe", "pipe", "inherit"] })
      ),
      (running) => Effect.sync(() => running.kill("SIGKILL"))
    )
    const exited = once(child, "exit")
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const line = yield* Effect.promise(() => lines.next())
    return {
      answer: yield* Schema.decodeUnknownEffect(Answer)(line.value),
      finish: Effect.andThen(Effect.sync(() => child.stdin.end()), Effect.promise(() => exited)),
      kill: Effect.andThen(Effect.sync(() => child.kill("SIGKILL")), Effect.promise(() => exited))
    }
  })
