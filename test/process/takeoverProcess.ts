/**
 * A process with a store, which does what it is told on standard input, a line
 * for each command, and tells what it was acknowledged as it is. Where it is to
 * stand still, the whole event loop waits for a byte.
 */
import { Context, Effect, Exit, Layer, Logger, Result, Schema, Scope, Stream } from "effect"
import { cpSync, readFileSync, readSync, writeSync } from "node:fs"
import { createInterface } from "node:readline"
import type { Disk } from "../../src/disk/Disk.ts"
import { LsmStore } from "../../src/index.ts"
import type { ReadError, StoreOpenError, WriteError } from "../../src/index.ts"
import { layerInlineJobs } from "../../src/jobs/InlineJobs.ts"
import { Jobs } from "../../src/jobs/Jobs.ts"
import { layerWorkerJobs } from "../../src/jobs/WorkerJobs.ts"
import { bytes, text } from "../store/storeHelpers.ts"
import type { Store } from "../store/storeHelpers.ts"
import { onlyWhenAsked } from "./manyTables.ts"
import { CountedCalls } from "./takeoverDisk.ts"
import { CommandLine, keyOf, levelOf, ReportLine, valueOf } from "./takeoverProtocol.ts"
import type { Answer, Command, Report, Write } from "./takeoverProtocol.ts"

/** A pipe that nothing else here uses, and that blocks: reports go there, and from there comes the byte that lets it go on. */
const reports = 3

/** At once: what was acknowledged is known outside, whatever becomes of this process. */
const report = (line: Report): void => void writeSync(reports, `${Schema.encodeSync(ReportLine)(line)}\n`)

const stand = (call: string): void => {
  report({ tell: "stands", call })
  readSync(reports, new Uint8Array(1))
}

const nameOf = (error: StoreOpenError | ReadError | WriteError): string =>
  error._tag === "StoreReadOnly"
    ? `${error._tag} ${error.cause}`
    : error._tag === "DiskError"
    ? `${error._tag} ${error.code}`
    : error._tag

const done: Answer = { outcome: "done", each: [] }

const outcomeOf = <E extends StoreOpenError | ReadError | WriteError>(
  effect: Effect.Effect<unknown, E>
): Effect.Effect<Answer> =>
  Effect.match(effect, { onFailure: (error) => ({ outcome: nameOf(error), each: [] }), onSuccess: () => done })

/** They tell that they begin. */
const reportedJobs = (workers: 0 | 2): Layer.Layer<Jobs, never, Disk> =>
  Layer.effect(
    Jobs,
    Effect.map(Jobs, (jobs) =>
      Jobs.of({
        ...jobs,
        flush: (job) => Effect.andThen(Effect.sync(() => report({ tell: "begins", job: "flush" })), jobs.flush(job)),
        merge: (job) => Effect.andThen(Effect.sync(() => report({ tell: "begins", job: "merge" })), jobs.merge(job))
      }))
  ).pipe(Layer.provide(workers === 0 ? layerInlineJobs : layerWorkerJobs()))

interface Opened {
  readonly store: Store
  readonly scope: Scope.Closeable
}

let calls = new CountedCalls(-1, stand)
let opened: Opened | undefined

const open = Effect.fnUntraced(function*(command: Extract<Command, { readonly do: "open" }>) {
  const { directory, options, standAt, workers } = command
  calls = new CountedCalls(standAt, stand)
  const scope = yield* Scope.make()
  const layer = LsmStore.layer({ directory, ...options, compaction: onlyWhenAsked }).pipe(
    Layer.provide(reportedJobs(workers)),
    Layer.provide(calls.layer)
  )
  const built = yield* Effect.result(Layer.buildWithScope(Layer.fresh(layer), scope))
  if (Result.isFailure(built)) {
    yield* Scope.close(scope, Exit.void)
    return yield* built.failure
  }
  opened = { store: Context.get(built.success, LsmStore), scope }
})

/** The names of what writes are refused with, a name once. */
const write = Effect.fnUntraced(function*(store: Store, command: Write) {
  const refusals = new Set<string>()
  const numbers = Array.from({ length: command.to - command.from }, (_, at) => command.from + at)
  const writeOne = (number: number) => {
    const key = keyOf(command.writer, number)
    const level = levelOf(command, number)
    return Effect.match(store.put(bytes(key), bytes(valueOf(key)), { durability: level }), {
      onFailure: (error) => void refusals.add(nameOf(error)),
      onSuccess: () => report({ tell: "acknowledged", key, level })
    })
  }
  yield* Effect.forEach(numbers, writeOne, { concurrency: command.atOnce, discard: true })
  return { outcome: refusals.size === 0 ? "done" : [...refusals].sort().join(), each: [] }
})

const get = (store: Store, keys: ReadonlyArray<string>): Effect.Effect<Answer> =>
  Effect.map(
    Effect.forEach(keys, (key) =>
      Effect.match(store.get(bytes(key)), {
        onFailure: nameOf,
        onSuccess: (value) => value === undefined ? "nothing" : text(value) === valueOf(key) ? "right" : "wrong"
      })),
    (each) => ({ outcome: "done", each })
  )

const close = Effect.suspend(() => {
  const scope = opened?.scope
  opened = undefined
  return scope === undefined ? Effect.void : Scope.close(scope, Exit.void)
})

const use = (f: (store: Store) => Effect.Effect<Answer>): Effect.Effect<Answer> =>
  Effect.suspend(() =>
    opened === undefined ? Effect.succeed({ outcome: "no store is open", each: [] }) : f(opened.store)
  )

const perform = (command: Command): Effect.Effect<Answer> => {
  switch (command.do) {
    case "open":
      return outcomeOf(open(command))
    case "write":
      return use((store) => write(store, command))
    case "get":
      return use((store) => get(store, command.keys))
    case "scan":
      return use((store) => outcomeOf(Stream.runDrain(store.scan())))
    case "compact":
      return use((store) => outcomeOf(store.compact()))
    case "flush":
      return use((store) => outcomeOf(store.flush))
    case "sync":
      return use((store) => outcomeOf(store.sync))
    case "copy":
      return Effect.as(Effect.sync(() => cpSync(command.from, command.to, { recursive: true })), done)
    case "read":
      return Effect.as(Effect.sync(() => readFileSync(command.path)), done)
    case "listCalls":
      return Effect.sync(() => ({ outcome: "done", each: [...calls.calls] }))
    case "close":
      return Effect.as(close, done)
  }
}

// Loaded before anything is counted or stopped.
await import("node:sqlite")
for await (const line of createInterface({ input: process.stdin })) {
  const command = Schema.decodeUnknownSync(CommandLine)(line)
  const answer = await Effect.runPromise(perform(command).pipe(Effect.provide(Logger.layer([]))))
  report({ tell: "answer", answer })
}
