/**
 * Another process that takes a directory's lock: prints "ready", waits for a
 * line, tries, prints how it went, and holds on until its input ends. As root
 * it can become somebody whom file permissions bind.
 */
import { Effect } from "effect"
import { once } from "node:events"
import { lockDirectory } from "../../src/disk/DirectoryLock.ts"

const [directory = "", mode = "", user = ""] = process.argv.slice(2)
// Loaded while it still may be: somebody else need not have access to where Node is.
await import("node:sqlite")
if (user === "nobody" && process.getuid?.() === 0) process.setuid?.(65_534)

console.log("ready")
await once(process.stdin, "data")

await Effect.runPromise(
  Effect.scoped(
    Effect.gen(function*() {
      yield* lockDirectory(directory, mode === "shared" ? "shared" : "exclusive")
      console.log("held")
      yield* Effect.promise(() => once(process.stdin.resume(), "end"))
    }).pipe(
      Effect.catchTags({
        StoreLocked: (error) => Effect.sync(() => console.log(`locked by ${error.holder}`)),
        DiskError: (error) => Effect.sync(() => console.log(error.code))
      })
    )
  )
)
process.stdin.destroy()
