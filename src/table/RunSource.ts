/**
 * The entries of a sorted run as of one sequence, in one direction, a batch at a
 * time: forward what is left of a block, backward the keys of one interval.
 *
 * A table is touched only when the scan reaches it, so that a narrow range reads
 * one table. The versions of a key may go on in later blocks; a key whose version
 * is there is a batch of its own, and meanwhile is called open.
 *
 * What a step lacks is kept in fields, and a step that lacks a block changes
 * nothing, so that `advance` begins it again. Every step gets nearer to an end of
 * the run, whatever the bytes (I15): forward the place rises; backward it falls,
 * and an open key is looked for upward once, from where its own entry was passed.
 */
import { Effect } from "effect"
import { copyRange, noBytes } from "../record/Bytes.ts"
import { fullBatch, noVersion } from "../record/EntryBatch.ts"
import type { EntryBatch, EntryRange, EntrySource } from "../record/EntryBatch.ts"
import { maxKeyLength } from "../record/RecordKind.ts"
import { MoveStatus } from "../record/VersionIterator.ts"
import type { StoreCorrupted, TableError } from "../StoreError.ts"
import { EntryReader, restartInterval } from "./Block.ts"
import type { Block } from "./Block.ts"
import type { ReadAhead, TableAhead } from "./ReadAhead.ts"
import type { RunTable, SortedRun } from "./SortedRun.ts"
import type { TableReader } from "./TableReader.ts"

const newest = Number.MAX_SAFE_INTEGER

export class RunSource implements EntrySource {
  readonly batch: EntryBatch
  readonly #run: SortedRun<RunTable>
  readonly #ahead: ReadAhead
  readonly #range: EntryRange
  readonly #entry = new EntryReader()
  #isBegun = false

  /** The table in which the source is; none outside the run. */
  #tableNumber = -1
  #table: TableReader | undefined
  #tableAhead: TableAhead | undefined

  /** The block in which it is. Forward the entries from `#at` on are still to be read, backward those before it. */
  #number = -1
  #block: Block | undefined
  #at = 0
  /** The block to go to when this one has no more, and backward the place there; -1: its end. */
  #following = -1
  #followingAt = -1

  /** The key at the restart of the entries that are being read, and how much of it the next entry can share at most. */
  #restartKey = 0
  #mostShared = 0

  /** A key whose version is looked for in other blocks; its length is -1 if there is none. */
  #openKey = noBytes
  #openLength = -1
  #openNumber = -1
  /** Backward: the block and the place of its own entry, where the source goes on. */
  #homeNumber = -1
  #homeAt = -1

  #wanted = -1
  #loadedNumber = -1
  #loaded: Block | undefined

  /** `batch` is the source's until it is given another use. */
  constructor(run: SortedRun<RunTable>, range: EntryRange, batch: EntryBatch, ahead: ReadAhead) {
    this.#run = run
    this.#range = range
    this.batch = batch
    this.#ahead = ahead
  }

  advance(wanted: number): MoveStatus {
    const { batch } = this
    if (batch.left > 0) return MoveStatus.ready
    batch.clear()
    if (!this.#isBegun && !this.#begin()) return MoveStatus.needsLoad
    const status = this.#range.reverse ? this.#backward() : this.#forward(Math.min(fullBatch, wanted))
    if (status === MoveStatus.ready) {
      this.#loadedNumber = -1
      this.#loaded = undefined
    }
    return status
  }

  get load(): Effect.Effect<void, TableError> {
    return Effect.suspend(() => {
      const number = this.#wanted
      if (number < 0 || this.#tableAhead === undefined) return Effect.void
      return Effect.map(this.#tableAhead.load(number), (block) => {
        this.#wanted = -1
        this.#loadedNumber = number
        this.#loaded = block
      })
    })
  }

  /** The block, if it is at hand or may be read at once; otherwise it is what `load` reads. */
  #fetch(number: number): Block | undefined {
    this.#wanted = -1
    if (number === this.#loadedNumber) return this.#loaded
    const block = this.#tableAhead!.block(number)
    if (block === undefined) this.#wanted = number
    return block
  }

  #enterTable(number: number): void {
    const { reverse } = this.#range
    const table = this.#run.tables[number]?.reader
    this.#tableNumber = number
    this.#table = table
    this.#tableAhead = table === undefined ? undefined : this.#ahead.of(table)
    this.#loadedNumber = -1
    this.#block = undefined
    this.#following = table === undefined ? -1 : reverse ? table.index.count - 1 : 0
    this.#followingAt = -1
  }

