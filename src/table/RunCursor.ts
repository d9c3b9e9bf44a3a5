/**
 * A cursor over a sorted run: over each of its tables in turn.
 *
 * A table is touched only when the cursor reaches it, so that a narrow range
 * reads one table. A move that finds no key in a table goes on in the next, in
 * the direction of the move; it keeps nothing but that direction while a block
 * is lacking. Every such step gets nearer to an end of the run, whatever the
 * bytes (I15).
 */
import { Effect } from "effect"
import { noBytes } from "../record/Bytes.ts"
import { CursorStatus } from "../record/Cursor.ts"
import type { Cursor } from "../record/Cursor.ts"
import { RecordKind } from "../record/RecordKind.ts"
import type { DiskError, StoreCorrupted } from "../StoreError.ts"
import type { ReadAhead } from "./ReadAhead.ts"
import type { RunTable, SortedRun } from "./SortedRun.ts"
import type { TableCursor } from "./TableCursor.ts"

/** The move that lacks a block. */
const Pending = { nothing: 0, forward: 1, backward: 2, select: 3 } as const
type Pending = typeof Pending[keyof typeof Pending]

export class RunCursor implements Cursor {
  valid = false
  keyBuffer: Uint8Array = noBytes
  keyOffset = 0
  keyLength = 0

  selected = false
  kind: RecordKind = RecordKind.put
  sequence = 0
  valueBuffer: Uint8Array = noBytes
  valueOffset = 0
  valueLength = 0

  readonly #run: SortedRun<RunTable>
  readonly #ahead: ReadAhead | undefined
  /** The table in which the cursor is, and the cursor over it. */
  #number = -1
  #cursor: TableCursor | undefined
  #pending: Pending = Pending.nothing

  /** Cursors that are given the same `ahead` go on reading where the one before left off. */
  constructor(run: SortedRun<RunTable>, ahead?: ReadAhead) {
    this.#run = run
    this.#ahead = ahead
  }

  seekFirst(): CursorStatus {
    this.#begin()
    const cursor = this.#enter(0)
    return cursor === undefined ? CursorStatus.ready : this.#forward(cursor, cursor.seekFirst())
  }

  seekLast(): CursorStatus {
    this.#begin()
    const cursor = this.#enter(this.#run.tables.length - 1)
    return cursor === undefined ? CursorStatus.ready : this.#backward(cursor, cursor.seekLast())
  }

  seekAtOrAfter(key: Uint8Array): CursorStatus {
    this.#begin()
    const cursor = this.#enter(this.#run.atOrAfter(key))
    return cursor === undefined ? CursorStatus.ready : this.#forward(cursor, cursor.seekAtOrAfter(key))
  }

  seekAtOrBefore(key: Uint8Array): CursorStatus {
    this.#begin()
    const cursor = this.#enter(this.#run.atOrBefore(key))
    return cursor === undefined ? CursorStatus.ready : this.#backward(cursor, cursor.seekAtOrBefore(key))
  }

  next(): CursorStatus {
    const cursor = this.#cursor
    if (!this.valid || cursor === undefined) return CursorStatus.ready
    this.#begin()
    return this.#forward(cursor, cursor.next())
  }

  previous(): CursorStatus {
    const cursor = this.#cursor
    if (!this.valid || cursor === undefined) return CursorStatus.ready
    this.#begin()
    return this.#backward(cursor, cursor.previous())
  }

  select(sequence: number): CursorStatus {
    this.selected = false
    this.#pending = Pending.nothing
    const cursor = this.#cursor
    if (!this.valid || cursor === undefined) return CursorStatus.ready
    return this.#take(cursor, cursor.select(sequence))
  }

  get load(): Effect.Effect<void, DiskError | StoreCorrupted> {
    return Effect.suspend(() =>
      this.#pending === Pending.nothing || this.#cursor === undefined ? Effect.void : this.#cursor.load
    )
  }

  resume(): CursorStatus {
    const pending = this.#pending
    const cursor = this.#cursor
    if (pending === Pending.nothing || cursor === undefined) return CursorStatus.ready
    this.#pending = Pending.nothing
    switch (pending) {
      case Pending.forward:
        return this.#forward(cursor, cursor.resume())
      case Pending.backward:
        return this.#backward(cursor, cursor.resume())
      case Pending.select:
        return this.#take(cursor, cursor.resume())
    }
  }

  #begin(): void {
    this.valid = false
    this.selected = false
    this.#pending = Pending.nothing
  }

  /** The cursor over a table; the last one again if the table is the same. */
  #enter(number: number): TableCursor | undefined {
    if (number === this.#number) return this.#cursor
    this.#number = number
    this.#cursor = this.#run.tables[number]?.reader.cursor(this.#ahead)
    return this.#cursor
  }

  #forward(begun: TableCursor, status: CursorStatus): CursorStatus {
    let cursor: TableCursor | undefined = begun
    let reached = status
    for (;;) {
      if (reached === CursorStatus.needsLoad) return this.#wait(Pending.forward)
      if (cursor.valid) return this.#land(cursor)
      cursor = this.#enter(this.#number + 1)
      if (cursor === undefined) return CursorStatus.ready
      reached = cursor.seekFirst()
    }
  }

  #backward(begun: TableCursor, status: CursorStatus): CursorStatus {
    let cursor: TableCursor | undefined = begun
    let reached = status
    for (;;) {
      if (reached === CursorStatus.needsLoad) return this.#wait(Pending.backward)
      if (cursor.valid) return this.#land(cursor)
      cursor = this.#enter(this.#number - 1)
      if (cursor === undefined) return CursorStatus.ready
      reached = cursor.seekLast()
    }
  }

  #wait(pending: Pending): CursorStatus {
    this.#pending = pending
    return CursorStatus.needsLoad
  }

  #land(cursor: TableCursor): CursorStatus {
    this.keyBuffer = cursor.keyBuffer
    this.keyOffset = cursor.keyOffset
    this.keyLength = cursor.keyLength
    this.valid = true
    return CursorStatus.ready
  }

  #take(cursor: TableCursor, status: CursorStatus): CursorStatus {
    if (status === CursorStatus.needsLoad) return this.#wait(Pending.select)
    if (cursor.selected) {
      this.selected = true
      this.kind = cursor.kind
      this.sequence = cursor.sequence
      this.valueBuffer = cursor.valueBuffer
      this.valueOffset = cursor.valueOffset
      this.valueLength = cursor.valueLength
    }
    return CursorStatus.ready
  }
}
