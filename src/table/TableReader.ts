/**
 * Reads one table: its index and filter are held in memory, its blocks come
 * through the block cache.
 *
 * A lookup is synchronous. Where a block is not at hand and the `ReadPolicy`
 * forbids a synchronous read, it answers `needsLoad`; the caller runs `load` and
 * looks again in this table, and the retry is handed the loaded block itself, so
 * that eviction cannot starve it. Fibers that lack the same block at the same time
 * wait for one read. Synchronous reads throw `DiskError` and `StoreCorrupted`; the
 * engine catches them at its boundary.
 *
 * I11: the filter never says no wrongly, and a version is in one block at most.
 * I15: the file's size, footer, sections and each block are verified before use.
 */
import * as Effect from "effect/Effect"
import { compareBytes } from "../record/Bytes.ts"
import { checksumSeed } from "../record/Checksum.ts"
import { RecordKind } from "../record/RecordKind.ts"
import { StoreCorrupted, UnsupportedFormat } from "../StoreError.ts"
import type { TableError } from "../StoreError.ts"
import { Block, EntryReader } from "./Block.ts"
import type { BlockCache, CachedTable } from "./BlockCache.ts"
import { tagOf, TagSearch } from "./EntryTags.ts"
import { Filter, isFilterLength } from "./Filter.ts"
import { KeyHash } from "./KeyHash.ts"
import type { FileReads, ReadPolicy } from "./ReadPolicy.ts"
import { QueuedRead } from "./ReadQueue.ts"
import type { TableFile } from "./TableFile.ts"
import {
  decodeFooter,
  encodeProperties,
  footerDamage,
  footerSize,
  formatVersion,
  sectionChecksum,
  storedVersion
} from "./TableFormat.ts"
import { TableIndex } from "./TableIndex.ts"
import type { TableMeta } from "./TableMeta.ts"
import { TableVersions } from "./TableVersions.ts"

/** How a lookup ended. */
export const TableStatus = { absent: 0, found: 1, deleted: 2, needsLoad: 3 } as const
export type TableStatus = typeof TableStatus[keyof typeof TableStatus]

/** What a lookup found; one instance is reused for many lookups, one at a time. */
export class TableResult {
  sequence = 0
  /** The value, if one was found: bytes of a block, to be copied before the next lookup, and never handed out. */
  valueBuffer: Uint8Array = new Uint8Array(0)
  valueOffset = 0
  valueLength = 0
  /** Whether the last lookup looked into a block: filter and index had not said no. */
  searched = false

  /** For `TableReader`: the block that the last lookup lacked, then the one that was loaded for its retry. */
  wanted = -1
  table: TableReader | undefined
  block: Block | undefined
}

export interface TableReaderOptions {
  readonly policy: ReadPolicy
  /** The store has just written the file. */
  readonly isFresh?: boolean
}

interface Sections {
  readonly index: TableIndex
  readonly filter: Filter | undefined
}

export class TableReader {
  readonly meta: TableMeta
  readonly path: string
  readonly index: TableIndex
  readonly policy: ReadPolicy

  readonly #file: TableFile
  readonly #filter: Filter | undefined
  readonly #cache: BlockCache
  readonly #blocks: CachedTable
  readonly #reads: FileReads
  /** The blocks that are being read for lookups. */
  readonly #loads = new Map<number, QueuedRead<Block, TableError>>()
  readonly #entry = new EntryReader()
  readonly #search = new TagSearch()
  readonly #hash = new KeyHash()

  private constructor(
    file: TableFile,
    meta: TableMeta,
    sections: Sections,
    cache: BlockCache,
    options: TableReaderOptions
  ) {
    this.meta = meta
    this.path = file.path
    this.index = sections.index
    this.policy = options.policy
    this.#file = file
    this.#reads = options.policy.file(options.isFresh)
    this.#filter = sections.filter
    this.#cache = cache
    this.#blocks = cache.table(meta.file, sections.index.count, this.memoryBytes)
  }

