/**
 * Whether the reads and writes of one key can be put in an order, each at some
 * moment between its beginning and its end, in which every read finds what was
 * written last (I1).
 *
 * The search is that of Wing and Gong with Lowe's memory of where it has been,
 * in the order of time: it keeps all states that the key may be in, and puts an
 * operation in order only when it ends, after whatever must go before it. A read
 * goes in as soon as it agrees with the value. Of pending writes of one value the
 * first to end goes first. A write that may never take effect counts only while
 * there are reads that it would explain, by its value or by its having one.
 */
import { absent, agrees, anyValue } from "./Content.ts"
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
/** More writes of one value that may never take effect are as good as any number of them. */
const mostAlike = 3

interface Pending {
  readonly operation: KeyOperation
  /** The bit of the slot that says, in a state, that it has been put in order. */
  readonly bit: number
  /** The number of the value that it writes; -1 for a read. */
  value: number
}

interface Event {
  readonly time: number
  readonly run: () => void
}

const isOptional = ({ ended, write }: KeyOperation): boolean =>
  write !== undefined && ended === Number.POSITIVE_INFINITY

const valueIn = (state: number): number => Math.floor(state / 2 ** slots)
const maskIn = (state: number): number => state % 2 ** slots

/** The value of those whose own nobody reads any more. */
const unread: Value = anyValue

class KeySearch {
  /** The first read that has found what it can't have found. */
  impossible: KeyOperation | undefined
  /** There was too much under way to look at all of it. */
  isGivenUp = false
  readonly #values: Array<Value>
  readonly #pending = new Map<KeyOperation, Pending>()
  /** Values, by number, that may be written at any time. */
  readonly #always = new Set<number>()
  readonly #slots: Array<number> = Array.from({ length: slots }, (_, slot) => 2 ** slot)
  /** All states that the key may be in: the number of its value, and which of the pending operations are in order. */
  #states: Set<number>

  constructor(initial: Value) {
    this.#values = [initial]
    this.#states = new Set([0])
  }

  begin(operation: KeyOperation): void {
    const value = this.#numberOf(operation.write)
    if (isOptional(operation) && this.#isAlways(value)) return
    const bit = this.#slots.pop()
    if (bit === undefined) {
      this.isGivenUp = true
      return
    }
    this.#pending.set(operation, { operation, bit, value })
    if (operation.read === undefined) return
    const states = new Set<number>()
    for (const state of this.#states) states.add(this.#agrees(operation, valueIn(state)) ? state + bit : state)
    this.#states = states
  }

  /** Nobody will read the value that this write leaves, but only that there is one. */
  becomesUnread(operation: KeyOperation): void {
    const pending = this.#pending.get(operation)
    if (pending === undefined) return
    const value = this.#numberOf(unread)
    if (this.#isAlways(value)) this.end(operation)
    else pending.value = value
  }

  end(operation: KeyOperation): void {
    const ending = this.#pending.get(operation)
    if (ending === undefined) return
    const states = new Set<number>()
    const waiting: Array<number> = []
    for (const state of this.#states) {
      if ((maskIn(state) & ending.bit) !== 0) states.add(state - ending.bit)
      else if (isOptional(operation)) states.add(state)
      else waiting.push(state)
    }
    this.#putInOrder(ending, waiting, states)
    if (states.size === 0 && !this.isGivenUp) this.impossible = operation
    this.#states = states
    this.#pending.delete(operation)
    this.#slots.push(ending.bit)
  }

  /** Goes on from states in which the operation is not in order to all in which it is, by way of pending writes. */
  #putInOrder({ bit }: Pending, waiting: Array<number>, states: Set<number>): void {
    const writes = [...this.#pending.values()]
      .filter(({ value }) => value >= 0)
      .sort((a, b) => a.operation.ended - b.operation.ended || 0)
    const seen = new Set(waiting)
    const reach = (next: number): void => {
      if ((maskIn(next) & bit) !== 0) states.add(next - bit)
      else if (!seen.has(next)) {
        seen.add(next)
        waiting.push(next)
      }
    }
    for (let state = waiting.pop(); state !== undefined; state = waiting.pop()) {
      const mask = maskIn(state)
      const tried = new Set<number>()
      for (const write of writes) {
        if ((mask & write.bit) !== 0 || tried.has(write.value)) continue
        tried.add(write.value)
        const reads = this.#readsOf(write.value) & ~mask
        if (reads === 0 && isOptional(write.operation)) continue
        reach(write.value * 2 ** slots + (mask | write.bit | reads))
      }
      for (const value of this.#always) {
        const reads = this.#readsOf(value) & ~mask
        if (reads !== 0) reach(value * 2 ** slots + (mask | reads))
      }
      if (seen.size + states.size > mostStates) {
        this.isGivenUp = true
        return
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

  /** Whether one write of the value more or less makes no difference. */
  #isAlways(value: number): boolean {
    if (this.#always.has(value)) return true
    let alike = 0
    for (const pending of this.#pending.values()) {
      if (pending.value === value && isOptional(pending.operation)) alike++
    }
    if (alike < mostAlike) return false
    this.#always.add(value)
    for (const pending of this.#pending.values()) {
      if (pending.value === value && isOptional(pending.operation)) this.end(pending.operation)
    }
    return true
  }

  #numberOf(value: Value | undefined): number {
    if (value === undefined) return -1
    const known = this.#values.indexOf(value)
    return known >= 0 ? known : this.#values.push(value) - 1
  }
}

/** When the last read ends that a write which began then would explain, right after it; before it began if there is none. */
const lastUse = (begun: number, isOfUse: (read: Finding) => boolean, reads: ReadonlyArray<KeyOperation>): number => {
  let last = 0
  for (const { ended, read } of reads) {
    if (ended > begun && ended > last && read !== undefined && isOfUse(read)) last = ended
  }
  return last + 0.5
}

export const keyVerdict = (initial: Value, operations: ReadonlyArray<KeyOperation>): KeyVerdict => {
  const reads = operations.filter(({ read }) => read !== undefined)
  const search = new KeySearch(initial)
  const events: Array<Event> = []
  for (const operation of operations) {
    const { begun, ended, write } = operation
    let end = ended
    if (isOptional(operation) && write !== undefined) {
      end = lastUse(begun, (read) => agrees(read, write), reads)
      if (end <= begun) continue
      const read = write === absent
        ? end
        : Math.max(begun + 0.25, lastUse(begun, (finding) => finding === write, reads))
      if (read < end) events.push({ time: read, run: () => search.becomesUnread(operation) })
    }
    events.push({ time: begun, run: () => search.begin(operation) }, { time: end, run: () => search.end(operation) })
  }
  events.sort((a, b) => a.time - b.time)
  for (const { run } of events) {
    run()
    if (search.isGivenUp) return { _tag: "GivenUp" }
    if (search.impossible !== undefined) return { _tag: "Impossible", read: search.impossible }
  }
  return { _tag: "Possible" }
}
