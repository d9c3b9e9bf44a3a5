/**
 * Blocks of all tables that were read lately, bounded in bytes, with what the
 * indexes and filters of open tables hold counted in.
 *
 * A table finds its blocks by their number in an array of its own, without a
 * hash. Two queues decide what goes (S3-FIFO): a block comes into probation, a
 * tenth of the room, and leaves the cache from there unless it is used again; if
 * it is, it moves to the main queue, where it goes round for as long as it is
 * used. A block that is read again soon after it left probation goes to the main
 * queue at once: its place remembers when it left. A use costs one load and one
 * store, and relinks nothing.
 *
 * Once the cache is full, a lookup's block that is read for the first time is not
 * let in, only remembered.
 *
 * Scans go through probation and leave the main queue as it is: what a scan
 * brought and touches again, as at the seams of its chunks, is not used for that.
 * Ranges that are scanned again and again come to the main queue by being
 * remembered.
 *
 * In simulations hits are 0 to 8 points above those of the clock algorithm on
 * skewed point reads, 20 above it with full scans between them, and 2 to 8 above
 * it on short scans alone. A count of two bits is worth half a point to one over
 * a single bit. Not to be used from two threads.
 */
import type { Block } from "./Block.ts"
import { BlockMemory } from "./BlockMemory.ts"
import { EntryTags, taggedBlock, taggedLength } from "./EntryTags.ts"
import { SlotLinks, SlotQueue } from "./SlotQueue.ts"

/** Probation is one part in so many of the room. */
const probationShare = 10
/** What a block costs beside its bytes: its objects and its slot here. */
const blockOverhead = 256
/** Uses that are counted: so many times a block goes round the main queue unused. */
const mostUses = 3
/** Blocks spared in one search for one to go, so that no search holds the event loop. */
const mostSpared = 64
/** Whatever indexes and filters take, this much is the blocks', or a quarter of the capacity if that is more. */
const smallestRoom = 1024 * 1024
/** Departures are numbered from 1 to one less, round and round, so that a number fits into a place. */
const departureNumbers = 0x4000_0000

/** Memory for a block that is not let in: at first, and at most; larger ones have their own. */
const scratchSize = 64 * 1024
const largestScratch = 1024 * 1024

/** The cached blocks of one table. */
export class CachedTable {
  readonly #cache: BlockCache
  /** Above 0: the block's slot; below 0: minus the number of its departure from probation; 0: not cached. */
  readonly places: Int32Array
  /** Memory of the table's index and filter. */
  readonly pinned: number
  /** How many of its blocks are cached. */
  count = 0
  /** Set once the table has gone away: a read that was under way adds nothing. */
  dropped = false

  constructor(cache: BlockCache, blocks: number, pinned: number) {
    this.#cache = cache
    this.places = new Int32Array(blocks)
    this.pinned = pinned + this.places.byteLength
  }

  /** The block's place in the cache if it is there, else 0; counts as a hit or a miss. */
  use(number: number): number {
    return this.#cache.use(this.places[number]!, false)
  }

  /** The block, in memory of its own, if it is cached; counts likewise, but for a scan, which comes by often. */
  getToKeep(number: number): Block | undefined {
    return this.#cache.blockToKeep(this.#cache.use(this.places[number]!, true))
  }

  /**
   * Whether a block of so many bytes that is read for a lookup is worth memory of its own: while there is room, or if
   * it was read lately. If not, it is remembered that it was read.
   */
  admits(number: number, bytes: number): boolean {
    return this.dropped || this.#cache.admits(this, number, bytes)
  }

  /** Caches a block that was read, and has memory of its own. */
  add(number: number, block: Block): void {
    if (!this.dropped) this.#cache.insert(this, number, block)
  }

  /** Caches a block that was read for lookups, and has memory of its own: a copy if there is a place for it. */
  addRead(number: number, block: Block): void {
    if (this.#cache.memory.fits(block.bytes.length)) this.addCopy(number, block)
    else this.add(number, block)
  }

  /** Caches a copy of a block that was read. */
  addCopy(number: number, block: Block): void {
    if (!this.dropped) this.#cache.insertCopy(this, number, block)
  }
}

export class BlockCache {
  /** In bytes, blocks, indexes and filters together. */
  readonly capacity: number
  hits = 0
  misses = 0
  /** Blocks that went to make room. */
  evictions = 0
  /** Cached blocks. */
  blocks = 0
  /** Bytes that indexes and filters of open tables hold, with what their blocks' places take. */
  pinnedBytes = 0

  /** For a block that is not let in: good until the next one. */
  scratch = new Uint8Array(scratchSize)
  /** The same for what it is decompressed to. */
  payloadScratch = new Uint8Array(scratchSize)

