/**
 * Decides, entry by entry, what a flush or a compaction keeps. It sees every
 * version of every key that goes into its output, keys ascending and sequences
 * descending within a key, and remembers only the entry before.
 *
 * I8: the newest version of a key is kept, and any other that some pinned
 * sequence still reads: one with `version <= pinned < next newer version`.
 * I9: at the bottom, where nothing older can lie below the output, a tombstone
 * goes unless a sequence below it is pinned: then an older version may have to
 * stay, and the tombstone must go on hiding it from newer readers. Without such
 * a pin no older version is kept, and no version at all reads as a deletion.
 *
 * Whoever may still take a snapshot at a sequence below the newest entries must
 * have that sequence among the pinned.
 */
import { compareRanges, copyRange } from "../record/Bytes.ts"
import { RecordKind } from "../record/RecordKind.ts"

export class VersionRetention {
  readonly #pinned: ReadonlyArray<number>
  readonly #bottom: boolean
  #key = new Uint8Array(256)
  #keyLength = -1
  #newer = 0

  /** `pinned` ascending; `bottom`: no older version of any key of the output can exist outside its inputs. */
  constructor(pinned: ReadonlyArray<number>, bottom: boolean) {
    this.#pinned = pinned
    this.#bottom = bottom
  }

  keep(keyBuffer: Uint8Array, keyOffset: number, keyLength: number, sequence: number, kind: RecordKind): boolean {
    if (
      keyLength === this.#keyLength && compareRanges(keyBuffer, keyOffset, keyLength, this.#key, 0, keyLength) === 0
    ) {
      const newer = this.#newer
      this.#newer = sequence
      if (!this.#isPinned(sequence, newer)) return false
    } else {
      if (keyLength > this.#key.length) this.#key = new Uint8Array(keyLength * 2)
      copyRange(keyBuffer, keyOffset, this.#key, 0, keyLength)
      this.#keyLength = keyLength
      this.#newer = sequence
    }
    if (kind !== RecordKind.delete || !this.#bottom) return true
    return this.#pinned.length > 0 && this.#pinned[0]! < sequence
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
}
