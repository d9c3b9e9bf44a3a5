/**
 * An interrupt at every yield of every public operation, and one more while it
 * waits: a write is whole or absent, and no pin, descriptor, permit or place in a
 * queue is kept (I14).
 */
import { Cause, Clock, Effect, Exit, Fiber, Scheduler } from "effect"
import type { Duration, Scope } from "effect"
import type { ReadError, StoreOpenError, WriteError } from "../../../src/index.ts"
import { StoreReadMode } from "../../../src/table/ReadPolicy.ts"
import { SeededScheduler, SimulatedDisk } from "../../../src/testing/index.ts"
import type { Problem } from "../../../src/testing/index.ts"
import { bytesOf, filesOf, isTable, nameIn, openStore, padded } from "../../support/smallStore.ts"
import type { Store } from "../../support/smallStore.ts"
import { sparing } from "./Life.ts"
import { batchWrites, someKeys, turnKeys } from "./Operations.ts"
import type { Operation } from "./Operations.ts"
import { readAll } from "./Reopened.ts"

/** Where reads find what they look for. */
export type Source = "memory" | "the block cache" | "the disk"

/** What else the store is doing. */
export type Activity = "idle" | "busy" | "stalled"

export interface Scenario {
  readonly name: string
  readonly operation: Operation
  readonly source: Source
  readonly activity: Activity
  readonly mode: "sync" | "async"
  /** Interrupts the operation at its n-th point; tells whether there is a later one. */
  readonly interrupt: Interrupt
}

export interface Try {
  readonly exit: Exit.Exit<unknown, ReadError | WriteError>
  readonly isInterrupted: boolean
  /** There is no later point to interrupt it at. */
  readonly isLast: boolean
}

/** Interrupts the operation at its n-th point. */
export type Interrupt = (operation: Effect.Effect<unknown, ReadError | WriteError>, n: number) => Effect.Effect<Try>

/** At its n-th yield; one that waits for so long before that is interrupted as it waits. */
export const atYield = (patience: Duration.Input): Interrupt => (operation, n) =>
  Effect.gen(function*() {
    const scheduler = yield* Scheduler.Scheduler
    if (!(scheduler instanceof SeededScheduler)) return yield* Effect.die(new Error("there is no simulation"))
    let struck = () => false
    const fiber = yield* Effect.forkChild(Effect.withFiber<unknown, ReadError | WriteError>((self) => {
      const mark = scheduler.interruptAt(self, n)
      struck = () => mark.struck
      return operation
    }))
    yield* Effect.raceFirst(Fiber.await(fiber), Effect.sleep(patience))
    const waits = fiber.pollUnsafe() === undefined
    if (waits) yield* Fiber.interrupt(fiber)
    return { exit: yield* Fiber.await(fiber), isInterrupted: struck() || waits, isLast: !struck() || waits }
  })

const letOthersGo = (turns: number): Effect.Effect<void> =>
  turns === 0 ? Effect.void : Effect.asVoid(Effect.repeat(Effect.yieldNow, { times: turns - 1 }))

/** Once others have had n turns since it began, wherever it is then. One that does not end is not watched for ever. */
export const afterTurns = (most: number): Interrupt => (operation, n) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(operation)
    yield* letOthersGo(n)
    const isInterrupted = fiber.pollUnsafe() === undefined
    const before = yield* Clock.currentTimeMillis
    if (isInterrupted) yield* Fiber.interrupt(fiber)
    const exit = yield* Fiber.await(fiber)
    if ((yield* Clock.currentTimeMillis) !== before)
      return yield* Effect.die(new Error("the interrupt was not at once"))
    return { exit, isInterrupted, isLast: !isInterrupted || n === most }
  })

/** What the scenario did, try by try, and what was wrong at its end. */
export interface Interrupted {
  readonly tries: ReadonlyArray<{ readonly isInterrupted: boolean; readonly problems: ReadonlyArray<Problem> }>
  readonly problems: ReadonlyArray<Problem>
  /** All that the store held at its end. */
  readonly digest: string
}

const leak = (message: string): Problem => ({ invariant: "I14", message })

/** What an interrupted write left: nothing, or all of it. */
const tornProblems = (store: Store, turns: ReadonlyArray<number>, isBatch: boolean) =>
  Effect.map(store.getMany(turns.flatMap(turnKeys)), (values) => {
    const problems: Array<Problem> = []
    for (const [at, turn] of turns.entries()) {
      const [first, last] = values.slice(2 * at, 2 * at + 2).map(nameIn)
      if (first !== undefined && first !== String(turn)) problems.push(leak(`the write of turn ${turn} holds ${first}`))
      if (isBatch && first !== last) problems.push(leak(`the write of turn ${turn} is there in part`))
    }
    return problems
  })

/** What the operation finds. */
const prepare = (store: Store, source: Source) =>
  Effect.gen(function*() {
    for (const key of someKeys) yield* store.put(key, padded("some", 300), { durability: "buffered" })
    for (let at = 0; at < 3; at++) yield* store.put(bytesOf(`gone/${at}`), padded("gone", 10))
    if (source !== "memory") yield* store.flush
    if (source === "the block cache") yield* readAll(store)
  })

