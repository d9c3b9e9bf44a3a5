/**
 * What a scan reads ahead, table by table, from one of its sources to the next.
 *
 * A scan that asks for one block behind another, in either direction, reads more
 * blocks with each read: one, two, four, up to a quarter of a mebibyte through
 * the pool, or 32 KiB where it reads at once, which holds the event loop for a
 * few microseconds while the page cache answers. The first few blocks go to the
 * block cache, where short ranges find them again. Longer ones bypass it: they
 * would push out what lookups use, and would themselves be gone before they came
 * to be read again.
 *
 * A piece is verified block by block as the blocks are reached, so damage in
 * blocks that nobody reads harms nobody.
 *
 * Longer pieces that are read at once, and their blocks, come to lie in the memory
 * of those before the last: fresh memory costs more than to read into it.
 * So a block is good until the next but one is asked for.
 */
import * as Effect from "effect/Effect"
import { noBytes } from "../record/Bytes.ts"
import type { TableError } from "../StoreError.ts"
import { StoreCorrupted } from "../StoreError.ts"
import type { Block } from "./Block.ts"
import type { TableReader } from "./TableReader.ts"

/** The longest piece that is read at once. */
const longestNow = 32 * 1024
/** The longest piece that is read through the pool. */
const longestLoad = 256 * 1024
/** What all pieces of a scan may hold together, if it reads more than a few tables. */
const longestTogether = 1024 * 1024
/** A piece of more blocks bypasses the cache. */
const mostCached = 4

export class ReadAhead {
  #tables = new Map<TableReader, TableAhead>()
  #before = this.#tables

