/**
 * What was done to a store and what it answered, and whether a correct store
 * could have answered so (I1, I3, I4, I5, I8).
 */
import type { LsmStore } from "../LsmStore.ts"
import type { Entry } from "../Snapshot.ts"
import type { Durability } from "../StoreOptions.ts"
import { absent, agrees, findingOf, keyOf, shownKey } from "./history/Content.ts"
import type { Finding, Key, Value } from "./history/Content.ts"
import { HistoryLog } from "./history/HistoryLog.ts"
import type { RecordedWrite } from "./history/HistoryLog.ts"
import { observedStore } from "./history/ObservedStore.ts"
import type { Problem } from "./Problem.ts"

/** A moment of a history, for `problemsAfter`. */
export interface HistoryMark {
  readonly time: number
}

/** How a store came to its end. */
export type StoreEnd = "power cut" | "kill" | "close"

/** What a history has to know about a store that it observes. */
export interface ObserveOptions {
  /** The store's own `durability`, which holds for writes that name none. Default `"sync"`. */
  readonly durability?: Durability | undefined
}

/**
 * Records the calls to a store, and checks its answers. The content of a store
 * that was recovered after a crash is checked by `problemsAfter`; what is done to
 * it from then on belongs in a new history that starts from that content.
 */
export class StoreHistory {
  readonly #log: HistoryLog

  constructor(initial: Iterable<Entry> = []) {
    this.#log = new HistoryLog(new Map(Array.from(initial, ([key, value]) => [keyOf(key), findingOf(value)])))
  }

  /** The same store; every call through it is recorded. */
  observe(store: LsmStore["Service"], options: ObserveOptions = {}): LsmStore["Service"] {
    return observedStore(store, this.#log, options.durability ?? "sync")
  }

  /** This moment. */
  mark(): HistoryMark {
    return { time: this.#log.tick() }
  }

  /** What the store answered that a correct one could not have answered. */
  problems(): ReadonlyArray<Problem> {
    const problems = [...this.#log.problems]
    for (const { begun, ended, name, parts, sequence } of this.#log.observations) {
      const required = (write: RecordedWrite) =>
        write.acknowledged < begun || (sequence !== undefined && (write.sequence ?? Infinity) <= sequence)
      for (const { found } of parts) {
        for (const [key, finding] of found) {
          const problem = this.#findingProblem(key, finding, ended, required)
          if (problem !== undefined) problems.push({ invariant: "I1", message: `${name} ${problem}` })
        }
      }
    }
    return problems
  }

  /** What is wrong with the content of a store that was opened again after it had ended so at that moment. */
  problemsAfter(content: Iterable<Entry>, at: HistoryMark, end: StoreEnd): ReadonlyArray<Problem> {
    const { barriers, initial, writes } = this.#log
    const durable = Math.max(0, ...barriers.filter(({ ended }) => ended < at.time).map(({ begun }) => begun))
    const required = (write: RecordedWrite) =>
      write.acknowledged < durable
      || (write.acknowledged < at.time
        && (end === "close" || write.level === "sync" || (end === "kill" && write.level === "buffered")))
    const found = new Map(Array.from(content, ([key, value]): [Key, Value] => [keyOf(key), findingOf(value)]))
    const keys = new Set([...found.keys(), ...initial.keys()])
    for (const { changes } of writes) for (const key of changes.keys()) keys.add(key)
    return [...keys].flatMap((key) => {
      const problem = this.#findingProblem(key, found.get(key) ?? absent, at.time, required)
      return problem === undefined ? [] : [{ invariant: "I5", message: `the recovered store ${problem}` }]
    })
  }

  /** What is wrong with one key's finding by the writes to that key. */
  #findingProblem(
    key: Key,
    finding: Finding,
    before: number,
    required: (write: RecordedWrite) => boolean
  ): string | undefined {
    const writes = this.#log.writes.filter(({ begun, changes, outcome }) =>
      begun < before && outcome !== "refused" && changes.has(key)
    )
    const writers = writes.filter(({ changes }) => agrees(finding, changes.get(key) ?? absent))
    const isInitial = agrees(finding, this.#log.initial.get(key) ?? absent)
    const newest = Math.max(0, ...writes.filter(required).map(({ begun }) => begun))
    const isPossible = (isInitial && newest === 0) || writers.some(({ acknowledged }) => acknowledged > newest)
    return isPossible ? undefined : `shows ${finding} for ${shownKey(key)}, which was not or no longer written`
  }
}
