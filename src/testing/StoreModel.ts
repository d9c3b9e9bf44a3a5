/**
 * What a store is: an ordered map with sequences, which knows its history, and
 * with it what may be found after a crash. For programs that do one thing after
 * another and compare every answer; `StoreHistory` is for those that do not.
 */
import { copyBytes } from "../record/Bytes.ts"
import type { Entry, SnapshotScanOptions } from "../Snapshot.ts"
import type { Durability } from "../StoreOptions.ts"
import { keyOf } from "./history/Content.ts"
import type { Key } from "./history/Content.ts"
import type { StoreEnd } from "./history/HistoryCheck.ts"
import { isWithin, spanOf } from "./history/KeySpan.ts"

/** What one write does to a key: without a value it deletes it. */
export interface ModelChange {
  readonly key: Uint8Array
  readonly value?: Uint8Array | undefined
}

type Values = ReadonlyMap<Key, Uint8Array>
type Changes = ReadonlyMap<Key, Uint8Array | undefined>

const none: Values = new Map()

const changesOf = (changes: Iterable<ModelChange>): Changes =>
  new Map(Array.from(changes, ({ key, value }) => [keyOf(key), value === undefined ? undefined : copyBytes(value)]))

const sameBytes = (a: Uint8Array | undefined, b: Uint8Array | undefined): boolean =>
  a === undefined || b === undefined ? a === b : Buffer.compare(a, b) === 0

const after = (values: Values, changes: Changes): Values => {
  const next = new Map(values)
  for (const [key, value] of changes) {
    if (value === undefined) next.delete(key)
    else next.set(key, value)
  }
  return next
}

/** The model at one moment, which stays as it is: also what a snapshot that was taken then must show. */
export interface ModelState {
  /** Of the last record written. */
  readonly sequence: number
  /** How many keys there are. */
  readonly size: number
  readonly get: (key: Uint8Array) => Uint8Array | undefined
  readonly has: (key: Uint8Array) => boolean
  /** The entries that a scan gives, in its order. */
  readonly scan: (options?: SnapshotScanOptions) => ReadonlyArray<Entry>
}

class State implements ModelState {
  readonly sequence: number
  readonly #values: Values
  /** Changes that were under way at once: any of them may have come first. */
  readonly #underWay: Changes

  constructor(values: Values, sequence: number, underWay: Changes = none) {
    this.#values = values
    this.sequence = sequence
    this.#underWay = underWay
  }

  get size(): number {
    return this.#values.size
  }

  get(key: Uint8Array): Uint8Array | undefined {
    const value = this.#values.get(keyOf(key))
    return value === undefined ? undefined : copyBytes(value)
  }

  has(key: Uint8Array): boolean {
    return this.#values.has(keyOf(key))
  }

  scan(options: SnapshotScanOptions = {}): ReadonlyArray<Entry> {
    const span = spanOf(options)
    const within = [...this.#values].filter(([key]) => isWithin(span, key)).sort(([a], [b]) => a < b ? -1 : 1)
    if (options.reverse === true) within.reverse()
    return within.slice(0, options.limit).map(([key, value]) => [Buffer.from(key, "latin1"), copyBytes(value)])
  }

  /** True if this is what the store held, with none, some or all of what was under way. */
  isFound(found: Values): boolean {
    return [...new Set([...this.#values.keys(), ...found.keys()])].every((key) => {
      const value = found.get(key)
      return sameBytes(value, this.#values.get(key))
        || (this.#underWay.has(key) && sameBytes(value, this.#underWay.get(key)))
    })
  }

  /** The state with this sequence. */
  withSequence(sequence: number): State {
    return new State(this.#values, sequence, this.#underWay)
  }

  /** The state while these are under way. */
  during(changes: Iterable<ModelChange>): State {
    return new State(this.#values, this.sequence, changesOf(changes))
  }

  /** The state after one write. */
  write(changes: ReadonlyArray<ModelChange>): State {
    return new State(after(this.#values, changesOf(changes)), this.sequence + changes.length)
  }
}

/**
 * The model, which is told of what was done to the store, in its order.
 *
 * @example
 * ```ts
 * import { StoreModel } from "effect-lsm/testing"
 *
 * const text = (value: string) => new TextEncoder().encode(value)
 * const model = new StoreModel()
 * model.write([{ key: text("b"), value: text("1") }], "sync")
 * const before = model.now
 * model.write([{ key: text("a"), value: text("2") }, { key: text("b") }], "async")
 *
 * model.now.scan().map(([key]) => new TextDecoder().decode(key)) // => ["a"]
 * before.has(text("b")) // => true
 * model.mayFind(before.scan(), "power cut") // => true
 * model.mayFind([], "power cut") // => false
 * model.mayFind(before.scan(), "close") // => false
 * ```
 */
export class StoreModel {
  readonly #history: Array<State>
  /** The present, and the places in the history that a kill and a power cut must keep. */
  #now: State
  #handedOver = 0
  #durable = 0

  /** A store that holds this, the last record having had that sequence. */
  constructor(content: Iterable<Entry> = [], sequence = 0) {
    this.#now = new State(new Map(Array.from(content, ([key, value]) => [keyOf(key), copyBytes(value)])), sequence)
    this.#history = [this.#now]
  }

  /** The present state. */
  get now(): ModelState {
    return this.#now
  }

  /** One write was acknowledged at a level; its changes have taken a sequence each. */
  write(changes: ReadonlyArray<ModelChange>, level: Durability): void {
    this.#add(this.#now.write(changes))
    if (level !== "async") this.#handedOver = this.#history.length - 1
    if (level === "sync") this.synced()
  }

  /** Writes at once, each of one key of its own, were all acknowledged. */
  writeTogether(changes: ReadonlyArray<ModelChange>, level: Durability): void {
    if (changes.length === 0) return
    this.#add(this.#now.during(changes))
    this.write(changes, level)
  }

  /** Sequences go on here: those in between were given to what a crash has discarded. */
  skipTo(sequence: number): void {
    this.#history.pop()
    this.#add(this.#now.withSequence(sequence))
  }

  /** All so far is durable. */
  synced(): void {
    this.#durable = this.#handedOver = this.#history.length - 1
  }

  /** Whether this may be found after such an end: the state at some moment that is late enough. */
  mayFind(content: Iterable<Entry>, end: StoreEnd): boolean {
    const found = new Map(Array.from(content, ([key, value]) => [keyOf(key), value]))
    const from = { "power cut": this.#durable, kill: this.#handedOver, close: this.#history.length - 1 }[end]
    return this.#history.slice(from).some((state) => state.isFound(found))
  }

  #add(state: State): void {
    this.#history.push(state)
    this.#now = state
  }
}
