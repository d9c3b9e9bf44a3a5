/**
 * A cursor over the user keys of one table.
 *
 * It stands on the newest version of a key, the head, and finds older ones going
 * forward from there. Every move is a search for an entry that goes block by
 * block and keeps its progress in the cursor, so that one that lacks a block ends
 * after `load` where it stopped (the cursor keeps the loaded block itself). Every
 * step forward or backward gets nearer to an end of the table, whatever the bytes
 * (I15).
 */
import * as Effect from "effect/Effect"
import { noBytes } from "../record/Bytes.ts"
import { CursorStatus } from "../record/Cursor.ts"
import type { Cursor } from "../record/Cursor.ts"
import { RecordKind } from "../record/RecordKind.ts"
import type { DiskError, StoreCorrupted } from "../StoreError.ts"
import { EntryReader } from "./Block.ts"
import type { Block } from "./Block.ts"
import { KeyAssembler } from "./KeyAssembler.ts"
import { TableAhead } from "./ReadAhead.ts"
import type { ReadAhead } from "./ReadAhead.ts"
import type { TableReader } from "./TableReader.ts"

/** What is left to do of a move that lacks a block. */
const Pending = { nothing: 0, forward: 1, back: 2, atOrAfter: 3, atOrBefore: 4, head: 5, select: 6 } as const
type Pending = typeof Pending[keyof typeof Pending]

const newest = Number.MAX_SAFE_INTEGER
const atEnd = -1

export class TableCursor implements Cursor {
  valid = false
  keyBuffer: Uint8Array
  readonly keyOffset = 0
  keyLength = 0

  selected = false
  kind: RecordKind = RecordKind.put
  sequence = 0
  valueBuffer: Uint8Array = noBytes
  valueOffset = 0
  valueLength = 0

  readonly #table: TableReader
  readonly #ahead: TableAhead
  readonly #entry = new EntryReader()
  readonly #key = new KeyAssembler()

  /** The head's block and place. */
  #headNumber = -1
  #headBlock: Block | undefined
  #headOffset = 0

  /** The block in which the search forward is, and the next entry that it reads there. */
  #scanNumber = -1
  #scanBlock: Block | undefined
  #scanNext = 0
  /** The search forward has passed older versions of the head's key. */
  #passed = false

  /** The search backward wants the entry before this one; `atEnd`: the last of the block. */
  #backNumber = 0
  #backOffset = 0
  /**
   * Offsets of the entries from the entry reader's restart up to an entry, so that a step back from that entry need
   * not read them again.
   */
  #intervalBlock: Block | undefined
  readonly #interval: Array<number> = []

  #pending: Pending = Pending.nothing
  #wanted = -1
  #loadedNumber = -1
  #loadedBlock: Block | undefined
  #target = noBytes
  #selectAt = 0

  /** Cursors that are given the same `ahead` go on reading where the one before left off. */
  constructor(table: TableReader, ahead?: ReadAhead) {
    this.#table = table
    this.#ahead = ahead?.of(table) ?? new TableAhead(table)
    this.keyBuffer = this.#key.bytes
  }

  seekFirst(): CursorStatus {
    this.#begin()
    this.#scanNumber = -1
    this.#scanBlock = undefined
    this.#passed = false
    return this.#forward()
  }

  seekLast(): CursorStatus {
    this.#begin()
    this.#backNumber = this.#table.index.count
    this.#backOffset = 0
    return this.#back()
  }

  seekAtOrAfter(key: Uint8Array): CursorStatus {
    this.#begin()
    return this.#seekAtOrAfter(key)
  }

  seekAtOrBefore(key: Uint8Array): CursorStatus {
    this.#begin()
    return this.#seekAtOrBefore(key)
  }

  next(): CursorStatus {
    if (!this.valid) return CursorStatus.ready
    this.#begin()
    return this.#forward()
  }

  previous(): CursorStatus {
    if (!this.valid) return CursorStatus.ready
    this.#begin()
    this.#backNumber = this.#headNumber
    this.#backOffset = this.#headOffset
    return this.#back()
  }

