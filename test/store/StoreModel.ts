/**
 * An ordered map with sequences, which knows its history: every state that the
 * store has been in since it was opened, and how far it is safe from a kill and
 * from a power cut.
 */
import type { Durability, ScanOptions } from "../../src/index.ts"

/** A state: each key in hexadecimal, which orders as the bytes do, and its value. */
export type State = ReadonlyMap<string, Uint8Array>

export interface Change {
  readonly key: Uint8Array
  readonly value?: Uint8Array | undefined
}

export const hex = (key: Uint8Array): string => Buffer.from(key).toString("hex")

interface Moment {
  readonly state: State
  readonly sequence: number
  /** Changes that were under way at once: any of them may have come first. */
  readonly underWay: State
}

const sameBytes = (a: Uint8Array | undefined, b: Uint8Array | undefined): boolean =>
  a === undefined || b === undefined ? a === b : Buffer.compare(a, b) === 0

/** True if the state is this moment's, with none, some or all of what was under way. */
const isMoment = ({ state, underWay }: Moment, found: State): boolean =>
  [...new Set([...state.keys(), ...found.keys()])].every((key) => {
    const value = found.get(key)
    return sameBytes(value, state.get(key)) || (underWay.has(key) && sameBytes(value, underWay.get(key)))
  })

const none: State = new Map()

export class StoreModel {
  #history: Array<Moment>
  /** Places in the history that a power cut, and a kill, must keep. */
  #durable = 0
  #handedOver = 0

  constructor(state: State = new Map(), sequence = 0) {
    this.#history = [{ state, sequence, underWay: none }]
  }

  get now(): Moment {
    const last = this.#history.at(-1)
    if (last === undefined) throw new Error("A model has a present.")
    return last
  }

  /** One commit, acknowledged. */
  write(changes: ReadonlyArray<Change>, level: Durability): void {
    const state = new Map(this.now.state)
    for (const { key, value } of changes) {
      if (value === undefined) state.delete(hex(key))
      else state.set(hex(key), value)
    }
    this.#history.push({ state, sequence: this.now.sequence + changes.length, underWay: none })
    if (level !== "async") this.#handedOver = this.#history.length - 1
    if (level === "sync") this.synced()
  }

  /** Puts at once, each a commit of its own and of its own key, acknowledged. */
  putTogether(changes: State, level: Durability): void {
    if (changes.size === 0) return
    this.#history.push({ ...this.now, underWay: changes })
    this.write(Array.from(changes, ([key, value]) => ({ key: Buffer.from(key, "hex"), value })), level)
  }

  /** Sequences go on here: those in between were given to what a crash has discarded. */
  skipTo(sequence: number): void {
    this.#history[this.#history.length - 1] = { ...this.now, sequence }
  }

  /** All so far is durable. */
  synced(): void {
    this.#durable = this.#handedOver = this.#history.length - 1
  }

  /** Whether this may be found after a kill, or after a power cut: the state at some moment that is late enough. */
  mayFind(found: State, end: "kill" | "power cut"): boolean {
    return this.#history.slice(end === "kill" ? this.#handedOver : this.#durable).some((moment) =>
      isMoment(moment, found)
    )
  }
}

/** The entries of a scan, in its order. */
export const entriesOf = (state: State, options: ScanOptions): ReadonlyArray<readonly [string, Uint8Array]> => {
  const bound = (key: Uint8Array | undefined): string | undefined => key === undefined ? undefined : hex(key)
  const [gt, gte, lt, lte, prefix] = [options.gt, options.gte, options.lt, options.lte, options.prefix].map(bound)
  const within = [...state].filter(([key]) =>
    (gt === undefined || key > gt) && (gte === undefined || key >= gte)
    && (lt === undefined || key < lt) && (lte === undefined || key <= lte)
    && (prefix === undefined || key.startsWith(prefix))
  )
  within.sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0)
  if (options.reverse === true) within.reverse()
  return within.slice(0, options.limit)
}
