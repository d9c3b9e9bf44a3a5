/**
 * Puts encoded records into a memtable, in slices so that a long group does not
 * hold the event loop (I3).
 *
 * The records are above the visible sequence until the Wal raises it, so no
 * reader sees a group that is half in.
 */
import { Effect } from "effect"
import { RecordReader } from "../record/RecordCodec.ts"
import type { EncodedRange } from "../WriteBatch.ts"
import type { Memtable } from "./Memtable.ts"

/** Records, and bytes, put in without a yield: about half a millisecond. */
export const recordsPerSlice = 1024
export const bytesPerSlice = 256 * 1024

export class MemtableWriter {
  readonly #reader = new RecordReader()
  /** Where the last slice ended, and the sequence that comes next. */
  #at = 0
  #sequence = 0

  /** Inserts up to a slice of the range from `from` on. */
  #insertSlice(memtable: Memtable, { buffer, end }: EncodedRange, from: number, sequence: number): void {
    const { index } = memtable
    const reader = this.#reader
    const stop = Math.min(end, from + bytesPerSlice)
    let at = from
    let next = sequence
    for (let left = recordsPerSlice; at < stop && left > 0; left--) {
      at = reader.read(buffer, at, end)
      if (at < 0) throw new Error("A queued write is not a record.")
      index.insert(
        reader.kind,
        buffer,
        reader.keyOffset,
        reader.keyLength,
        reader.valueOffset,
        reader.valueLength,
        next++
      )
    }
    this.#at = at
    this.#sequence = next
  }

  /** Inserts at most a slice of records, at once. */
  insertNow(memtable: Memtable, ranges: ReadonlyArray<EncodedRange>, firstSequence: number): void {
    let sequence = firstSequence
    for (const range of ranges) {
      this.#insertSlice(memtable, range, range.start, sequence)
      sequence = this.#sequence
    }
  }

  /** Inserts any number of records; what is no more than a slice, before it returns an effect. */
  insert(
    memtable: Memtable,
    ranges: ReadonlyArray<EncodedRange>,
    firstSequence: number,
    records: number,
    bytes: number
  ): Effect.Effect<void> {
    if (records > recordsPerSlice || bytes > bytesPerSlice) return this.#insertSlowly(memtable, ranges, firstSequence)
    this.insertNow(memtable, ranges, firstSequence)
    return Effect.void
  }

  #insertSlowly(memtable: Memtable, ranges: ReadonlyArray<EncodedRange>, firstSequence: number): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      let sequence = firstSequence
      for (const range of ranges) {
        for (let at = range.start; at < range.end;) {
          this.#insertSlice(memtable, range, at, sequence)
          at = this.#at
          sequence = this.#sequence
          if (at < range.end) yield* Effect.yieldNow
        }
      }
    })
  }
}
