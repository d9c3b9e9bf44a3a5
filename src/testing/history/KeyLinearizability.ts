/**
 * Whether the reads and writes of one key can be put in an order, each at some
 * moment between its beginning and its end, in which every read finds what was
 * written last (I1).
 *
 * The search is that of Wing and Gong with Lowe's memory of where it has been,
 * in the order of time: it keeps all states that the key may be in, and puts an
 * operation in order only when it ends, after whatever must go before it.
 * - A read goes in as soon as it agrees with the value.
 * - A write goes in when it is needed: for a read that agrees with it, or as it ends.
 * - A write need not go in at all once another one has while it was under way:
 *   right before that one, nobody can have read it.
 * - Of writes of one value the first to end goes first.
 * - A write that may never take effect counts only while there are reads that it
 *   would explain, by its value or by its having one.
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
const slots = 30
/** States that are looked at for one operation. */
const mostStates = 20_000
/** More writes of one value that may never take effect are as good as any number of them. */
const mostAlike = 3

interface Pending {
  readonly operation: KeyOperation
  readonly bit: number
  /** What a write leaves. */
  value: Value | undefined
  /** Right after the last read ends that would agree with a write. */
  readonly lastUse: number
}

interface Event {
  readonly time: number
  readonly run: () => void
}

const isOptional = ({ ended, write }: KeyOperation): boolean =>
  write !== undefined && ended === Number.POSITIVE_INFINITY

/** The value of those whose own nobody reads any more. */
const unread: Value = anyValue

/** What the key may be like, some pending operations being in order, and some writes left out of it at liberty. */
interface State {
  readonly value: Value
  readonly ordered: number
  readonly free: number
}

/** States without doubles. */
class States {
  readonly #known = new Map<string, State>()

  get size(): number {
    return this.#known.size
  }

  [Symbol.iterator](): Iterator<State> {
    return this.#known.values()
  }

  /** False if it was there. */
  add(state: State): boolean {
    const name = `${state.ordered} ${state.free} ${state.value}`
    if (this.#known.has(name)) return false
    this.#known.set(name, state)
    return true
  }
}

class KeySearch {
  /** The first read that has found what it can't have found. */
  impossible: KeyOperation | undefined
  /** There was too much under way to look at all of it. */
  isGivenUp = false
  readonly #pending = new Map<KeyOperation, Pending>()
  /** Values that may be written at any time. */
  readonly #always = new Set<Value>()
  readonly #slots: Array<number> = Array.from({ length: slots }, (_, slot) => 1 << slot)
  #states = new States()

  constructor(initial: Value) {
    this.#states.add({ value: initial, ordered: 0, free: 0 })
  }

