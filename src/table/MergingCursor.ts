/**
 * One cursor over many, given newest first: memtables, then tables.
 *
 * All sources that stand on a key form a group and move together. For a key the
 * newest source that has a version at or below the sequence wins (I9), as every
 * version in a source is newer than every version of that key in the sources
 * behind it (I2). Deletions are selected like any version; the engine skips them.
 *
 * Going forward every source stands on its smallest key at or above the current
 * one; going backward on its largest at or below. A change of direction seeks all
 * of them anew. Where a source throws, the cursor has no position until the next
 * seek.
 */
import { compareRanges, noBytes } from "../record/Bytes.ts"
import { CursorStatus } from "../record/Cursor.ts"
import type { Cursor } from "../record/Cursor.ts"
import { RecordKind } from "../record/RecordKind.ts"
import { MergeOrder } from "./MergeOrder.ts"
import { PendingSources } from "./PendingSources.ts"

/** How the move that was begun ends once all sources have moved. */
const Move = { seek: 0, step: 1, turn: 2, select: 3 } as const
type Move = typeof Move[keyof typeof Move]

export class MergingCursor implements Cursor {
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

  readonly #sources: ReadonlyArray<Cursor>
  readonly #order: MergeOrder
  readonly #pending: PendingSources
  #backward = false
  #move: Move = Move.seek
  /** The key at which the direction changed. */
  #turnKey = noBytes
  #selectAt = 0
  /** The member of the group that is asked for a version. */
  #asked = 0

  constructor(sources: ReadonlyArray<Cursor>) {
    this.#sources = sources
    this.#order = new MergeOrder(sources.length, false)
    this.#pending = new PendingSources(sources)
  }

  get load(): Cursor["load"] {
    return this.#pending.load
  }

  seekFirst(): CursorStatus {
    this.#begin(Move.seek, false)
    const sources = this.#sources
    for (let i = 0; i < sources.length; i++) this.#pending.note(i, sources[i]!.seekFirst())
    return this.#settle()
  }

  seekLast(): CursorStatus {
    this.#begin(Move.seek, true)
    const sources = this.#sources
    for (let i = 0; i < sources.length; i++) this.#pending.note(i, sources[i]!.seekLast())
    return this.#settle()
  }

  seekAtOrAfter(key: Uint8Array): CursorStatus {
    this.#begin(Move.seek, false)
    const sources = this.#sources
    for (let i = 0; i < sources.length; i++) this.#pending.note(i, sources[i]!.seekAtOrAfter(key))
    return this.#settle()
  }

  seekAtOrBefore(key: Uint8Array): CursorStatus {
    this.#begin(Move.seek, true)
    const sources = this.#sources
    for (let i = 0; i < sources.length; i++) this.#pending.note(i, sources[i]!.seekAtOrBefore(key))
    return this.#settle()
  }

  next(): CursorStatus {
    return this.#step(false)
  }

  previous(): CursorStatus {
    return this.#step(true)
  }

  select(sequence: number): CursorStatus {
    this.selected = false
    if (!this.valid) return CursorStatus.ready
    this.#pending.clear()
    this.#selectAt = sequence
    this.#asked = 0
    return this.#ask()
  }

  resume(): CursorStatus {
    if (this.#pending.isEmpty) return CursorStatus.ready
    this.#pending.resume()
    if (!this.#pending.isEmpty) return CursorStatus.needsLoad
    return this.#move === Move.select ? this.#answer() : this.#settle()
  }

  #begin(move: Move, backward: boolean): void {
    this.valid = false
    this.selected = false
    this.#pending.clear()
    this.#move = move
    this.#backward = backward
  }

  #step(backward: boolean): CursorStatus {
    if (!this.valid) return CursorStatus.ready
    const sources = this.#sources
    if (backward !== this.#backward) {
      this.#turnKey = new Uint8Array(this.keyBuffer.subarray(this.keyOffset, this.keyOffset + this.keyLength))
      this.#begin(Move.turn, backward)
      for (let i = 0; i < sources.length; i++) {
        const source = sources[i]!
        this.#pending.note(i, backward ? source.seekAtOrBefore(this.#turnKey) : source.seekAtOrAfter(this.#turnKey))
      }
    } else {
      this.#begin(Move.step, backward)
      const order = this.#order
      for (let g = 0; g < order.group; g++) {
        const number = order.sources[g]!
        const source = sources[number]!
        this.#pending.note(number, backward ? source.previous() : source.next())
      }
    }
    return this.#settle()
  }

  /** Takes the new position, once no source lacks a block. */
  #settle(): CursorStatus {
    if (!this.#pending.isEmpty) return CursorStatus.needsLoad
    const order = this.#order
    const sources = this.#sources
    if (this.#move === Move.step) {
      order.settle(sources)
    } else {
      if (this.#move === Move.turn && !this.#leaveTurnKey()) return CursorStatus.needsLoad
      order.rebuild(sources, this.#backward)
    }
    if (order.count > 0) {
      const first = order.sources[0]!
      this.keyBuffer = order.keyBuffers[first]!
      this.keyOffset = order.keyOffsets[first]!
      this.keyLength = order.keyLengths[first]!
      this.valid = true
    }
    return CursorStatus.ready
  }

  /** Moves on the sources that stand on the key at which the direction changed; false if one lacks a block. */
  #leaveTurnKey(): boolean {
    const sources = this.#sources
    const key = this.#turnKey
    for (let i = 0; i < sources.length; i++) {
      const source = sources[i]!
      if (
        source.valid
        && compareRanges(source.keyBuffer, source.keyOffset, source.keyLength, key, 0, key.length) === 0
      ) {
        this.#pending.note(i, this.#backward ? source.previous() : source.next())
      }
    }
    return this.#pending.isEmpty
  }

  /** Asks the group, newest source first, for a version. */
  #ask(): CursorStatus {
    const order = this.#order
    while (this.#asked < order.group) {
      const number = order.sources[this.#asked]!
      const status = this.#sources[number]!.select(this.#selectAt)
      if (status === CursorStatus.needsLoad) {
        this.#move = Move.select
        this.#pending.note(number, status)
        return status
      }
      if (this.#takeSelected(number)) return CursorStatus.ready
    }
    return CursorStatus.ready
  }

  /** Goes on asking after the source that lacked a block has answered. */
  #answer(): CursorStatus {
    return this.#takeSelected(this.#order.sources[this.#asked]!) ? CursorStatus.ready : this.#ask()
  }

  #takeSelected(number: number): boolean {
    const source = this.#sources[number]!
    this.#asked++
    if (!source.selected) return false
    this.selected = true
    this.kind = source.kind
    this.sequence = source.sequence
    this.valueBuffer = source.valueBuffer
    this.valueOffset = source.valueOffset
    this.valueLength = source.valueLength
    return true
  }
}
