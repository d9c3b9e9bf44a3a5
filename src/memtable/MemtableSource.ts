/**
 * The entries of a memtable as of one sequence, in one direction, a batch at a
 * time. Records inserted meanwhile are behind that sequence (I8).
 */
import { Effect } from "effect"
import { compareRanges } from "../record/Bytes.ts"
import type { EntryBatch, EntryRange, EntrySource } from "../record/EntryBatch.ts"
import { MoveStatus } from "../record/VersionIterator.ts"
import type { MemtableCursor } from "./MemtableCursor.ts"

/** As many as a scan's first chunk needs: a source lasts for one chunk. */
const entriesPerBatch = 32

export class MemtableSource implements EntrySource {
  readonly batch: EntryBatch
  readonly load = Effect.void
  readonly #cursor: MemtableCursor
  readonly #range: EntryRange
  #isBegun = false

  constructor(cursor: MemtableCursor, range: EntryRange, batch: EntryBatch) {
    this.#cursor = cursor
    this.#range = range
    this.batch = batch
  }

  advance(wanted: number): MoveStatus {
    const { batch } = this
    if (batch.left > 0) return MoveStatus.ready
    const cursor = this.#cursor
    const { reverse, sequence } = this.#range
    if (!this.#isBegun) this.#begin()
    batch.clear()
    batch.keys = cursor.keyBuffer
    const most = Math.min(entriesPerBatch, wanted)
    for (let i = 0; i < most && cursor.valid; i++) {
      batch.addKey(cursor.keyOffset, cursor.keyLength)
      cursor.select(sequence)
      if (cursor.selected) {
        // The key is in front of the value of its first version only, and is copied from where it is.
        batch.setVersion(cursor.kind, cursor.valueOffset, 0, cursor.valueOffset, cursor.valueLength)
      }
      if (reverse) cursor.previous()
      else cursor.next()
    }
    batch.finish(cursor.valueBuffer, 1)
    return MoveStatus.ready
  }

  #begin(): void {
    const cursor = this.#cursor
    const { reverse, start } = this.#range
    this.#isBegun = true
    if (start === undefined) {
      if (reverse) cursor.seekLast()
      else cursor.seekFirst()
      return
    }
    const { inclusive, key } = start
    if (reverse) cursor.seekAtOrBefore(key)
    else cursor.seekAtOrAfter(key)
    const isOnStart = cursor.valid
      && compareRanges(cursor.keyBuffer, cursor.keyOffset, cursor.keyLength, key, 0, key.length) === 0
    if (inclusive || !isOnStart) return
    if (reverse) cursor.previous()
    else cursor.next()
  }
}