  /** Verifies everything but the blocks. The reader owns the file from then on, and closes it; on failure it does not. */
  static open(
    file: TableFile,
    meta: TableMeta,
    cache: BlockCache,
    options: TableReaderOptions
  ): Effect.Effect<TableReader, TableError> {
    return Effect.gen(function*() {
      const corrupted = (offset: number, reason: string) => new StoreCorrupted({ file: file.path, offset, reason })
      if (file.size !== meta.size) {
        return yield* corrupted(
          Math.min(file.size, meta.size),
          `the file has ${file.size} bytes where the manifest names ${meta.size}`
        )
      }
      const footerOffset = meta.size - footerSize
      if (footerOffset < 0) return yield* corrupted(0, "the file is too short for a footer")
      const footerBytes = yield* file.read(footerOffset, footerSize)
      const damage = footerDamage(footerBytes, meta)
      if (damage !== undefined) return yield* corrupted(footerOffset, damage)
      const version = storedVersion(footerBytes)
      if (version !== formatVersion) {
        return yield* new UnsupportedFormat({ file: file.path, reason: `its table format is version ${version}` })
      }
      const footer = decodeFooter(footerBytes, meta.size)
      if (typeof footer === "string") return yield* corrupted(footerOffset, footer)

      const bytes = yield* file.read(footer.dataLength, footerOffset - footer.dataLength)
      const section = (offset: number, length: number, expected: number): Uint8Array | undefined => {
        const start = offset - footer.dataLength
        const found = bytes.subarray(start, start + length)
        return sectionChecksum(found, meta.file, offset) === expected ? found : undefined
      }
      const filterOffset = footer.dataLength
      const indexOffset = filterOffset + footer.filterLength
      const propertiesOffset = indexOffset + footer.indexLength
      const filterBytes = section(filterOffset, footer.filterLength, footer.filterChecksum)
      if (filterBytes === undefined) return yield* corrupted(filterOffset, "the filter does not match its checksum")
      const indexBytes = section(indexOffset, footer.indexLength, footer.indexChecksum)
      if (indexBytes === undefined) return yield* corrupted(indexOffset, "the index does not match its checksum")
      const properties = section(propertiesOffset, footer.propertiesLength, footer.propertiesChecksum)
      if (properties === undefined) {
        return yield* corrupted(propertiesOffset, "the properties do not match their checksum")
      }
      const expected = encodeProperties(meta)
      if (compareBytes(properties.subarray(0, expected.length), expected) !== 0) {
        return yield* corrupted(propertiesOffset, "the properties are not those that the manifest names")
      }
      if (footer.filterLength !== 0 && !isFilterLength(footer.filterLength)) {
        return yield* corrupted(filterOffset, "the filter has a wrong length")
      }
      const index = TableIndex.read(indexBytes, footer.dataLength)
      if (typeof index === "string") return yield* corrupted(indexOffset, index)
      const filter = footer.filterLength === 0 ? undefined : new Filter(filterBytes)
      return new TableReader(file, meta, { index, filter }, cache, options)
    })
  }

