/** What is known of a life while it runs, and the checks that only need that. */
import { Cause, Deferred, Effect, Exit } from "effect"
import type { Durability, LsmStore, ReadError, StoreStats, WriteError } from "../../src/index.ts"
import { boundProblems } from "../../src/testing/index.ts"
import type { HistoryMark, StoreBounds, StoreEnd, StoreHistory } from "../../src/testing/index.ts"
import { Mishaps } from "./Mishaps.ts"
import type { Life, Operation } from "./Plan.ts"
import type { Owed, Run } from "./Run.ts"
import { strategyOf } from "./storeOptions.ts"

/** An error in a message's words. */
export const inWords = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
}

/** Bytes that a record may take beyond its key and its value, generously. */
const recordOverhead = 64

const sizeOf = (operation: Operation): number => {
  switch (operation._tag) {
    case "Put":
      return operation.key.length + operation.size + recordOverhead
    case "Burst":
      return Math.max(...operation.writes.map(({ key, size = 0 }) => key.length + size + recordOverhead))
    case "Write":
      return operation.records.reduce((sum, { key, size = 0 }) => sum + key.length + size + recordOverhead, 0)
    default:
      // A transfer, or nothing.
      return 1024
  }
}

const boundsOf = ({ fibers, options }: Life): StoreBounds => ({
  memtableSize: options.memtableSize,
  maxImmutables: options.maxImmutables,
  largestBatch: Math.max(0, ...fibers.flat().map(sizeOf)),
  level0Tables: strategyOf(options).stopTables
})

export class LifeState {
  readonly run: Run
  readonly life: Life
  /** Its place among the lives of the plan. */
  readonly index: number
  readonly mishaps: Mishaps
  /** Done when the power is cut, or the process killed. */
  readonly died = Deferred.makeUnsafe<void>()
  /** There is one once the store is open, and what it held was looked at. */
  history: StoreHistory | undefined
  /** A call has told that the directory is another store's. */
  isLossKnown = false
  /** Fibers whose calls have begun since then. */
  readonly knowing = new WeakSet<object>()
  /** How many flushes and compactions there had been when there might be no more of them. */
  lateChanges: number | undefined
  /** Once it is open. */
  store: LsmStore["Service"] | undefined
  /** When it died. */
  mark: HistoryMark | undefined
  /** What recovery found. */
  firstSequence = 0
  /** The highest sequence in the log that recovery was to replay, or to discard. */
  seenSequence = 0
  /** The highest sequence of an acknowledged batch, by level. */
  readonly #sequences = { sync: 0, buffered: 0, async: 0 }
  readonly #bounds: StoreBounds

  constructor(run: Run, life: Life, index: number, mishaps = new Mishaps()) {
    this.run = run
    this.life = life
    this.index = index
    this.mishaps = mishaps
    this.#bounds = boundsOf(life)
  }

  /** From here on nothing that the store does has any effect. */
  die(): void {
    this.mishaps.isDead = true
    this.mark = this.history?.mark()
    Deferred.doneUnsafe(this.died, Exit.void)
  }

  /** What `StoreActorHook` is in this life. */
  readonly hook = (actor: string, message: number): void => {
    const defect = this.life.defects.find((each) => each.actor === actor && each.message === message)
    if (defect === undefined) return
    this.mishaps.defects.push(defect)
    this.run.counts.add("defects", actor)
    throw new Error("a planned defect")
  }

  /** A failure without an excuse is a problem. */
  judge(operation: Operation["_tag"], exit: Exit.Exit<unknown, ReadError | WriteError>): void {
    if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) return
    const error = exit.cause.reasons.find(Cause.isFailReason)?.error
    if (error !== undefined && this.mishaps.excuses(operation, error)) {
      this.run.counts.add("refusals", error._tag)
      const isStopped = error._tag === "StoreReadOnly" && this.mishaps.isOnlyOvertaken
      if (isStopped || error._tag === "StoreFenced") this.isLossKnown = true
    } else this.run.problem("I12", `${operation} failed: ${inWords(exit.cause)}`)
  }

  /** Looks whether the structure of the store has changed after a loss (I26). */
  checkChanges({ compaction, flushes }: StoreStats): void {
    const more = flushes + compaction.count - (this.lateChanges ?? Infinity)
    this.run.check("I26", more > 0 ? `${more} flushes or compactions counted after a loss` : undefined)
  }

  /** A batch was acknowledged. */
  readonly committed = (sequence: number, level: Durability = this.life.options.durability): void => {
    if (this.mishaps.isDead) return
    this.#sequences[level] = Math.max(this.#sequences[level], sequence)
    const highest = Math.max(this.firstSequence, this.seenSequence)
    this.run.check(
      "I16",
      sequence > highest ? undefined : `sequence ${sequence} was given, and recovery had seen ${highest}`
    )
  }

  /** The highest sequence that was given and survives such an end. */
  readonly lastSequence = (end: StoreEnd): number => {
    const { async, buffered, sync } = this.#sequences
    return Math.max(this.firstSequence, sync, end === "power cut" ? 0 : buffered, end === "close" ? async : 0)
  }

  /** Looks whether the store is within its bounds; as it closes it may exceed them. */
  look(store: LsmStore["Service"]): Effect.Effect<void> {
    return Effect.map(store.stats, (stats) => {
      if (this.mishaps.isClosing) return
      this.run.checked(["I13"], boundProblems(stats, this.#bounds))
    })
  }

  /** What a store owes that is opened after such an end at this moment. */
  owed(end: StoreEnd): Owed | undefined {
    const { history, run } = this
    if (history === undefined) return run.owed?.end === "kill" ? { ...run.owed, end } : run.owed
    const sequence = this.lastSequence(end)
    return { history, mark: history.mark(), end, sequence: () => sequence }
  }

  /** How the life has ended, if it did not die. */
  get end(): StoreEnd {
    return this.mishaps.mayHaveStopped ? "kill" : "close"
  }
}
