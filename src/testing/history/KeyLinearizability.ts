/**
 * Whether the reads and writes of one key can be put in an order, each at some
 * moment between its beginning and its end, in which every read finds what was
 * written last (I1).
 *
 * The search is that of Wing and Gong with Lowe's memory of where it has been,
 * in the order of time: it keeps all states that the key may be in, and puts an
 * operation in order only when it ends, after whatever must go before it. A read
 * goes in as soon as it agrees with the value. Of pending writes of one value the
 * first to end goes first. A write that may never take effect counts for as long
 * as there are reads that would agree with it.
 */
import { agrees } from "./Content.ts"
import type { Finding, Value } from "./Content.ts"

/** One operation on a key. `ended` is `Infinity` for a write that may never take effect. */
export interface KeyOperation {
  readonly begun: number
  readonly ended: number
  readonly write?: Value | undefined
  readonly read?: Finding | undefined
}

export type KeyVerdict =
  | { readonly _tag: "Possible" }
  /** No order explains what this read found. */
  | { readonly _tag: "Impossible"; readonly read: KeyOperation }
  /** There were too many states to look at. */
  | { readonly _tag: "GivenUp" }

/** Operations that may be under way at once. */
const slots = 24
/** States that are looked at for one operation. */
const mostStates = 50_000

interface Pending {
  readonly operation: KeyOperation
  /** The bit of the slot that says, in a state, that it has been put in order. */
  readonly bit: number
  /** The number of the value that it writes; -1 for a read. */
  readonly value: number
  /** When it has no use any more; for all but writes that may never take effect, when it ends. */
  readonly gone: number
}

interface Event {
  readonly time: number
  readonly operation: KeyOperation
  readonly isEnd: boolean
  readonly gone: number
}

class KeySearch {
  readonly #values: Array<Value>
  readonly #pending = new Map<KeyOperation, Pending>()
  readonly #free: Array<number> = Array.from({ length: slots }, (_, slot) => 2 ** slot)
  /** All states that the key may be in: the number of its value, and which of the pending operations are in order. */
  #states: Set<number>
  /** There was too much under way to look at all of it. */
  isGivenUp = false

  constructor(initial: Value) {
    this.#values = [initial]
    this.#states = new Set([0])
  }

  begin(operation: KeyOperation, gone: number): void {
    const bit = this.#free.pop()
    if (bit === undefined) {
      this.isGivenUp = true
      return
    }
    this.#pending.set(operation, { operation, bit, gone, value: this.#numberOf(operation.write) })
    if (operation.read === undefined) return
    const states = new Set<number>()
    for (const state of this.#states) states.add(this.#agrees(operation, valueIn(state)) ? state + bit : state)
    this.#states = states
  }

  /** False if the operation has found what it can't have found. */
  end(operation: KeyOperation): boolean {
    const ending = this.#pending.get(operation)
    if (ending === undefined) return true
    const states = new Set<number>()
    const waiting: Array<number> = []
    for (const state of this.#states) {
      if ((maskIn(state) & ending.bit) !== 0) states.add(state - ending.bit)
      else if (operation.ended === Number.POSITIVE_INFINITY) states.add(state)
      else waiting.push(state)
    }
    this.#putInOrder(ending, waiting, states)
    this.#states = states
    this.#pending.delete(operation)
    this.#free.push(ending.bit)
    return states.size > 0
  }

  /** Goes on from states in which the operation is not in order to all in which it is, by way of pending writes. */
  #putInOrder({ bit }: Pending, waiting: Array<number>, states: Set<number>): void {
    const writes = [...this.#pending.values()].filter(({ value }) => value >= 0).sort((a, b) => a.gone - b.gone)
    const seen = new Set(waiting)
    for (let state = waiting.pop(); state !== undefined; state = waiting.pop()) {
      const mask = maskIn(state)
      const tried = new Set<number>()
      for (const write of writes) {
        if ((mask & write.bit) !== 0 || tried.has(write.value)) continue
        tried.add(write.value)
        const reads = this.#readsOf(write.value) & ~mask
        if (reads === 0 && write.operation.ended === Number.POSITIVE_INFINITY) continue
        const next = write.value * 2 ** slots + (mask | write.bit | reads)
        if ((maskIn(next) & bit) !== 0) states.add(next - bit)
        else if (!seen.has(next)) {
          seen.add(next)
          waiting.push(next)
        }
        if (seen.size + states.size > mostStates) {
          this.isGivenUp = true
          return
        }
      }
    }
  }

  /** The bits of the pending reads that agree with a value. */
  #readsOf(value: number): number {
    let bits = 0
    for (const { bit, operation } of this.#pending.values()) if (this.#agrees(operation, value)) bits |= bit
    return bits
  }

  #agrees({ read }: KeyOperation, value: number): boolean {
    const shown = this.#values[value]
    return read !== undefined && shown !== undefined && agrees(read, shown)
  }

  #numberOf(value: Value | undefined): number {
    if (value === undefined) return -1
    const known = this.#values.indexOf(value)
    return known >= 0 ? known : this.#values.push(value) - 1
  }
}

const valueIn = (state: number): number => Math.floor(state / 2 ** slots)
const maskIn = (state: number): number => state % 2 ** slots

/** When an operation is gone: a write that may never take effect right after the last read that would agree with it. */
const goneAt = ({ begun, ended, write }: KeyOperation, reads: ReadonlyArray<KeyOperation>): number => {
  if (ended !== Number.POSITIVE_INFINITY || write === undefined) return ended
  let last = 0
  for (const read of reads) {
    if (read.ended > begun && read.ended > last && read.read !== undefined && agrees(read.read, write))
      last = read.ended
  }
  return last + 0.5
}

export const keyVerdict = (initial: Value, operations: ReadonlyArray<KeyOperation>): KeyVerdict => {
  const reads = operations.filter(({ read }) => read !== undefined)
  const search = new KeySearch(initial)
  const events: Array<Event> = []
  for (const operation of operations) {
    const gone = goneAt(operation, reads)
    if (gone <= operation.begun) continue
    events.push({ time: operation.begun, operation, isEnd: false, gone })
    events.push({ time: gone, operation, isEnd: true, gone })
  }
  events.sort((a, b) => a.time - b.time)
  for (const { gone, isEnd, operation } of events) {
    if (!isEnd) search.begin(operation, gone)
    else if (!search.end(operation) && !search.isGivenUp) return { _tag: "Impossible", read: operation }
    if (search.isGivenUp) return { _tag: "GivenUp" }
  }
  return { _tag: "Possible" }
}