  readonly #tables = new Map<number, CachedTable>()
  readonly #links = new SlotLinks()
  readonly #probation = new SlotQueue(this.#links)
  readonly #main = new SlotQueue(this.#links)
  /** By slot; slot 0 is never used. None where the block is in `memory` with its tags. */
  readonly #blocks: Array<Block | undefined> = [undefined]
  readonly #owners: Array<CachedTable | undefined> = [undefined]
  #numbers = new Int32Array(64)
  #sizes = new Uint32Array(64)
  #isMain = new Uint8Array(64)
  #uses = new Uint8Array(64)
  readonly #free: Array<number> = []
  /** By slot: where in `memory` the block is, or -1 if it has memory of its own, as no block has. */
  #memorySlots = new Int32Array(64).fill(-1)
  /** The same of those that are there with their tags; -1 for any other. */
  #taggedSlots = new Int32Array(64).fill(-1)
  readonly memory: BlockMemory
  readonly #tags = new EntryTags()
  /** The number of the last departure from probation. */
  #departures = 0

  /** `capacity` in bytes; 0 caches nothing. Blocks of about `blockSize` share memory. */
  constructor(capacity: number, blockSize = 4096) {
    this.capacity = capacity
    this.memory = new BlockMemory(blockSize, capacity)
  }

  /** Bytes of cached blocks. */
  get bytes(): number {
    return this.#probation.bytes + this.#main.bytes
  }

  /** Bytes that blocks may take now. */
  get room(): number {
    const floor = Math.min(this.capacity, Math.max(smallestRoom, Math.floor(this.capacity / 4)))
    return Math.max(floor, this.capacity - this.pinnedBytes)
  }

  /** Share of lookups that were hits; 0 if there were none. */
  get hitRate(): number {
    const lookups = this.hits + this.misses
    return lookups === 0 ? 0 : this.hits / lookups
  }

  /** The place for the blocks of a table that is being opened, whose index and filter hold `pinned` bytes. */
  table(file: number, blocks: number, pinned = 0): CachedTable {
    this.drop(file)
    const table = new CachedTable(this, blocks, pinned)
    this.#tables.set(file, table)
    this.pinnedBytes += table.pinned
    this.#shrink(this.room)
    return table
  }

  /** Forgets a table and its blocks. */
  drop(file: number): void {
    const table = this.#tables.get(file)
    if (table === undefined) return
    this.#tables.delete(file)
    table.dropped = true
    this.pinnedBytes -= table.pinned
    const { places } = table
    for (let i = 0; table.count > 0; i++) {
      if (places[i]! > 0) this.#remove(places[i]!, 0)
    }
  }

  /** A block did not find room in the scratch: more of its size may come. */
  growScratch(length: number): void {
    if (length > largestScratch) return
    this.scratch = new Uint8Array(Math.min(largestScratch, length * 2))
    this.payloadScratch = new Uint8Array(this.scratch.length)
  }

  /** For `CachedTable`. */
  use(place: number, fromScan: boolean): number {
    if (place <= 0) {
      this.misses++
      return 0
    }
    this.hits++
    const uses = this.#uses[place]!
    if (uses < mostUses && (!fromScan || this.#isMain[place] === 1)) this.#uses[place] = uses + 1
    return place
  }

  /** Where in `memory` the block at a place is, with its tags; -1 if it is not. */
  taggedSlot(place: number): number {
    return this.#taggedSlots[place]!
  }

  /** The block at a place, unless it has a tagged slot. */
  block(place: number): Block | undefined {
    return this.#blocks[place]
  }

  /** For `CachedTable`: gives the block memory of its own. */
  blockToKeep(place: number): Block | undefined {
    const slot = this.#memorySlots[place]!
    if (slot < 0) return this.#blocks[place]
    const block = this.#blocks[place]
    let own: Block
    if (block === undefined) {
      const slab = this.memory.slab(slot)
      const start = this.memory.start(slot)
      own = taggedBlock(slab.slice(start, start + taggedLength(slab, start)))
    } else {
      own = block.copyTo(new Uint8Array(block.bytes.length))
    }
    this.#releaseMemory(place)
    this.#blocks[place] = own
    return own
  }

  /** For `CachedTable`. */
  insertCopy(table: CachedTable, number: number, block: Block): void {
    const tags = this.#tags
    tags.read(block)
    const isTagged = tags.count > 0
    const length = isTagged ? tags.sizeWith(block) : block.bytes.length
    if (length + blockOverhead > this.room || table.places[number]! > 0) return
    this.#shrink(this.room - length - blockOverhead)
    const memorySlot = this.memory.take(length)
    if (memorySlot < 0) {
      const memory = new Uint8Array(length)
      if (isTagged) tags.write(block, memory, 0)
      this.#place(table, number, isTagged ? taggedBlock(memory) : block.copyTo(memory), length, -1, -1)
    } else {
      const slab = this.memory.slab(memorySlot)
      const start = this.memory.start(memorySlot)
      if (isTagged) tags.write(block, slab, start)
      const copy = isTagged ? undefined : block.copyTo(slab.subarray(start))
      this.#place(table, number, copy, length, memorySlot, isTagged ? memorySlot : -1)
    }
  }

  #releaseMemory(slot: number): void {
    const memorySlot = this.#memorySlots[slot]!
    if (memorySlot >= 0) this.memory.release(memorySlot)
    this.#memorySlots[slot] = -1
    this.#taggedSlots[slot] = -1
  }

  /** For `CachedTable`. */
  admits(table: CachedTable, number: number, bytes: number): boolean {
    const size = bytes + blockOverhead
    const place = table.places[number]!
    if (this.bytes + size <= this.room || (place < 0 && this.#isRecent(-place))) return true
    table.places[number] = -this.#nextDeparture()
    return false
  }

  /** For `CachedTable`. */
  insert(table: CachedTable, number: number, block: Block): void {
    this.#place(table, number, block, block.tagged?.length ?? block.bytes.length, -1, -1)
  }

  #place(
    table: CachedTable,
    number: number,
    block: Block | undefined,
    length: number,
    memorySlot: number,
    taggedSlot: number
  ): void {
    const size = length + blockOverhead
    const place = table.places[number]!
    const { room } = this
    if (size > room || place > 0) return
    this.#shrink(room - size)
    const slot = this.#free.pop() ?? this.#newSlot()
    this.#blocks[slot] = block
    this.#owners[slot] = table
    this.#numbers[slot] = number
    this.#sizes[slot] = size
    this.#uses[slot] = 0
    this.#memorySlots[slot] = memorySlot
    this.#taggedSlots[slot] = taggedSlot
    table.places[number] = slot
    table.count++
    this.blocks++
    if (place < 0 && this.#isRecent(-place)) this.#enterMain(slot)
    else this.#probation.push(slot, size)
  }

  /** True if no more blocks have left probation, or were not let in, since that departure than are cached. */
  #isRecent(departure: number): boolean {
    const since = this.#departures - departure
    return (since < 0 ? since + departureNumbers : since) <= this.blocks
  }

  #enterMain(slot: number): void {
    this.#isMain[slot] = 1
    this.#uses[slot] = 0
    this.#main.push(slot, this.#sizes[slot]!)
  }

  #shrink(bytes: number): void {
    while (this.bytes > bytes) this.#evict()
  }

