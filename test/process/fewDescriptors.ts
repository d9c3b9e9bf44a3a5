/**
 * A process with few file descriptors: opens a store of many tables, uses up all
 * descriptors that are left, reads, writes and flushes, gives them back, and goes
 * on. Prints one line of JSON that tells how it went.
 */
import { Context, Effect, Fiber, Layer, Logger } from "effect"
import { closeSync, openSync, readdirSync } from "node:fs"
import * as NodeDisk from "../../src/disk/NodeDisk.ts"
import { LsmStore } from "../../src/index.ts"
import type { ReadError } from "../../src/index.ts"
import { layerInlineJobs } from "../../src/jobs/InlineJobs.ts"
import { layerWorkerJobs } from "../../src/jobs/WorkerJobs.ts"
import { bytes, text } from "../store/storeHelpers.ts"
import type { Store } from "../store/storeHelpers.ts"
import { keyOfTable, onlyWhenAsked, valueOfTable } from "./manyTables.ts"
import { watchEvents, writeUntilPrepared } from "./watchEvents.ts"

const [directory = "", workers = "", tables = ""] = process.argv.slice(2)
const count = Number(tables)
const memtableSize = 64 * 1024

const openDescriptors = (): number => readdirSync("/proc/self/fd").length

/** Opens files whenever the system lets it, until it is told to give them back. */
const takeDescriptors = (): () => void => {
  const taken: Array<number> = []
  let turn: NodeJS.Immediate
  const take = (): void => {
    turn = setImmediate(take)
    try {
      for (;;) taken.push(openSync("/dev/null", "r"))
    } catch {
      // There are no more for now.
    }
  }
  take()
  return () => {
    clearImmediate(turn)
    for (const file of taken) closeSync(file)
  }
}

const open = (maxOpenFiles?: number) =>
  Effect.map(
    Layer.build(Layer.fresh(
      LsmStore.layer({ directory, maxOpenFiles, blockCacheSize: 0, memtableSize, compaction: onlyWhenAsked })
        .pipe(
          Layer.provide(workers === "2" ? layerWorkerJobs({ priority: 0 }) : layerInlineJobs),
          Layer.provide(NodeDisk.layer)
        )
    )),
    (context) => Context.get(context, LsmStore)
  )

/** Reads all tables at once: how many answers were right, and the codes of the failures. */
const readAll = (store: Store) =>
  Effect.gen(function*() {
    const failures = new Set<string>()
    let right = 0
    const describe = (error: ReadError): string => error._tag === "DiskError" ? error.code : error._tag
    const read = (table: number) =>
      Effect.match(store.get(bytes(keyOfTable(table))), {
        onFailure: (error) => failures.add(describe(error)),
        onSuccess: (value) => text(value) === valueOfTable(table) ? right++ : failures.add("a wrong answer")
      })
    yield* Effect.forEach(Array.from({ length: count }).keys(), read, { concurrency: "unbounded", discard: true })
    return { right, failures: [...failures] }
  })

const program = Effect.gen(function*() {
  const atFirst = openDescriptors()
  const refused = yield* Effect.flip(Effect.scoped(open()))
  const leaked = openDescriptors() - atFirst
  return yield* Effect.scoped(Effect.gen(function*() {
    const store = yield* open(8)
    const { seen, until } = yield* watchEvents(store)
    const before = yield* readAll(store)
    // A flush then needs a descriptor for its table alone.
    yield* writeUntilPrepared(store, memtableSize, store.put(bytes("new"), new Uint8Array(3_000)))

    const giveBack = takeDescriptors()
    const during = yield* readAll(store)
    yield* store.put(bytes("without"), bytes("1"))
    const flush = yield* Effect.forkChild(store.flush)
    yield* until((event) => event._tag === "ActorRestarted" && event.actor === "Flusher")
    const [reason] = seen.flatMap((event) => event._tag === "ActorRestarted" ? [event.reason] : [])
    giveBack()

    yield* Fiber.join(flush)
    yield* store.put(bytes("after"), bytes("1"))
    const after = yield* readAll(store)
    const { readOnly, tables: { count: tablesAfter } } = yield* store.stats
    return {
      refused: refused._tag === "DiskError" ? refused.code : refused._tag,
      leaked,
      before,
      during,
      reason,
      after,
      readOnly,
      tablesAfter,
      without: text(yield* store.get(bytes("without")))
    }
  }))
}).pipe(Effect.provide(Logger.layer([])))

console.log(JSON.stringify(await Effect.runPromise(program)))