/** Work of the store beside the operation: it has begun when the operation does, and ends by itself. */
const busyness = (store: Store, turn: number) =>
  Effect.gen(function*() {
    for (let at = 0; at < 3; at++) {
      yield* store.put(bytesOf(`busy/${at}`), padded(String(turn), 9_000), { durability: "buffered" })
    }
    if (turn % 2 === 0) yield* store.flush
    if (turn % 6 === 0) yield* store.compact()
  })

/** The same without an end that anybody waits for: writers are stopped until tables can be written. */
const stall = (store: Store): Effect.Effect<ReadonlyArray<Fiber.Fiber<void, WriteError>>, never, Scope.Scope> =>
  Effect.gen(function*() {
    const writers = []
    for (let at = 0; at < 30; at++) {
      writers.push(yield* Effect.forkScoped(store.put(bytesOf(`stall/${at % 3}`), padded("stall", 9_000))))
      yield* Effect.sleep("10 millis")
    }
    return writers
  })

/** After whatever happened to it, the store takes writes, rotates, flushes and compacts, and holds nothing back. */
const aliveProblems = (store: Store, disk: SimulatedDisk) =>
  Effect.gen(function*() {
    const { rotations } = yield* store.stats
    for (let at = 0; at < 24; at++) {
      yield* store.put(bytesOf(`alive/${at % 3}`), padded("alive", 3_500), { durability: "buffered" })
    }
    // Below and above all else: one merge takes everything.
    for (const key of ["", "~"]) yield* store.put(bytesOf(key), padded("alive", 10))
    yield* Effect.forEach([...someKeys, ...someKeys], (key) => store.get(key), { concurrency: "unbounded" })
    yield* store.flush
    yield* store.compact()
    yield* store.sync
    // Files that nothing reads any more go in the background.
    yield* Effect.sleep("1 second")
    const { immutables, log, rotations: rotated, snapshots, tables, actors } = yield* store.stats
    const tableFiles = filesOf(disk).filter((file) => file.endsWith(".sst")).length
    const wrong = [
      rotated > rotations ? undefined : "it rotates no memtable",
      snapshots.count === 0 ? undefined : `${snapshots.count} pins are left`,
      immutables.count === 0 ? undefined : `${immutables.count} memtables wait for a flush`,
      tables.count === 1 ? undefined : `${tables.count} tables are left by a compaction of everything`,
      tableFiles === 1 ? undefined : `${tableFiles} files of tables are left`,
      log.queuedBytes === 0 ? undefined : `${log.queuedBytes} bytes wait for the log`,
      log.segments <= 2 ? undefined : `there are ${log.segments} segments`,
      ...actors.map(({ name, queued, state }) =>
        state === "idle" && queued === 0 ? undefined : `${name} is ${state}, and ${queued} messages wait for it`
      )
    ]
    return wrong.flatMap((message) => message === undefined ? [] : [leak(message)])
  })

/** Where tables can't be written, that is what an operation may say that has one written. */
const exitProblems = ({ exit, isInterrupted }: Try, activity: Activity): ReadonlyArray<Problem> => {
  if (Exit.isSuccess(exit)) return []
  const isExpected = exit.cause.reasons.every((reason) =>
    reason._tag === "Interrupt"
      ? isInterrupted
      : reason._tag === "Fail" && activity === "stalled" && reason.error._tag === "DiskError"
        && reason.error.code === "ENOSPC"
  )
  return isExpected ? [] : [leak(`it ended with ${Cause.pretty(exit.cause)}`)]
}

/** Interrupts the operation at its first point, its second, and so on, in one store, until there is no later one. */
export const interruptOften = (
  disk: SimulatedDisk,
  scenario: Scenario
): Effect.Effect<Interrupted, StoreOpenError | ReadError | WriteError> =>
  Effect.scoped(Effect.gen(function*() {
    const { activity, interrupt, mode, operation, source } = scenario
    const isBatch = Object.values(batchWrites).includes(operation)
    const options = source === "the disk" ? { blockCacheSize: 0 } : {}
    const store = yield* Effect.provideService(openStore(sparing(disk), options), StoreReadMode, mode)
    yield* prepare(store, source)
    const fault = activity === "stalled"
      ? disk.fail({
        when: (call) => isTable(call) && call.operation === "createAppend",
        times: Infinity,
        code: "ENOSPC"
      })
      : undefined
    const writers = activity === "stalled" ? yield* stall(store) : []
    const tries: Array<Interrupted["tries"][number]> = []
    for (let turn = 0;; turn++) {
      const beside = activity === "busy" ? yield* Effect.forkChild(busyness(store, turn)) : undefined
      if (beside !== undefined) yield* letOthersGo(turn % 11)
      const tried = yield* interrupt(operation(store, turn), turn)
      tries.push({
        isInterrupted: tried.isInterrupted,
        problems: [...exitProblems(tried, activity), ...yield* tornProblems(store, [turn], isBatch)]
      })
      if (beside !== undefined) yield* Fiber.join(beside)
      if (tried.isLast) break
    }
    fault?.heal()
    yield* Fiber.joinAll(writers)
    yield* store.sync
    const problems: Array<Problem> = []
    const turns = [...tries.keys()]
    problems.push(...yield* tornProblems(store, turns, isBatch))
    problems.push(...yield* aliveProblems(store, disk))
    const { digest, problems: readProblems } = yield* readAll(store)
    problems.push(...readProblems)
    return { tries, problems, digest }
  }))