  #enter(number: number, block: Block, at: number): void {
    this.#number = number
    this.#block = block
    this.#at = at
    this.#restartKey = 0
    this.#mostShared = 0
    this.#following = this.#range.reverse ? number - 1 : number + 1
    this.#followingAt = -1
  }

  /** To where the scan begins; false if that lacks a block. */
  #begin(): boolean {
    const run = this.#run
    const { reverse, start } = this.#range
    if (start === undefined) {
      this.#enterTable(reverse ? run.tables.length - 1 : 0)
    } else {
      const { key } = start
      const tableNumber = reverse ? run.atOrBefore(key) : run.atOrAfter(key)
      if (tableNumber !== this.#tableNumber || this.#table === undefined) this.#enterTable(tableNumber)
      const table = this.#table
      if (table !== undefined) {
        const number = table.index.find(key, 0, key.length, newest)
        if (number < table.index.count) {
          const block = this.#fetch(number)
          if (block === undefined) return false
          this.#seek(number, block, key, start.inclusive)
        } else if (!reverse) this.#following = number
      }
    }
    this.#isBegun = true
    return true
  }

  #seek(number: number, block: Block, key: Uint8Array, inclusive: boolean): void {
    const entry = this.#entry
    const isFound = entry.seek(block, key, newest)
    if (!isFound && entry.damaged) throw this.#table!.corrupted(number)
    const at = !isFound
      ? block.entriesEnd
      : entry.exact && inclusive === this.#range.reverse
      ? entry.next
      : entry.offset
    this.#enter(number, block, at)
    if (isFound) {
      this.#restartKey = entry.restartKeyOffset
      this.#mostShared = entry.restartKeyLength
    }
  }

  #forward(most: number): MoveStatus {
    const { batch } = this
    for (;;) {
      if (this.#openLength >= 0) return this.#findOpen()
      const block = this.#block
      if (block !== undefined && this.#at < block.entriesEnd) {
        this.#at = this.#read(block, this.#at, block.entriesEnd, most)
        if (this.#at === block.entriesEnd) this.#leave(block)
        if (batch.count > 0) {
          batch.finish(block.bytes, 1)
          return MoveStatus.ready
        }
      } else if (!this.#follow()) return this.#table === undefined ? MoveStatus.ready : MoveStatus.needsLoad
    }
  }

  #backward(): MoveStatus {
    const { batch } = this
    for (;;) {
      if (this.#openLength >= 0) return this.#findOpen()
      const block = this.#block
      if (block !== undefined && this.#at > 0) {
        const limit = this.#at
        const from = block.restartBefore(limit)
        this.#mostShared = 0
        if (this.#read(block, from, limit, restartInterval) !== limit) throw this.#damaged()
        this.#at = from
        if (batch.count === 0) {
          if (from === 0) this.#leaveVersions(block)
        } else if (batch.kinds[batch.count - 1] !== noVersion || !this.#isOpenBehind(block, limit)) {
          batch.finish(block.bytes, -1)
          return MoveStatus.ready
        }
      } else if (!this.#follow()) return this.#table === undefined ? MoveStatus.ready : MoveStatus.needsLoad
    }
  }

  /** To the block that comes next; false if it is lacking, or at the end of the run. */
  #follow(): boolean {
    const { reverse } = this.#range
    for (;;) {
      const table = this.#table
      if (table === undefined) return false
      const number = this.#following
      if (number >= 0 && number < table.index.count) {
        const block = this.#fetch(number)
        if (block === undefined) return false
        const at = this.#followingAt
        this.#enter(number, block, reverse ? (at < 0 ? block.entriesEnd : at) : 0)
        return true
      }
      this.#enterTable(this.#tableNumber + (reverse ? -1 : 1))
    }
  }

  /**
   * Puts in the keys of the entries from a place up to another, with their versions as far as those are before it. Where
   * it has stopped: before the key that would be one too many, or behind the last entry.
   */
  #read(block: Block, from: number, limit: number, most: number): number {
    const { batch } = this
    const { sequence } = this.#range
    const entry = this.#entry
    const { bytes } = block
    let restartKey = this.#restartKey
    let mostShared = this.#mostShared
    let at = from
    let isOpen = false
    while (at < limit) {
      if (!entry.read(block, at)) throw this.#damaged()
      const { shared, suffixLength, suffixOffset } = entry
      if (entry.continuation) {
        if (isOpen && entry.sequence(block) <= sequence) {
          this.#putVersion()
          isOpen = false
        }
      } else {
        if (batch.count === most) break
        const length = shared + suffixLength
        if (length > maxKeyLength || shared > mostShared) throw this.#damaged()
        const offset = batch.assemble(length)
        const keys = batch.assembled
        copyRange(bytes, restartKey, keys, offset, shared)
        copyRange(bytes, suffixOffset, keys, offset + shared, suffixLength)
        batch.addKey(offset, length)
        isOpen = entry.sequence(block) > sequence
        if (isOpen) batch.starts[batch.count - 1] = at
        else batch.setVersion(entry.kind, at, shared, entry.valueOffset, entry.valueLength)
      }
      if (shared === 0) {
        restartKey = suffixOffset
        mostShared = suffixLength
      } else if (shared <= mostShared) mostShared = shared
      else throw this.#damaged()
      at = entry.next
    }
    this.#restartKey = restartKey
    this.#mostShared = mostShared
    return at
  }

  /** Goes on behind an older version that is not put in; its key is the one before it. */
  #skip(): void {
    const { shared, suffixLength, suffixOffset } = this.#entry
    if (shared === 0) {
      this.#restartKey = suffixOffset
      this.#mostShared = suffixLength
    } else if (shared <= this.#mostShared) this.#mostShared = shared
    else throw this.#damaged()
  }

  /** Makes the entry last read the version of the key put in last, which is known, whatever key this entry has (I15). */
  #putVersion(): void {
    const { kind, valueLength, valueOffset } = this.#entry
    this.batch.setVersion(kind, valueOffset, 0, valueOffset, valueLength)
  }

  /** All entries of a block have been read forward. */
  #leave(block: Block): void {
    const { batch } = this
    const isOpen = batch.count > 0 && batch.kinds[batch.count - 1] === noVersion
    if (!isOpen && !this.#entry.continuation) return
    // Many versions of a key may fill many blocks: the index leads to the last of them.
    const number = this.#findKey(block, isOpen ? this.#range.sequence : 0)
    if (isOpen && number > this.#number) {
      batch.count--
      this.#openNumber = number
    } else {
      this.#openLength = -1
      this.#following = Math.max(this.#following, number)
    }
  }

  /** Looks for an older version of the key put in last behind the entries that were read; true if it is in another block. */
  #isOpenBehind(block: Block, limit: number): boolean {
    const { batch } = this
    const { sequence } = this.#range
    const entry = this.#entry
    for (let at = limit; at < block.entriesEnd; at = entry.next) {
      if (!entry.read(block, at)) throw this.#damaged()
      if (!entry.continuation) return false
      this.#skip()
      if (entry.sequence(block) <= sequence) {
        this.#putVersion()
        return false
      }
    }
    const number = this.#findKey(block, sequence)
    if (number <= this.#number) {
      this.#openLength = -1
      return false
    }
    this.#openNumber = number
    this.#homeNumber = this.#number
    this.#homeAt = batch.starts[batch.count - 1]!
    batch.clear()
    return true
  }

  /** A block begins with older versions of a key, and their interval has no other: to the block of the newest one. */
  #leaveVersions(block: Block): void {
    const number = this.#findKey(block, newest)
    this.#openLength = -1
    if (number >= this.#number) throw this.#damaged()
    this.#following = number
  }

  /** The block that can have a version of the key of the entry last read, which becomes the open one. */
  #findKey(block: Block, sequence: number): number {
    const { shared, suffixLength, suffixOffset } = this.#entry
    const length = shared + suffixLength
    if (length > this.#openKey.length) this.#openKey = new Uint8Array(length * 2)
    const key = this.#openKey
    copyRange(block.bytes, this.#restartKey, key, 0, shared)
    copyRange(block.bytes, suffixOffset, key, shared, suffixLength)
    this.#openLength = length
    return this.#table!.index.find(key, 0, length, sequence)
  }

  /** Looks for the version of the open key from the block on in which the index says that it is. */
  #findOpen(): MoveStatus {
    const { index } = this.#table!
    const { sequence } = this.#range
    const entry = this.#entry
    for (; this.#openNumber < index.count; this.#openNumber++) {
      const number = this.#openNumber
      const block = this.#fetch(number)
      if (block === undefined) return MoveStatus.needsLoad
      this.#enter(number, block, 0)
      while (this.#at < block.entriesEnd) {
        if (!entry.read(block, this.#at)) throw this.#damaged()
        if (!entry.continuation) return this.#putOpen(undefined)
        this.#skip()
        this.#at = entry.next
        if (entry.sequence(block) <= sequence) return this.#putOpen(block)
      }
    }
    return this.#putOpen(undefined)
  }

  /** Puts in the open key, with the entry last read if that is its version in the block. */
  #putOpen(block: Block | undefined): MoveStatus {
    const { batch } = this
    const length = this.#openLength
    const offset = batch.assemble(length)
    copyRange(this.#openKey, 0, batch.assembled, offset, length)
    batch.addKey(offset, length)
    if (block !== undefined) this.#putVersion()
    batch.finish(block === undefined ? noBytes : block.bytes, 1)
    this.#openLength = -1
    if (this.#range.reverse) {
      this.#block = undefined
      this.#following = this.#homeAt > 0 ? this.#homeNumber : this.#homeNumber - 1
      this.#followingAt = this.#homeAt > 0 ? this.#homeAt : -1
    }
    return MoveStatus.ready
  }

  #damaged(): StoreCorrupted {
    return this.#table!.corrupted(this.#number)
  }
}
