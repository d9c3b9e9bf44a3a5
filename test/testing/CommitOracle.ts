/** Tries every order of a few commits: the slow and certain way to tell whether a history is possible. */
import { absent, agrees } from "../../src/testing/history/Content.ts"
import type { Finding, Key, Value } from "../../src/testing/history/Content.ts"
import type { HistoryLog, Observation, RecordedWrite } from "../../src/testing/history/HistoryLog.ts"
import { isWithin } from "../../src/testing/history/KeySpan.ts"

/** The content after a power cut. */
export interface FoundContent {
  readonly content: ReadonlyMap<Key, Value>
  readonly time: number
}

/** All orders of all choices of the writes; those that were acknowledged are in all of them. */
function* ordersOf(writes: ReadonlyArray<RecordedWrite>): Generator<ReadonlyArray<RecordedWrite>> {
  if (writes.every(({ outcome }) => outcome !== "acknowledged")) yield []
  for (const [at, first] of writes.entries()) {
    const others = writes.toSpliced(at, 1)
    for (const rest of ordersOf(others)) yield [first, ...rest]
  }
}

const agreesWith = (state: ReadonlyMap<Key, Value>, { parts }: Observation): boolean =>
  parts.every(({ covered, found }) =>
    [...found].every(([key, finding]) => agrees(finding, state.get(key) ?? absent))
    && (covered === undefined || [...state.keys()].every((key) => found.has(key) || !isWithin(covered, key)))
  )

export class CommitOracle {
  readonly #log: HistoryLog
  readonly #found: FoundContent | undefined

  constructor(log: HistoryLog, found?: FoundContent) {
    this.#log = log
    this.#found = found
  }

  isPossible(): boolean {
    // A write that failed is never in force while the store runs; only what is found later may have it.
    const writes = this.#log.writes.filter(({ outcome }) => outcome !== "refused")
    const chosen = this.#found === undefined ? writes.filter(({ outcome }) => outcome !== "failed") : writes
    for (const order of ordersOf(chosen)) if (this.#isOrder(order)) return true
    return false
  }

  #isOrder(order: ReadonlyArray<RecordedWrite>): boolean {
    const acknowledged = (write: RecordedWrite) => this.#log.acknowledgedAt(write)
    const begun = (write: RecordedWrite) => this.#log.visibleFrom(write)
    for (const [at, write] of order.entries()) {
      for (const later of order.slice(at + 1)) {
        if (acknowledged(later) < begun(write)) return false
        if (later.sequence !== undefined && write.sequence !== undefined && later.sequence <= write.sequence)
          return false
      }
    }
    const states: Array<ReadonlyMap<Key, Value>> = [this.#log.initial]
    for (const { changes } of order) {
      const next = new Map(states.at(-1))
      for (const [key, value] of changes) {
        if (value === absent) next.delete(key)
        else next.set(key, value)
      }
      states.push(next)
    }
    const places = this.#placesIn(order, states)
    return places !== undefined && this.#hasFound(order, states, places)
  }

  /** The places of the observations in the order, as early as may be; undefined if one has none. */
  #placesIn(
    order: ReadonlyArray<RecordedWrite>,
    states: ReadonlyArray<ReadonlyMap<Key, Value>>
  ): ReadonlyMap<Observation, number> | undefined {
    const { observations } = this.#log
    const place = new Map(observations.map((observation) => [observation, 0]))
    const placeOf = (observation: Observation) => place.get(observation) ?? 0
    const lowest = (observation: Observation): number => {
      let low = placeOf(observation)
      for (const [at, write] of order.entries()) {
        const isIn = this.#log.acknowledgedAt(write) < observation.begun
          || (write.sequence !== undefined && observation.sequence !== undefined
            && write.sequence <= observation.sequence)
        if (isIn) low = Math.max(low, at + 1)
      }
      for (const other of observations) {
        const isBefore = other.ended < observation.begun
          || (other.sequence !== undefined && observation.sequence !== undefined
            && other.sequence < observation.sequence)
        if (isBefore) low = Math.max(low, placeOf(other))
      }
      while (low < states.length && !agreesWith(states[low] ?? new Map<Key, Finding>(), observation)) low++
      return low
    }
    for (let isStable = false; !isStable;) {
      isStable = true
      for (const observation of observations) {
        const low = lowest(observation)
        if (low > order.length) return undefined
        if (low > placeOf(observation)) {
          place.set(observation, low)
          isStable = false
        }
      }
    }
    const areAll = observations.every((observation) =>
      order.every((write, at) => {
        const isOut = this.#log.visibleFrom(write) > observation.ended
          || (write.sequence !== undefined && observation.sequence !== undefined
            && write.sequence > observation.sequence)
        return !isOut || placeOf(observation) <= at
      })
    )
    return areAll ? place : undefined
  }

  #hasFound(
    order: ReadonlyArray<RecordedWrite>,
    states: ReadonlyArray<ReadonlyMap<Key, Value>>,
    places: ReadonlyMap<Observation, number>
  ): boolean {
    const found = this.#found
    if (found === undefined) return true
    // What was synced by a sync, or was in force at this level.
    let durable = 0
    for (const [at, write] of order.entries()) {
      const acknowledged = this.#log.acknowledgedAt(write)
      const isSeen = [...places].some(([{ ended }, place]) => ended <= found.time && place > at)
      const isSynced = this.#log.barriers.some(({ begun, ended }) => ended <= found.time && acknowledged < begun)
      if (isSynced || (write.level === "sync" && (isSeen || acknowledged <= found.time))) durable = at + 1
    }
    return states.some((state, cut) =>
      cut >= durable
      && state.size === found.content.size
      && [...state].every(([key, value]) => found.content.get(key) === value)
      && order.slice(0, cut).every(({ begun }) => begun <= found.time)
    )
  }
}
