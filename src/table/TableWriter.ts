/**
 * Builds one table in memory, entry by entry; the format is in `TableFormat.ts`.
 *
 * It does no input or output: whoever runs it appends what `take` gives, in
 * order, whenever `pendingBytes` is worth an append. Runs in a worker or, between
 * yields, on the event loop. It carries the sorting part of I11: entries out of
 * order are refused.
 */
import { copyRange } from "../record/Bytes.ts"
import { checksumSeed } from "../record/Checksum.ts"
import { RecordKind } from "../record/RecordKind.ts"
import { BlockBuilder } from "./BlockBuilder.ts"
import type { Compression } from "./Compression.ts"
import { FilterBuilder } from "./Filter.ts"
import { KeyHash } from "./KeyHash.ts"
import {
  digestWith,
  encodeDigest,
  encodeFooter,
  encodeProperties,
  sectionChecksum,
  storedFooterChecksum
} from "./TableFormat.ts"
import { TableIndexBuilder } from "./TableIndex.ts"
import type { TableMeta } from "./TableMeta.ts"
import { TableOutput } from "./TableOutput.ts"

export interface TableWriterOptions {
  readonly file: number
  /** Goes into what `finish` returns, and nowhere else. */
  readonly generation: number
  readonly level: number
  /**
   * Bytes after which a block ends, before it is compressed; with zstd at least 16 KiB. An entry that is larger
   * has a block of its own.
   */
  readonly blockSize: number
  /** 0: no filter. */
  readonly filterBitsPerKey: number
  readonly compression: Compression
}

/** Decompressing a smaller block with zstd takes about as long as one of this size, and smaller ones compress worse. */
const smallestZstdBlock = 16 * 1024

export class TableWriter {
  readonly #file: number
  readonly #generation: number
  readonly #level: number
  readonly #blockSize: number
  readonly #output = new TableOutput()
  readonly #block: BlockBuilder
  readonly #index = new TableIndexBuilder()
  readonly #filter: FilterBuilder
  readonly #filters: boolean
  readonly #hash = new KeyHash()

  #lastKey = new Uint8Array(256)
  #lastKeyLength = 0
  #lastSequence = 0
  #smallestKey = new Uint8Array(0)
  #smallestSequence = Number.MAX_SAFE_INTEGER
  #largestSequence = 0
  #entries = 0
  #tombstones = 0
  #shadowed = 0
  #digest = 0

  constructor(options: TableWriterOptions) {
    this.#file = options.file
    this.#generation = options.generation
    this.#level = options.level
    const zstd = options.compression === "zstd"
    this.#blockSize = zstd ? Math.max(smallestZstdBlock, options.blockSize) : options.blockSize
    this.#block = new BlockBuilder(this.#output, options.compression)
    this.#filters = options.filterBitsPerKey > 0
    this.#filter = new FilterBuilder(options.filterBitsPerKey)
  }

  /** Finished bytes that `take` would give. */
  get pendingBytes(): number {
    return this.#output.pendingBytes
  }

  /** About how large the file would be without its filter if it were finished now. */
  get size(): number {
    return this.#output.offset + this.#block.size
  }

