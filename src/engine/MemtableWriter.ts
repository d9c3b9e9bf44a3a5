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
  /** Where in the range the records ended that were last put in, and the sequence that comes next. */
  #at = 0
  #sequence = 0
  /** What may still be put in without a yield; the last record may go beyond the bytes. */
  #recordsLeft = 0
  #bytesLeft = 0

  #beginSlice(): void {
    this.#recordsLeft = recordsPerSlice
    this.#bytesLeft = bytesPerSlice
  }

  /** Inserts of the range from `from` on what the slice still has room for. */
  #insertSlice(memtable: Memtable, { buffer, end }: EncodedRange, from: number, sequence: number): void {
    const { index } = memtable
    const reader = this.#reader
    const stop = Math.min(end, from + this.#bytesLeft)
    const last = sequence + this.#recordsLeft
    let at = from
    let next = sequence
    while (at < stop && next < last) {
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
    this.#recordsLeft = last - next
    this.#bytesLeft -= at - from
  }

  /** Inserts at most a slice of records, at once. */
  insertNow(memtable: Memtable, ranges: ReadonlyArray<EncodedRange>, firstSequence: number): void {
    let sequence = firstSequence
    this.#beginSlice()
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
      this.#beginSlice()
      for (const range of ranges) {
        for (let at = range.start; at < range.end;) {
          if (this.#recordsLeft === 0 || this.#bytesLeft <= 0) {
            yield* Effect.yieldNow
            this.#beginSlice()
          }
          this.#insertSlice(memtable, range, at, sequence)
          at = this.#at
          sequence = this.#sequence
        }
      }
    })
  }
}
