/**
 * Another process that opens a store: prints one line of JSON that tells how it
 * went, and holds the store until its input ends. As root it can become somebody
 * whom file permissions bind.
 */
import { Effect } from "effect"
import { once } from "node:events"
import { LsmStore } from "../../src/index.ts"
import { NodeLsmStore } from "../../src/node/index.ts"
import { contentOf } from "./storeHelpers.ts"

const [directory = "", mode = "", user = ""] = process.argv.slice(2)
// Loaded while it still may be: somebody else need not have access to where Node is.
await import("node:sqlite")
if (user === "nobody" && process.getuid?.() === 0) process.setuid?.(65_534)

const tell = (line: object) => Effect.sync(() => console.log(JSON.stringify(line)))

const hold = Effect.gen(function*() {
  const store = yield* LsmStore
  yield* tell({ tag: "open", content: yield* contentOf(store) })
  yield* Effect.promise(() => once(process.stdin.resume(), "end"))
})

await Effect.runPromise(
  hold.pipe(
    Effect.provide(NodeLsmStore.layer({ directory, readOnly: mode === "read" })),
    Effect.catch((error) => tell({ tag: error._tag, message: error.message }))
  )
)
process.stdin.destroy()