  /** Bytes that the index and the filter hold for as long as the table is open. */
  get memoryBytes(): number {
    return this.index.memoryBytes + (this.#filter?.memoryBytes ?? 0)
  }

  /** False only if the table has no version of the key. */
  mayContain(key: Uint8Array): boolean {
    if (this.#filter === undefined) return true
    this.#hash.set(key, 0, key.length)
    return this.#filter.mayContain(this.#hash)
  }

  /** Looks for the newest version of a key at or below `sequence`. */
  get(key: Uint8Array, sequence: number, out: TableResult): TableStatus {
    this.#hash.set(key, 0, key.length)
    return this.getHashed(key, this.#hash, sequence, out)
  }

  /** The same for a caller that has hashed the key, as one that asks many tables has. */
  getHashed(key: Uint8Array, hash: KeyHash, sequence: number, out: TableResult): TableStatus {
    out.searched = false
    if (this.#filter !== undefined && !this.#filter.mayContain(hash)) return TableStatus.absent
    const number = this.index.find(key, 0, key.length, sequence)
    if (number === this.index.count) return TableStatus.absent
    let block: Block | undefined
    if (out.table === this && out.wanted === number) {
      block = out.block
      out.table = undefined
      out.block = undefined
    }
    if (block === undefined) {
      const place = this.#blocks.use(number)
      const slot = this.#cache.taggedSlot(place)
      if (slot >= 0) {
        const { memory } = this.#cache
        return this.#findByTag(memory.slab(slot), memory.start(slot), key, hash, sequence, out)
      }
      block = this.#cache.block(place) ?? this.#readBlock(number)
      if (block === undefined) {
        out.table = this
        out.wanted = number
        out.block = undefined
        return TableStatus.needsLoad
      }
    }
    if (block.tagged !== undefined) return this.#findByTag(block.tagged, 0, key, hash, sequence, out)
    out.searched = true
    const entry = this.#entry
    if (entry.seek(block, key, sequence) && entry.exact) return this.#found(entry, block.bytes, out)
    if (entry.damaged) throw this.corrupted(number)
    return TableStatus.absent
  }

  #findByTag(
    memory: Uint8Array,
    start: number,
    key: Uint8Array,
    hash: KeyHash,
    sequence: number,
    out: TableResult
  ): TableStatus {
    out.searched = true
    const search = this.#search
    return search.find(memory, start, key, tagOf(hash), sequence)
      ? this.#found(search.entry, memory, out)
      : TableStatus.absent
  }

  #found(entry: EntryReader, bytes: Uint8Array, out: TableResult): TableStatus {
    out.sequence = entry.sequenceIn(bytes)
    if (entry.kind === RecordKind.delete) return TableStatus.deleted
    out.valueBuffer = bytes
    out.valueOffset = entry.valueOffset
    out.valueLength = entry.valueLength
    return TableStatus.found
  }

  /** Reads the block that the last lookup with `out` lacked, for the lookup to be done again with it. */
  load(out: TableResult): Effect.Effect<void, TableError> {
    return Effect.suspend(() => {
      if (out.table !== this) return Effect.void
      const number = out.wanted
      return Effect.map(this.loadBlock(number), (block) => {
        if (out.table === this && out.wanted === number) out.block = block
      })
    })
  }

  /** All versions in order, for a background job: reads ahead and leaves the cache alone. */
  versions(): TableVersions {
    return new TableVersions(this)
  }

  /** The block if it may be read at once; good until the next call, of any table of the store. */
  #readBlock(number: number): Block | undefined {
    if (!this.isReadAtOnce) return undefined
    const { payloadScratch, scratch } = this.#cache
    const block = this.decode(this.readNow(number, number + 1, scratch), number, payloadScratch)
    if (block.bytes.length > scratch.length) this.#cache.growScratch(block.bytes.length)
    if (this.#blocks.admits(number, block.bytes.length)) this.#blocks.addCopy(number, block)
    return block
  }

  /** Reads a block through the pool, once for all who want it now, and caches it. */
  loadBlock(number: number): Effect.Effect<Block, TableError> {
    return Effect.withFiber((fiber) => {
      let load = this.#loads.get(number)
      if (load === undefined) {
        const read = Effect.flatMap(this.#read(number, number + 1), (bytes) => {
          const block = this.check(bytes, number)
          if (block instanceof StoreCorrupted) return Effect.fail(block)
          this.#blocks.addRead(number, block)
          return Effect.succeed(block)
        })
        const begun = new QueuedRead(this.policy.queue, read, fiber.context, () => {
          if (this.#loads.get(number) === begun) this.#loads.delete(number)
        })
        load = begun
        this.#loads.set(number, load)
      }
      return load.result
    })
  }

  /** The block if it is cached, for a scan. */
  cachedForScan(number: number): Block | undefined {
    return this.#blocks.getToKeep(number)
  }

  /** Caches a block that a scan has read, in memory of its own. */
  cacheForScan(number: number, block: Block): void {
    this.#blocks.add(number, block)
  }

  /** Whether blocks are read at once now. */
  get isReadAtOnce(): boolean {
    return this.#file.isOpen !== false && this.#reads.isAtOnce()
  }

  /** The blocks `from` up to `to` as they are in the file, at once; in `into` if it is large enough. */
  readNow(from: number, to: number, into?: Uint8Array): Uint8Array {
    const began = this.#reads.begin()
    const bytes = this.#file.readSync(this.index.offset(from), this.index.extent(from, to), into)
    this.#reads.endAtOnce(began, bytes.length)
    return bytes
  }

  /** The same through the pool, when its turn comes. */
  loadPiece(from: number, to: number): Effect.Effect<Uint8Array, TableError> {
    return this.policy.queue.run(this.#read(from, to))
  }

  #read(from: number, to: number): Effect.Effect<Uint8Array, TableError> {
    return Effect.suspend(() => {
      const began = this.#reads.begin()
      return Effect.map(this.#file.read(this.index.offset(from), this.index.extent(from, to)), (bytes) => {
        this.#reads.endInPool(began, bytes.length)
        return bytes
      })
    })
  }

  /** Verifies a block's bytes, which are decompressed to `into` if it is given and large enough. */
  check(bytes: Uint8Array, number: number, into?: Uint8Array): Block | StoreCorrupted {
    const block = Block.read(bytes, checksumSeed(this.meta.file, this.index.offset(number)), into)
    return typeof block === "string" ? this.corrupted(number, block) : block
  }

  /** The same; throws what is wrong. */
  decode(bytes: Uint8Array, number: number, into?: Uint8Array): Block {
    const block = this.check(bytes, number, into)
    if (block instanceof StoreCorrupted) throw block
    return block
  }

  corrupted(number: number, reason = "a block has a malformed entry"): StoreCorrupted {
    return new StoreCorrupted({ file: this.path, offset: this.index.offset(number), reason })
  }

  /** Forgets the cached blocks and closes the file. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.#cache.drop(this.meta.file)
    return this.#file.close
  })
}