  #evict(): void {
    const probation = this.#probation
    const main = this.#main
    const share = this.room / probationShare
    for (let spared = 0;; spared++) {
      if (probation.oldest !== 0 && (probation.bytes > share || main.oldest === 0)) {
        const slot = probation.oldest
        if (this.#uses[slot] === 0 || spared >= mostSpared) return this.#depart(slot)
        probation.remove(slot, this.#sizes[slot]!)
        this.#enterMain(slot)
      } else {
        const slot = main.oldest
        const uses = this.#uses[slot]!
        if (uses === 0 || spared >= mostSpared) return this.#forget(slot, 0)
        this.#uses[slot] = uses - 1
        main.remove(slot, this.#sizes[slot]!)
        main.push(slot, this.#sizes[slot]!)
      }
    }
  }

  #depart(slot: number): void {
    this.#forget(slot, -this.#nextDeparture())
  }

  #nextDeparture(): number {
    this.#departures = this.#departures % (departureNumbers - 1) + 1
    return this.#departures
  }

  /** Takes a block out and leaves `place` for it. */
  #forget(slot: number, place: number): void {
    this.evictions++
    this.#remove(slot, place)
  }

  #remove(slot: number, place: number): void {
    const table = this.#owners[slot]!
    const queue = this.#isMain[slot] === 1 ? this.#main : this.#probation
    queue.remove(slot, this.#sizes[slot]!)
    table.places[this.#numbers[slot]!] = place
    table.count--
    this.blocks--
    this.#isMain[slot] = 0
    this.#releaseMemory(slot)
    this.#blocks[slot] = undefined
    this.#owners[slot] = undefined
    this.#free.push(slot)
  }

  #newSlot(): number {
    const slot = this.#blocks.length
    if (slot === this.#numbers.length) this.#grow(slot * 2)
    this.#blocks.push(undefined)
    this.#owners.push(undefined)
    return slot
  }

  #grow(slots: number): void {
    this.#links.grow(slots)
    const numbers = new Int32Array(slots)
    numbers.set(this.#numbers)
    this.#numbers = numbers
    const sizes = new Uint32Array(slots)
    sizes.set(this.#sizes)
    this.#sizes = sizes
    const memorySlots = new Int32Array(slots)
    memorySlots.set(this.#memorySlots)
    this.#memorySlots = memorySlots
    const taggedSlots = new Int32Array(slots)
    taggedSlots.set(this.#taggedSlots)
    this.#taggedSlots = taggedSlots
    const isMain = new Uint8Array(slots)
    isMain.set(this.#isMain)
    this.#isMain = isMain
    const uses = new Uint8Array(slots)
    uses.set(this.#uses)
    this.#uses = uses
  }
}
