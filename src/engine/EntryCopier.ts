/**
 * Copies entries of a batch into memory that is the caller's.
 *
 * Entries that lie one behind the other in a block are copied together, as they
 * are there: between two of them is only what an entry begins with, and that is
 * shorter than the copy of each by itself takes long. What a key shares with
 * others is then written in front of its own bytes, over what the entry began
 * with, if it is no longer than that.
 */
import { copyRange } from "../record/Bytes.ts"
import type { EntryBatch } from "../record/EntryBatch.ts"
import { RecordKind } from "../record/RecordKind.ts"
import type { Entry } from "../Snapshot.ts"
import { largestShared, slabSize } from "./ValueSlab.ts"
import type { ValueSlab } from "./ValueSlab.ts"

export class EntryCopier {
  /** Bytes of keys and values copied since it was last set. */
  bytes = 0
  readonly #slab: ValueSlab

  constructor(slab: ValueSlab) {
    this.#slab = slab
  }

  /** Copies those of the first `length` entries that are values, up to `mostBytes`; how many it has gone through. */
  copy(batch: EntryBatch, length: number, entries: Array<Entry>, mostBytes: number): number {
    const { kinds, step } = batch
    let passed = 0
    while (passed < length && this.bytes < mostBytes) {
      const at = batch.at + passed * step
      passed += kinds[at] === RecordKind.put ? this.#copyStretch(batch, at, length - passed, entries) : 1
    }
    return passed
  }

  /** Copies an entry and those that follow it in the block; how many. */
  #copyStretch(batch: EntryBatch, from: number, most: number, entries: Array<Entry>): number {
    const { keyLengths, keyOffsets, keys, kinds, missing, starts, step, valueLengths, valueOffsets } = batch
    const slab = this.#slab
    let low = starts[from]!
    let high = valueOffsets[from]! + valueLengths[from]!
    /** Bytes of keys that have no room in front of their values. */
    let outside = valueOffsets[from]! - low < keyLengths[from]! ? keyLengths[from]! : 0
    if (high - low + outside > largestShared) {
      this.bytes += keyLengths[from]! + valueLengths[from]!
      entries.push([
        slab.copy(keys, keyOffsets[from]!, keyLengths[from]!),
        slab.copy(batch.bytes, valueOffsets[from]!, valueLengths[from]!)
      ])
      return 1
    }
    const room = slab.room
    const longest = room < high - low + outside ? slabSize : room
    let count = 1
    for (let at = from + step; count < most && kinds[at] === RecordKind.put; at += step) {
      const start = starts[at]!
      const end = valueOffsets[at]! + valueLengths[at]!
      if (step === 1 ? start !== high : end !== low) break
      const more = valueOffsets[at]! - start < keyLengths[at]! ? keyLengths[at]! : 0
      const added = end - start + more
      if (added > largestShared || high - low + outside + added > longest) break
      if (step === 1) high = end
      else low = start
      outside += more
      count++
    }

    let free = slab.reserve(outside + high - low)
    const { buffer, bytes } = slab
    const shift = free + outside - low
    copyRange(batch.bytes, low, bytes, low + shift, high - low)
    for (let i = 0, at = from; i < count; i++, at += step) {
      const keyLength = keyLengths[at]!
      const valueLength = valueLengths[at]!
      const valueAt = valueOffsets[at]! + shift
      let keyAt = valueAt - keyLength
      if (keyAt >= starts[at]! + shift) copyRange(keys, keyOffsets[at]!, bytes, keyAt, missing[at]!)
      else {
        keyAt = free
        free += keyLength
        copyRange(keys, keyOffsets[at]!, bytes, keyAt, keyLength)
      }
      entries.push([new Uint8Array(buffer, keyAt, keyLength), new Uint8Array(buffer, valueAt, valueLength)])
      this.bytes += keyLength + valueLength
    }
    return count
  }
}
