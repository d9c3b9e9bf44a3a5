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
 * Records the calls to a store, and checks its answers. The content of a store
 * that was recovered after a crash is checked by `problemsAfter`; what is done to
 * it from then on belongs in a new history that starts from that content.
 */
export class StoreHistory {
  readonly #log: HistoryLog
  #check: { readonly time: number; readonly check: HistoryCheck } | undefined

  constructor(initial: Iterable<Entry> = []) {
    this.#log = new HistoryLog(contentOf(initial))
  }

  /** The same store; every call through it is recorded. */
  observe(store: LsmStore["Service"], options: ObserveOptions = {}): LsmStore["Service"] {
    this.#log.opened()
    return observedStore(store, this.#log, options.durability ?? "sync")
  }

  /** This moment. */
  mark(): HistoryMark {
    return { time: this.#log.now }
  }

  /** What the store answered that a correct one could not have answered. */
  problems(): ReadonlyArray<Problem> {
    return this.#checked().problems
  }

  /** What is wrong with the content of a store that was opened again after it had ended so at that moment. */
  problemsAfter(content: Iterable<Entry>, at: HistoryMark, end: StoreEnd): ReadonlyArray<Problem> {
    return this.#checked().contentProblems(contentOf(content), at.time, end)
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
