/**
 * Blocks of all tables that were read lately, bounded in bytes.
 *
 * A table finds its blocks by their number in an array of its own, without a
 * hash. When room is needed, a hand goes round the blocks and drops the first
 * that was not used since it last passed (the clock algorithm): a use costs one
 * store, not the relinking of a list.
 */
import type { Block } from "./Block.ts"

/** What a block costs beside its bytes: its objects and its place here. */
const blockOverhead = 256

interface Entry {
  readonly table: CachedTable
  readonly number: number
  readonly block: Block
  readonly size: number
  used: boolean
}

/** The cached blocks of one table. */
export class CachedTable {
  readonly #cache: BlockCache
  /** One more than the block's place among the cache's entries; 0: not cached. */
  readonly places: Int32Array
  /** Set once the table has gone away: a read that was under way adds nothing. */
  dropped = false

  constructor(cache: BlockCache, blocks: number) {
    this.#cache = cache
    this.places = new Int32Array(blocks)
  }

  /** The block if it is cached; counts as a hit or a miss. */
  get(number: number): Block | undefined {
    return this.#cache.lookup(this.places[number]!)
  }

  add(number: number, block: Block): void {
    if (!this.dropped) this.#cache.insert(this, number, block)
  }
}

export class BlockCache {
  readonly capacity: number
  /** Bytes in use. */
  bytes = 0
  hits = 0
  misses = 0

  readonly #entries: Array<Entry> = []
  readonly #tables = new Map<number, CachedTable>()
  #hand = 0

  /** `capacity` in bytes; 0 caches nothing. */
  constructor(capacity: number) {
    this.capacity = capacity
  }

  get blocks(): number {
    return this.#entries.length
  }

  /** The place for the blocks of a table that is being opened. */
  table(file: number, blocks: number): CachedTable {
    this.drop(file)
    const table = new CachedTable(this, blocks)
    this.#tables.set(file, table)
    return table
  }

  /** Forgets a table and its blocks. */
  drop(file: number): void {
    const table = this.#tables.get(file)
    if (table === undefined) return
    this.#tables.delete(file)
    table.dropped = true
    for (let i = 0; i < table.places.length; i++) {
      if (table.places[i] !== 0) this.#remove(table.places[i]! - 1)
    }
  }

  /** For `CachedTable`. */
  lookup(place: number): Block | undefined {
    if (place === 0) {
      this.misses++
      return undefined
    }
    const entry = this.#entries[place - 1]!
    entry.used = true
    this.hits++
    return entry.block
  }

  /** For `CachedTable`. */
  insert(table: CachedTable, number: number, block: Block): void {
    const size = block.bytes.length + blockOverhead
    if (size > this.capacity || table.places[number] !== 0) return
    while (this.bytes + size > this.capacity) this.#evict()
    this.#entries.push({ table, number, block, size, used: false })
    table.places[number] = this.#entries.length
    this.bytes += size
  }

  #evict(): void {
    for (;;) {
      if (this.#hand >= this.#entries.length) this.#hand = 0
      const entry = this.#entries[this.#hand]!
      if (!entry.used) return this.#remove(this.#hand)
      entry.used = false
      this.#hand++
    }
  }

  #remove(place: number): void {
    const entry = this.#entries[place]!
    entry.table.places[entry.number] = 0
    this.bytes -= entry.size
    const last = this.#entries.pop()!
    if (last !== entry) {
      this.#entries[place] = last
      last.table.places[last.number] = place + 1
    }
  }
}
