/**
 * A process whose directory is made read-only under its open store, twice: while
 * the next segment is there already, and when it is not. As root it becomes
 * somebody whom file permissions bind.
 */
import { Effect, Fiber, Logger } from "effect"
import { NodeLsmStore } from "../../src/node/index.ts"
import { withStore } from "../store/storeHelpers.ts"
import { say } from "./converse.ts"
import { watchEvents, writeUntilPrepared } from "./watchEvents.ts"
import { WriteLedger } from "./WriteLedger.ts"

const [directory = ""] = process.argv.slice(2)
// Loaded while it still may be: somebody else need not have access to where Node is.
await import("node:sqlite")
if (process.getuid?.() === 0) process.setuid?.(65_534)

const memtableSize = 256 * 1024
const layer = NodeLsmStore.layer({ directory, workers: 0, memtableSize })

const program = Effect.gen(function*() {
  const ledger = new WriteLedger(4)
  yield* withStore(layer, (store) =>
    Effect.gen(function*() {
      const { until } = yield* watchEvents(store)
      yield* writeUntilPrepared(store, memtableSize, ledger.writeNext(store, 0))
      yield* say("prepared")
      const flush = yield* Effect.forkChild(store.flush)
      yield* until((event) => event._tag === "ActorRestarted" && event.reason.includes("EACCES"))
      yield* ledger.check(store)
      yield* ledger.writeNext(store, 0)
      yield* say("a flush is tried again")
      yield* Fiber.join(flush)
      yield* say("flushed")
      const refusals = yield* ledger.write(store)
      yield* ledger.check(store)
      const kinds = refusals.map((refusal) =>
        refusal._tag === "StoreReadOnly" && refusal.reason.includes("EACCES") ? refusal.cause : refusal._tag
      )
      yield* say([...new Set(kinds)].join())
    }))
  yield* withStore(layer, (store) =>
    Effect.gen(function*() {
      yield* ledger.check(store)
      yield* ledger.writeNext(store, 0)
      yield* store.flush
      yield* ledger.check(store)
    }))
  console.log("whole")
}).pipe(Effect.provide(Logger.layer([])))

await Effect.runPromise(program)
process.stdin.destroy()
