/**
 * Decides where one table of a compaction's output ends and the next begins:
 * always between two keys, so that no key is in two tables of a level (I11).
 *
 * A table ends once it has its size, or before a key that would make it overlap
 * too many bytes of the level below: merging it further down would cost as much.
 */
import { compareRanges } from "../record/Bytes.ts"
import type { KeyBounds } from "./KeyBounds.ts"

export interface OutputLimits {
  /** Bytes after which a table ends. */
  readonly tableSize: number
  /** The tables of the level below, in key order and disjoint. */
  readonly below: ReadonlyArray<KeyBounds & { readonly size: number }>
  /** Bytes of the level below that a table may overlap. */
  readonly largestOverlap: number
}

export class OutputEnd {
  readonly #limits: OutputLimits
  /** The first table of the level below that begins after the last key. */
  #next = 0
  /** Bytes of the level below that the table overlaps. */
  #overlap = 0
  #begun = false

  constructor(limits: OutputLimits) {
    this.#limits = limits
  }

  /**
   * Asked once about each key that is written, in order: whether the table that
   * has the keys before it, and `size` bytes, ends.
   */
  isBefore(keyBuffer: Uint8Array, keyOffset: number, keyLength: number, size: number): boolean {
    const { below, largestOverlap, tableSize } = this.#limits
    let added = 0
    for (; this.#next < below.length; this.#next++) {
      const table = below[this.#next]!
      if (compareRanges(keyBuffer, keyOffset, keyLength, table.smallestKey, 0, table.smallestKey.length) < 0) break
      added += table.size
    }
    this.#overlap += added
    // Where the first key alone overlaps too much, nothing is won before the next table of the level below.
    const ends = this.#begun && (size >= tableSize || (added > 0 && this.#overlap > largestOverlap))
    if (ends || !this.#begun) this.#overlap = this.#overlapOf(keyBuffer, keyOffset, keyLength)
    this.#begun = true
    return ends
  }

  /** Bytes of the table that has the key in the level below. */
  #overlapOf(keyBuffer: Uint8Array, keyOffset: number, keyLength: number): number {
    if (this.#next === 0) return 0
    const { largestKey, size } = this.#limits.below[this.#next - 1]!
    return compareRanges(keyBuffer, keyOffset, keyLength, largestKey, 0, largestKey.length) <= 0 ? size : 0
  }
}