  /** Adds an entry: keys ascending, and the sequences of one key descending. The bytes are copied. */
  add(
    keyBuffer: Uint8Array,
    keyOffset: number,
    keyLength: number,
    sequence: number,
    kind: RecordKind,
    valueBuffer: Uint8Array,
    valueOffset: number,
    valueLength: number
  ): void {
    const last = this.#lastKey
    const lastLength = this.#lastKeyLength
    const limit = lastLength < keyLength ? lastLength : keyLength
    let common = 0
    while (common < limit && last[common] === keyBuffer[keyOffset + common]) common++

    let sameKey = false
    if (this.#entries === 0) {
      this.#smallestKey = new Uint8Array(keyLength)
      copyRange(keyBuffer, keyOffset, this.#smallestKey, 0, keyLength)
    } else {
      sameKey = common === lastLength && common === keyLength
      const ordered = sameKey
        ? sequence < this.#lastSequence
        : common === lastLength || (common < keyLength && last[common]! < keyBuffer[keyOffset + common]!)
      if (!ordered) throw new Error("entries of a table must be added in order")
      const block = this.#block
      if (block.entries > 0 && block.size + keyLength + valueLength > this.#blockSize) {
        if (sameKey) this.#endBlock(this.#lastSequence, last, 0, lastLength)
        // The shortest key between the two: a prefix of the next one if it is longer than what they share.
        else if (common < lastLength && common + 1 < keyLength) this.#endBlock(0, keyBuffer, keyOffset, common + 1)
        else this.#endBlock(0, last, 0, lastLength)
      }
    }

    this.#block.add(
      common,
      sameKey,
      keyBuffer,
      keyOffset,
      keyLength,
      sequence,
      kind,
      valueBuffer,
      valueOffset,
      kind === RecordKind.put ? valueLength : 0
    )

    if (sameKey) {
      this.#shadowed++
    } else {
      if (keyLength > last.length) {
        const grown = new Uint8Array(keyLength * 2)
        grown.set(last.subarray(0, common))
        this.#lastKey = grown
      }
      copyRange(keyBuffer, keyOffset + common, this.#lastKey, common, keyLength - common)
      this.#lastKeyLength = keyLength
      if (this.#filters) {
        this.#hash.set(keyBuffer, keyOffset, keyLength)
        this.#filter.add(this.#hash)
      }
    }
    this.#lastSequence = sequence
    this.#entries++
    if (kind === RecordKind.delete) this.#tombstones++
    if (sequence < this.#smallestSequence) this.#smallestSequence = sequence
    if (sequence > this.#largestSequence) this.#largestSequence = sequence
  }

  /** The finished bytes since the last call, in order; they are not changed before `recycle`. */
  take(): Array<Uint8Array> {
    return this.#output.take()
  }

  /** Nobody uses any more what `take` gave: its memory may be used again. */
  recycle(): void {
    this.#output.recycle()
  }

  /**
   * Puts up to `keys` more keys into the filter; true once all are in it. For a
   * caller that may not be held for long: call it until then before `finish`,
   * which does what is left, and add nothing after it.
   */
  buildFilter(keys: number): boolean {
    return this.#filter.build(keys)
  }

  /** Ends the table; `take` gives the rest. */
  finish(): TableMeta {
    const file = this.#file
    const output = this.#output
    if (this.#block.entries > 0) this.#endBlock(0, this.#lastKey, 0, this.#lastKeyLength)
    const properties = {
      file,
      entries: this.#entries,
      tombstones: this.#tombstones,
      shadowed: this.#shadowed,
      smallestKey: this.#smallestKey,
      largestKey: this.#lastKey.slice(0, this.#lastKeyLength),
      smallestSequence: this.#entries === 0 ? 0 : this.#smallestSequence,
      largestSequence: this.#largestSequence
    }
    const dataLength = output.offset
    const filter = this.#filter.finish()
    const filterChecksum = this.#pushSection(filter)
    const index = this.#index.finish()
    const indexChecksum = this.#pushSection(index)
    const encodedProperties = Buffer.concat([encodeProperties(properties), encodeDigest(this.#digest)])
    const propertiesChecksum = this.#pushSection(encodedProperties)
    const footer = encodeFooter(
      {
        dataLength,
        filterLength: filter.length,
        filterChecksum,
        indexLength: index.length,
        indexChecksum,
        propertiesLength: encodedProperties.length,
        propertiesChecksum
      },
      file,
      output.offset
    )
    output.push(footer)
    return {
      ...properties,
      generation: this.#generation,
      level: this.#level,
      size: output.offset,
      footerChecksum: storedFooterChecksum(footer)
    }
  }

  #pushSection(section: Uint8Array): number {
    const value = sectionChecksum(section, this.#file, this.#output.offset)
    this.#output.push(section)
    return value
  }

  #endBlock(sequence: number, separator: Uint8Array, offset: number, length: number): void {
    const stored = this.#block.finish(checksumSeed(this.#file, this.#output.offset))
    this.#digest = digestWith(this.#digest, this.#block.checksum)
    this.#index.add(stored, sequence, separator, offset, length)
  }
}