  begin(operation: KeyOperation, lastUse: number): void {
    const value = operation.write
    if (value !== undefined && isOptional(operation) && this.#isAlways(value)) return
    const bit = this.#slots.pop()
    if (bit === undefined) {
      this.isGivenUp = true
      return
    }
    this.#pending.set(operation, { operation, bit, value, lastUse })
    const { read } = operation
    if (read === undefined) return
    const states = new States()
    for (const state of this.#states) {
      states.add(agrees(read, state.value) ? { ...state, ordered: state.ordered | bit } : state)
    }
    this.#states = states
  }

  /** Nobody will read the value that this write leaves, but only that there is one. */
  becomesUnread(operation: KeyOperation): void {
    const pending = this.#pending.get(operation)
    if (pending === undefined) return
    if (this.#isAlways(unread)) this.end(operation)
    else pending.value = unread
  }

  end(operation: KeyOperation): void {
    const ending = this.#pending.get(operation)
    if (ending === undefined) return
    const { bit } = ending
    const states = new States()
    const without = ({ free, ordered, value }: State): void =>
      void states.add({ value, ordered: ordered & ~bit, free: free & ~bit })
    const waiting: Array<State> = []
    for (const state of this.#states) {
      const isFree = isOptional(operation) || (state.free & bit) !== 0
      if ((state.ordered & bit) !== 0 || isFree) without(state)
      const mayGoIn = (state.ordered & bit) === 0 && !isOptional(operation)
      if (mayGoIn && (!isFree || ending.lastUse > operation.ended)) waiting.push(state)
    }
    this.#putInOrder(ending, waiting, without)
    if (states.size === 0 && !this.isGivenUp) this.impossible = operation
    this.#states = states
    this.#pending.delete(operation)
    this.#slots.push(bit)
  }

  /** Goes on from states in which an operation is not in order to all in which it is, by way of writes that are read. */
  #putInOrder(ending: Pending, waiting: Array<State>, arrive: (state: State) => void): void {
    const writes = this.#writes()
    const seen = new States()
    for (const state of waiting) seen.add(state)
    const own = ending.value === undefined ? undefined : writes.find(({ write }) => write === ending)
    for (let state = waiting.pop(); state !== undefined; state = waiting.pop()) {
      if (own !== undefined) arrive(this.#after(state, own.value, own.bit, own.reads))
      for (const { alike, bit, reads, value, write } of writes) {
        const found = reads & ~state.ordered
        if (write === ending || found === 0 || (state.ordered & bit) !== 0 || (alike & ~state.ordered) !== 0) continue
        const next = this.#after(state, value, bit, found)
        if ((next.ordered & ending.bit) !== 0) arrive(next)
        else if (seen.add(next)) waiting.push(next)
      }
      if (seen.size > mostStates) {
        this.isGivenUp = true
        return
      }
    }
  }

  /** The writes that may go in order: what is pending, and what may be written at any time. */
  #writes() {
    const pending = [...this.#pending.values()]
    const readsOf = (value: Value): number =>
      pending.reduce(
        (bits, { bit, operation: { read } }) => read !== undefined && agrees(read, value) ? bits | bit : bits,
        0
      )
    const writes = pending.flatMap((write) => write.value === undefined ? [] : [{ write, value: write.value }])
      .sort((a, b) => a.write.operation.ended - b.write.operation.ended || 0)
    const earlier = new Map<Value, number>()
    return [
      ...writes.map(({ value, write }) => {
        const alike = earlier.get(value) ?? 0
        earlier.set(value, alike | write.bit)
        return { write, value, bit: write.bit, alike, reads: readsOf(value) }
      }),
      ...Array.from(this.#always, (value) => ({ write: undefined, value, bit: 0, alike: 0, reads: readsOf(value) }))
    ]
  }

  /** A write goes in: those under way beside it may have gone before it. */
  #after({ free, ordered }: State, value: Value, bit: number, reads: number): State {
    let others = free
    for (const pending of this.#pending.values()) if (pending.value !== undefined) others |= pending.bit
    const next = ordered | bit | reads
    return { value, ordered: next, free: others & ~next }
  }

  /** Whether one write of the value more or less makes no difference. */
  #isAlways(value: Value): boolean {
    if (this.#always.has(value)) return true
    const alike = [...this.#pending.values()].filter((each) => each.value === value && isOptional(each.operation))
    if (alike.length < mostAlike) return false
    this.#always.add(value)
    for (const { operation } of alike) this.end(operation)
    return true
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
    const last = write === undefined ? 0 : lastUse(begun, (read) => agrees(read, write), reads)
    let end = ended
    if (isOptional(operation)) {
      end = last
      if (end <= begun) continue
      const isRead = (read: Finding) => read === write
      const unreadFrom = write === absent ? end : Math.max(begun + 0.25, lastUse(begun, isRead, reads))
      if (unreadFrom < end) events.push({ time: unreadFrom, run: () => search.becomesUnread(operation) })
    }
    events.push({ time: begun, run: () => search.begin(operation, last) }, {
      time: end,
      run: () => search.end(operation)
    })
  }
  events.sort((a, b) => a.time - b.time)
  for (const { run } of events) {
    run()
    if (search.isGivenUp) return { _tag: "GivenUp" }
    if (search.impossible !== undefined) return { _tag: "Impossible", read: search.impossible }
  }
  return { _tag: "Possible" }
}
