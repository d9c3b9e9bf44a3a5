/**
 * What was done to a store and what it answered, and whether a correct store
 * could have answered so (I1, I3, I4, I5, I8).
 */
import type { LsmStore } from "../LsmStore.ts"
import type { Entry } from "../Snapshot.ts"
import type { Durability } from "../StoreOptions.ts"
import { findingOf, keyOf } from "./history/Content.ts"
import type { Key, Value } from "./history/Content.ts"
import { HistoryCheck } from "./history/HistoryCheck.ts"
import type { StoreEnd } from "./history/HistoryCheck.ts"
import { HistoryLog } from "./history/HistoryLog.ts"
import type { Outcome } from "./history/HistoryLog.ts"
import { observedStore } from "./history/ObservedStore.ts"
import type { Problem } from "./Problem.ts"

export type { StoreEnd }

/** A moment of a history, for `problemsAfter`. */
export interface HistoryMark {
  readonly time: number
}

/** What a history has to know about a store that it observes. */
export interface ObserveOptions {
  /** The store's own `durability`, which holds for writes that name none. Default `"sync"`. */
  readonly durability?: Durability | undefined
}

/** How much a history has recorded. */
export interface HistoryFigures {
  readonly writes: number
  readonly acknowledged: number
  /** Writes that are under way, or have ended in a way that leaves their outcome open. */
  readonly unknown: number
  /** Writes that failed as the store stopped: absent until it is opened again, and perhaps there then. */
  readonly failed: number
  /** Writes that were refused before anything was written. */
  readonly refused: number
  /** Reads that succeeded; those of one snapshot count as one. */
  readonly reads: number
}

const contentOf = (entries: Iterable<Entry>): ReadonlyMap<Key, Value> =>
  new Map(Array.from(entries, ([key, value]) => [keyOf(key), findingOf(value)]))

/**
 * Records the calls to a store, and checks its answers: whether there is one
 * order of all writes in which each call took effect between its beginning and its
 * end, every batch at once, and every read, scan and snapshot found what had been
 * written by then. A write that was interrupted, or died, may have taken effect at
 * any time since, or never; one that failed as the store stopped must be absent
 * until the store is opened again. What can't be told for sure is no problem.
 *
 * It finds the more, the fewer writes share their value: one that names its writer
 * shows who wrote it. Calls that do not go through `observe` are not known to it.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { LsmStore, WriteBatch } from "effect-lsm"
 * import { StoreHistory } from "effect-lsm/testing"
 *
 * const [a, b, value] = [Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)]
 * const history = new StoreHistory()
 * const program = Effect.gen(function*() {
 *   const store = history.observe(yield* LsmStore)
 *   yield* store.write(WriteBatch.make().put(a, value).put(b, value), { durability: "buffered" })
 *   return yield* store.getMany([a, b])
 * })
 * await Effect.runPromise(program.pipe(Effect.provide(LsmStore.layerMemory())))
 * const mark = history.mark()
 *
 * history.problems() // => []
 * history.problemsAfter([[a, value], [b, value]], mark, "kill") // => []
 * history.problemsAfter([], mark, "power cut") // => []
 * history.problemsAfter([], mark, "kill").length > 0 // => true
 * history.problemsAfter([[a, value]], mark, "power cut").length > 0 // => true
 * ```
 */
export class StoreHistory {
  readonly #log: HistoryLog
  #check: { readonly time: number; readonly check: HistoryCheck } | undefined

  /** A history of a store that holds this, all of it durable: nothing unless told. */
  constructor(initial: Iterable<Entry> = []) {
    this.#log = new HistoryLog(contentOf(initial))
  }

  /**
   * The same store; every call through it is recorded. It may be observed anew after it was closed and opened again.
   * After a crash a new history goes on from what was recovered.
   */
  observe(store: LsmStore["Service"], options: ObserveOptions = {}): LsmStore["Service"] {
    this.#log.opened()
    return observedStore(store, this.#log, options.durability ?? "sync")
  }

  /** This moment: also in the middle of a call to the disk, as its listener. */
  mark(): HistoryMark {
    return { time: this.#log.now }
  }

  /** What the store answered that a correct one could not have answered (I1, I3, I8). Takes longer the more there is. */
  problems(): ReadonlyArray<Problem> {
    return this.#checked().problems
  }

  /**
   * What is wrong with the content of a store that was opened again after it had ended so at that moment: it must be the
   * state after some first part of the order of writes (I4), with all in it that has to outlast such an end (I5). At a
   * close that is all that was acknowledged or seen, at a kill what was so at `"buffered"` and above, at a power cut
   * at `"sync"`; and what `sync` or `flush` were after that had succeeded. A store that had stopped taking writes ends by
   * a kill, or by a power cut, though it was closed. Where it had not ended, but another store was opened beside it,
   * the content may have in it what had begun `by` a later moment.
   */
  problemsAfter(
    content: Iterable<Entry>,
    at: HistoryMark,
    end: StoreEnd,
    by: HistoryMark = at
  ): ReadonlyArray<Problem> {
    return this.#checked().contentProblems(contentOf(content), at.time, end, by.time)
  }

  /** How many writes were acknowledged that had begun after that moment: of one level, or of all. */
  acknowledgedSince({ time }: HistoryMark, level?: Durability): number {
    return this.#log.writes.filter((write) =>
      write.outcome === "acknowledged" && write.begun > time && write.level === (level ?? write.level)
    ).length
  }

  /** How much there is in it by now. */
  get figures(): HistoryFigures {
    const { observations, writes } = this.#log
    const count = (...outcomes: ReadonlyArray<Outcome>) =>
      writes.filter(({ outcome }) => outcomes.includes(outcome)).length
    return {
      writes: writes.length,
      acknowledged: count("acknowledged"),
      unknown: count("pending", "unknown"),
      failed: count("failed"),
      refused: count("refused"),
      reads: observations.length
    }
  }

  /**
   * Of how many keys the operations were not all looked at by themselves: too many were under way at once. `problems`
   * still has what shows when all keys are looked at together.
   */
  givenUp(): number {
    return this.#checked().givenUp
  }

  /** Nothing is checked again for as long as nothing is added. */
  #checked(): HistoryCheck {
    if (this.#check?.time !== this.#log.now) this.#check = { time: this.#log.now, check: new HistoryCheck(this.#log) }
    return this.#check.check
  }
}
