/**
 * The tables of one level below level 0: disjoint, in key order (I11), so that
 * at most one of them can hold a key.
 *
 * The bounds are kept as numbers, behind the bytes that all of them share, and
 * are compared in full only where those are equal: finding a table allocates
 * nothing and seldom touches a key. A run is immutable; whoever changes the
 * level makes a new one.
 */
import { compareRanges } from "../record/Bytes.ts"
import { keyPrefix } from "../record/KeyPrefix.ts"
import type { TableReader } from "./TableReader.ts"

/** What a run is made of: something that has a table. */
export interface RunTable {
  readonly reader: TableReader
}

export class SortedRun<T extends RunTable> {
  /** In key order. No key is in two of them. */
  readonly tables: ReadonlyArray<T>
  /** Leading bytes that all bounds share, which are those of the first one. */
  readonly #shared: number
  readonly #smallest: Float64Array
  readonly #largest: Float64Array

  constructor(tables: ReadonlyArray<T>) {
    this.tables = tables
    const count = tables.length
    this.#shared = count === 0 ? 0 : sharedLength(smallestKey(tables[0]!), largestKey(tables[count - 1]!))
    const shared = this.#shared
    this.#smallest = new Float64Array(count)
    this.#largest = new Float64Array(count)
    for (let i = 0; i < count; i++) {
      const smallest = smallestKey(tables[i]!)
      const largest = largestKey(tables[i]!)
      this.#smallest[i] = keyPrefix(smallest, shared, smallest.length - shared)
      this.#largest[i] = keyPrefix(largest, shared, largest.length - shared)
    }
  }

  /** The only table that may hold the key, or -1. */
  find(key: Uint8Array): number {
    const table = this.atOrAfter(key)
    return table < this.tables.length && this.#begins(table, key) ? table : -1
  }

  /** The first table that has a key at or above the given one; as many as there are tables if none has. */
  atOrAfter(key: Uint8Array): number {
    const count = this.tables.length
    if (count === 0) return 0
    const shared = this.#shared
    const first = smallestKey(this.tables[0]!)
    for (let i = 0; i < shared; i++) {
      if (i === key.length) return 0
      const difference = key[i]! - first[i]!
      if (difference !== 0) return difference < 0 ? 0 : count
    }
    const prefix = keyPrefix(key, shared, key.length - shared)
    const largest = this.#largest
    let low = 0
    let high = count
    while (low < high) {
      const middle = (low + high) >>> 1
      const other = largest[middle]!
      if (other === prefix ? this.#compare(largestKey(this.tables[middle]!), key) < 0 : other < prefix) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The last table that has a key at or below the given one, or -1. */
  atOrBefore(key: Uint8Array): number {
    const table = this.atOrAfter(key)
    return table < this.tables.length && this.#begins(table, key) ? table : table - 1
  }

  /** Whether the table, which ends at or after the key, begins at or before it. */
  #begins(table: number, key: Uint8Array): boolean {
    const shared = this.#shared
    const smallest = smallestKey(this.tables[table]!)
    for (let i = 0; i < shared; i++) {
      if (i === key.length || key[i] !== smallest[i]) return false
    }
    const prefix = keyPrefix(key, shared, key.length - shared)
    const other = this.#smallest[table]!
    return other === prefix ? this.#compare(smallest, key) <= 0 : other < prefix
  }

  /** Compares a bound with a key that has the bytes that all bounds share. */
  #compare(bound: Uint8Array, key: Uint8Array): number {
    const shared = this.#shared
    return compareRanges(bound, shared, bound.length - shared, key, shared, key.length - shared)
  }
}

const smallestKey = (table: RunTable): Uint8Array => table.reader.meta.smallestKey
const largestKey = (table: RunTable): Uint8Array => table.reader.meta.largestKey

const sharedLength = (a: Uint8Array, b: Uint8Array): number => {
  const limit = Math.min(a.length, b.length)
  let shared = 0
  while (shared < limit && a[shared] === b[shared]) shared++
  return shared
}