  /** Before the scan makes new sources: forgets the tables that its last ones did not reach. */
  renew(): void {
    if (this.#tables.size === 0 && this.#before.size === 0) return
    this.#before = this.#tables
    this.#tables = new Map()
  }

  /** What the scan has read ahead in a table. */
  of(table: TableReader): TableAhead {
    const known = this.#tables.get(table)
    if (known !== undefined) return known
    const ahead = this.#before.get(table) ?? new TableAhead(table, this)
    this.#tables.set(table, ahead)
    return ahead
  }

  /** The longest piece of one table. */
  get longestPiece(): number {
    return Math.max(longestNow, Math.min(longestLoad, longestTogether / Math.max(1, this.#tables.size)))
  }
}

/** What one scan has read ahead in one table. */
export class TableAhead {
  readonly #table: TableReader
  readonly #scan: ReadAhead | undefined
  /** The block that was asked for last, and whether those before it lead to it upward (1), downward (-1), or not (0). */
  #last = -1
  #direction = 0
  /** Blocks of the next read, if the scan goes on as it does. */
  #blocks = 1
  /** The blocks `from` up to `to` as they are in the file. */
  #piece: Uint8Array | undefined
  #from = 0
  #to = 0
  /** Memory of the piece before the last, and of the block before the last. */
  #sparePiece = noBytes
  #spareBlock = noBytes
  /** Memory in which the last piece and the last block are, if they are in such. */
  #pieceMemory = noBytes
  #blockMemory = noBytes
  /** The last two blocks that were read: a scan's next source begins with one of them. */
  #number = -1
  #block: Block | undefined
  #numberBefore = -1
  #blockBefore: Block | undefined

  constructor(table: TableReader, scan?: ReadAhead) {
    this.#table = table
    this.#scan = scan
  }

  /** A block, if it is at hand or may be read at once. */
  block(number: number): Block | undefined {
    this.#follow(number)
    if (number === this.#number) return this.#block
    if (number === this.#numberBefore) return this.#blockBefore
    if (this.#piece !== undefined && number >= this.#from && number < this.#to) {
      return this.#decode(number)
    }
    const table = this.#table
    const cached = table.cachedForScan(number)
    if (cached !== undefined || !table.isReadAtOnce) return cached
    const [from, to] = this.#extent(number, longestNow)
    this.#keep(to - from > mostCached ? this.#readLong(from, to) : table.readNow(from, to), from, to)
    return this.#decode(number)
  }

  /** Reads a block that is not at hand, and what follows it, through the pool. */
  load(number: number): Effect.Effect<Block, TableError> {
    return Effect.suspend(() => {
      this.#follow(number)
      const [from, to] = this.#extent(number, this.#scan?.longestPiece ?? longestLoad)
      if (to - from === 1) {
        return Effect.map(this.#table.loadBlock(number), (block) => {
          this.#grow(1)
          this.#hold(block, number)
          return block
        })
      }
      return Effect.flatMap(this.#table.loadPiece(from, to), (piece) => {
        this.#keep(piece, from, to)
        const block = this.#check(number)
        return block instanceof StoreCorrupted ? Effect.fail(block) : Effect.succeed(block)
      })
    })
  }

  /** Notes which block is asked for. For one of the last two again, as by a scan's next source, nothing changes. */
  #follow(number: number): void {
    if (number === this.#last || number === this.#last - this.#direction) return
    const step = number - this.#last
    const direction = this.#last >= 0 && (step === 1 || step === -1) ? step : 0
    if (direction === 0 || direction !== this.#direction) this.#blocks = direction === 0 ? 1 : 2
    this.#direction = direction
    this.#last = number
  }

  /** The blocks to read: at least the one, and more in the direction of the scan, up to so many bytes. */
  #extent(number: number, longest: number): readonly [from: number, to: number] {
    const { index } = this.#table
    let from = number
    let to = number + 1
    if (this.#direction > 0) {
      const limit = Math.min(index.count, number + this.#blocks)
      while (to < limit && index.extent(from, to + 1) <= longest) to++
    } else if (this.#direction < 0) {
      const limit = Math.max(0, to - this.#blocks)
      while (from > limit && index.extent(from - 1, to) <= longest) from--
    }
    return [from, to]
  }

  #keep(piece: Uint8Array, from: number, to: number): void {
    this.#piece = piece
    this.#from = from
    this.#to = to
    this.#grow(to - from)
  }

  /** The next read is twice as long as the last. */
  #grow(blocks: number): void {
    this.#blocks = Math.max(this.#blocks, blocks * 2)
  }

  #readLong(from: number, to: number): Uint8Array {
    const length = this.#table.index.extent(from, to)
    this.#forgetBefore()
    const memory = this.#sparePiece.length < length ? new Uint8Array(Math.max(length, longestNow)) : this.#sparePiece
    const piece = this.#table.readNow(from, to, memory)
    this.#sparePiece = this.#pieceMemory
    this.#pieceMemory = memory
    return piece
  }

  #decode(number: number): Block {
    const block = this.#check(number)
    if (block instanceof StoreCorrupted) {
      this.#number = -1
      this.#block = undefined
      throw block
    }
    return block
  }

  /** Verifies a block of the piece, and caches it in memory of its own if the piece is short. */
  #check(number: number): Block | StoreCorrupted {
    const table = this.#table
    const { index } = table
    const piece = this.#piece!
    const start = index.extent(this.#from, number)
    const bytes = piece.subarray(start, start + index.extent(number, number + 1))
    if (this.#to - this.#from > mostCached) return this.#checkInSpare(bytes, number)
    const read = table.check(bytes, number)
    if (read instanceof StoreCorrupted) return read
    const isShared = this.#to - this.#from > 1 && read.bytes.buffer === piece.buffer
    const block = isShared ? read.copyTo(new Uint8Array(read.bytes.length)) : read
    table.cacheForScan(number, block)
    this.#hold(block, number)
    return block
  }

  #checkInSpare(bytes: Uint8Array, number: number): Block | StoreCorrupted {
    this.#forgetBefore()
    const memory = this.#spareBlock
    const block = this.#table.check(bytes, number, memory)
    if (block instanceof StoreCorrupted) return block
    this.#spareBlock = this.#blockMemory
    // One that was too short for this block is replaced by one that will do for most.
    const isTooShort = block.bytes.buffer !== bytes.buffer && block.bytes.buffer !== memory.buffer
    this.#blockMemory = isTooShort ? new Uint8Array(block.bytes.length * 2) : memory
    this.#hold(block, number)
    return block
  }

  /** Before memory that it may be in is used again. */
  #forgetBefore(): void {
    this.#numberBefore = -1
    this.#blockBefore = undefined
  }

  #hold(block: Block, number: number): void {
    this.#numberBefore = this.#number
    this.#blockBefore = this.#block
    this.#number = number
    this.#block = block
  }
}