  select(sequence: number): CursorStatus {
    this.selected = false
    const block = this.#headBlock
    if (!this.valid || block === undefined) return CursorStatus.ready
    const entry = this.#entry
    if (this.#scanNumber !== this.#headNumber || entry.offset !== this.#headOffset) {
      if (!entry.read(block, this.#headOffset)) throw this.#table.corrupted(this.#headNumber)
      this.#scanNumber = this.#headNumber
      this.#scanBlock = block
      this.#scanNext = entry.next
      this.#passed = false
    }
    const found = entry.sequence(block)
    if (found <= sequence) return this.#take(block, found)
    this.#selectAt = sequence
    return this.#selectOlder()
  }

  get load(): Effect.Effect<void, DiskError | StoreCorrupted> {
    return Effect.suspend(() => {
      const number = this.#wanted
      if (this.#pending === Pending.nothing || this.#loadedNumber === number) return Effect.void
      return Effect.map(this.#ahead.load(number), (block) => {
        this.#loadedNumber = number
        this.#loadedBlock = block
      })
    })
  }

  resume(): CursorStatus {
    const pending = this.#pending
    this.#pending = Pending.nothing
    switch (pending) {
      case Pending.nothing:
        return CursorStatus.ready
      case Pending.forward:
        return this.#forward()
      case Pending.back:
        return this.#back()
      case Pending.atOrAfter:
        return this.#seekAtOrAfter(this.#target)
      case Pending.atOrBefore:
        return this.#seekAtOrBefore(this.#target)
      case Pending.head:
        return this.#seekHead()
      case Pending.select:
        return this.#selectOlder()
    }
  }

  #begin(): void {
    this.valid = false
    this.selected = false
    this.#pending = Pending.nothing
  }

  /** The block, if it is at hand or may be read at once; otherwise it is what `load` reads. */
  #fetch(number: number, pending: Pending): Block | undefined {
    if (number === this.#headNumber) return this.#headBlock
    if (number === this.#scanNumber && this.#scanBlock !== undefined) return this.#scanBlock
    if (number === this.#loadedNumber) return this.#loadedBlock
    const block = this.#ahead.block(number)
    if (block === undefined) {
      this.#wanted = number
      this.#pending = pending
    }
    return block
  }

  #end(): CursorStatus {
    this.#loadedNumber = -1
    this.#loadedBlock = undefined
    return CursorStatus.ready
  }

  /** Makes the entry last read, whose key is assembled, the head. */
  #land(number: number, block: Block): CursorStatus {
    const entry = this.#entry
    this.keyBuffer = this.#key.bytes
    this.keyLength = this.#key.length
    this.#headNumber = number
    this.#headBlock = block
    this.#headOffset = entry.offset
    this.#scanNumber = number
    this.#scanBlock = block
    this.#scanNext = entry.next
    this.#passed = false
    this.valid = true
    return this.#end()
  }

  /** Reads the entry of a block at or after the newest version of a key; false if the block has none. */
  #seekIn(number: number, block: Block, key: Uint8Array): boolean {
    // The entry reader's restart is now that of the entry found.
    this.#intervalBlock = undefined
    if (this.#entry.seek(block, key, newest)) return true
    if (this.#entry.damaged) throw this.#table.corrupted(number)
    return false
  }

  #landOnSought(number: number, block: Block): CursorStatus {
    if (!this.#key.rebuild(this.#entry, block)) throw this.#table.corrupted(number)
    return this.#land(number, block)
  }

  /** From where the search forward is to the next entry that begins a key. */
  #forward(): CursorStatus {
    const entry = this.#entry
    const key = this.#key
    for (;;) {
      const block = this.#scanBlock
      if (block !== undefined) {
        while (this.#scanNext < block.entriesEnd) {
          if (!entry.read(block, this.#scanNext)) throw this.#table.corrupted(this.#scanNumber)
          if (!entry.continuation) {
            if (!key.follow(entry, block)) throw this.#table.corrupted(this.#scanNumber)
            return this.#land(this.#scanNumber, block)
          }
          key.followSame(entry)
          this.#passed = true
          this.#scanNext = entry.next
        }
      }
      // Many versions of a key may fill many blocks: the index leads to the last of them.
      let number = this.#scanNumber + 1
      if (this.#passed) number = Math.max(number, this.#table.index.find(key.bytes, 0, key.length, 0))
      if (number >= this.#table.index.count) return this.#end()
      const following = this.#fetch(number, Pending.forward)
      if (following === undefined) return CursorStatus.needsLoad
      this.#enter(number, following)
    }
  }

  #enter(number: number, block: Block): void {
    this.#scanNumber = number
    this.#scanBlock = block
    this.#scanNext = 0
    this.#passed = false
  }

  /** From the head's newest version, which is too new, to one at or below the sequence. */
  #selectOlder(): CursorStatus {
    const entry = this.#entry
    const key = this.#key
    for (;;) {
      const block = this.#scanBlock
      if (block === undefined) return this.#end()
      while (this.#scanNext < block.entriesEnd) {
        if (!entry.read(block, this.#scanNext)) throw this.#table.corrupted(this.#scanNumber)
        if (!entry.continuation) return this.#end()
        key.followSame(entry)
        this.#passed = true
        this.#scanNext = entry.next
        const sequence = entry.sequence(block)
        if (sequence <= this.#selectAt) return this.#take(block, sequence)
      }
      const index = this.#table.index
      const number = Math.max(this.#scanNumber + 1, index.find(key.bytes, 0, key.length, this.#selectAt))
      if (number >= index.count) return this.#end()
      const following = this.#fetch(number, Pending.select)
      if (following === undefined) return CursorStatus.needsLoad
      this.#enter(number, following)
    }
  }

  #take(block: Block, sequence: number): CursorStatus {
    const entry = this.#entry
    this.selected = true
    this.kind = entry.kind
    this.sequence = sequence
    this.valueBuffer = block.bytes
    this.valueOffset = entry.valueOffset
    this.valueLength = entry.valueLength
    return this.#end()
  }

  #seekAtOrAfter(key: Uint8Array): CursorStatus {
    const number = this.#table.index.find(key, 0, key.length, newest)
    if (number === this.#table.index.count) return this.#end()
    const block = this.#fetch(number, Pending.atOrAfter)
    if (block === undefined) {
      this.#keepTarget(key)
      return CursorStatus.needsLoad
    }
    if (this.#seekIn(number, block, key)) return this.#landOnSought(number, block)
    this.#enter(number, block)
    this.#scanNext = block.entriesEnd
    return this.#forward()
  }

  #seekAtOrBefore(key: Uint8Array): CursorStatus {
    const number = this.#table.index.find(key, 0, key.length, newest)
    this.#backNumber = number
    this.#backOffset = 0
    if (number < this.#table.index.count) {
      const block = this.#fetch(number, Pending.atOrBefore)
      if (block === undefined) {
        this.#keepTarget(key)
        return CursorStatus.needsLoad
      }
      // Keeps the block for the step back, which may begin in it.
      this.#enter(number, block)
      const found = this.#seekIn(number, block, key)
      if (found && this.#entry.exact) return this.#landOnSought(number, block)
      this.#backOffset = found ? this.#entry.offset : atEnd
    }
    return this.#back()
  }

  /** A copy, as the caller's bytes may change before `resume`. */
  #keepTarget(key: Uint8Array): void {
    if (key !== this.#target) this.#target = new Uint8Array(key)
  }

  /** To the entry before the place where the search backward is, and from there to the head of its key. */
  #back(): CursorStatus {
    if (this.#backOffset === 0) {
      this.#backNumber--
      this.#backOffset = atEnd
    }
    const number = this.#backNumber
    if (number < 0) return this.#end()
    const block = this.#fetch(number, Pending.back)
    if (block === undefined) return CursorStatus.needsLoad
    if (!this.#stepBack(block, this.#backOffset === atEnd ? block.entriesEnd : this.#backOffset)) {
      throw this.#table.corrupted(number)
    }
    if (!this.#entry.continuation) return this.#land(number, block)
    this.#backOffset = this.#entry.offset
    this.#target = this.#key.bytes.slice(0, this.#key.length)
    return this.#seekHead()
  }

  /** From an older version to the newest of its key, which lies at or before the place of the search backward. */
  #seekHead(): CursorStatus {
    const key = this.#target
    const number = this.#table.index.find(key, 0, key.length, newest)
    if (number > this.#backNumber) throw this.#table.corrupted(this.#backNumber)
    const block = this.#fetch(number, Pending.head)
    if (block === undefined) return CursorStatus.needsLoad
    const entry = this.#entry
    if (!this.#seekIn(number, block, key) || !entry.exact) throw this.#table.corrupted(number)
    if (number === this.#backNumber && entry.offset > this.#backOffset) throw this.#table.corrupted(number)
    return this.#landOnSought(number, block)
  }

  /** Reads the entry that ends at `limit` and assembles its key; false if the block is malformed. */
  #stepBack(block: Block, limit: number): boolean {
    const entry = this.#entry
    const interval = this.#interval
    if (this.#intervalBlock === block && interval.length > 1 && interval[interval.length - 1] === limit) {
      interval.pop()
      return entry.read(block, interval[interval.length - 1]!) && this.#key.rebuild(entry, block)
    }
    interval.length = 0
    this.#intervalBlock = undefined
    let at = block.restartBefore(limit)
    if (!entry.beginInterval(block, at)) return false
    interval.push(at)
    while (entry.next < limit) {
      at = entry.next
      if (!entry.read(block, at)) return false
      interval.push(at)
    }
    if (entry.next !== limit) return false
    this.#intervalBlock = block
    return this.#key.rebuild(entry, block)
  }
}
