/**
 * Decides, entry by entry, what a flush or a compaction keeps. It sees every
 * version of every key that goes into its output, keys ascending and sequences
 * descending within a key, and remembers only the entry before.
 *
 * I8: the newest version of a key is kept, and any other that some pinned
 * sequence still reads: one with `version <= pinned < next newer version`.
 * I9: where nothing older can lie below the output, a tombstone goes unless a
 * sequence below it is pinned: then an older version may have to stay, and the
 * tombstone must go on hiding it from newer readers. Without such a pin no older
 * version is kept, and no version at all reads as a deletion.
 *
 * Whoever may still take a snapshot at a sequence below the newest entries must
 * have that sequence among the pinned.
 */
import { compareRanges, copyRange } from "../record/Bytes.ts"
import { RecordKind } from "../record/RecordKind.ts"
import type { KeyBounds } from "./KeyBounds.ts"

export class VersionRetention {
  /** Whether the entry last asked about is the first version of its key. */
  isNewKey = false
  readonly #pinned: ReadonlyArray<number>
  readonly #older: ReadonlyArray<KeyBounds> | undefined
  /** The first of `older` that does not end before the last tombstone asked about. */
  #range = 0
  #key = new Uint8Array(256)
  #keyLength = -1
  #newer = 0

  /**
   * `pinned` ascending. `older`: where older versions of the keys may lie outside
   * the inputs, disjoint and in key order; undefined: anywhere.
   */
  constructor(pinned: ReadonlyArray<number>, older: ReadonlyArray<KeyBounds> | undefined) {
    this.#pinned = pinned
    this.#older = older
  }

  keep(keyBuffer: Uint8Array, keyOffset: number, keyLength: number, sequence: number, kind: RecordKind): boolean {
    this.isNewKey = keyLength !== this.#keyLength
      || compareRanges(keyBuffer, keyOffset, keyLength, this.#key, 0, keyLength) !== 0
    if (this.isNewKey) {
      if (keyLength > this.#key.length) this.#key = new Uint8Array(keyLength * 2)
      copyRange(keyBuffer, keyOffset, this.#key, 0, keyLength)
      this.#keyLength = keyLength
      this.#newer = sequence
    } else {
      const newer = this.#newer
      this.#newer = sequence
      if (!this.#isPinned(sequence, newer)) return false
    }
    if (kind !== RecordKind.delete) return true
    return (this.#pinned.length > 0 && this.#pinned[0]! < sequence)
      || this.#mayHideOlder(keyBuffer, keyOffset, keyLength)
  }

  /** Some pinned sequence is at or above `from` and below `to`. */
  #isPinned(from: number, to: number): boolean {
    const pinned = this.#pinned
    let low = 0
    let high = pinned.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (pinned[middle]! < from) low = middle + 1
      else high = middle
    }
    return low < pinned.length && pinned[low]! < to
  }

  /** Some range of `older` has the key. */
  #mayHideOlder(keyBuffer: Uint8Array, keyOffset: number, keyLength: number): boolean {
    const older = this.#older
    if (older === undefined) return true
    for (; this.#range < older.length; this.#range++) {
      const { largestKey, smallestKey } = older[this.#range]!
      if (compareRanges(keyBuffer, keyOffset, keyLength, largestKey, 0, largestKey.length) > 0) continue
      return compareRanges(keyBuffer, keyOffset, keyLength, smallestKey, 0, smallestKey.length) >= 0
    }
    return false
  }
}
