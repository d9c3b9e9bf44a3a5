/**
 * The index of a table: for each block its length and a separator, which is at
 * or above every entry of the block and below every entry of the next. As a
 * separator is a key with a sequence, any version of any key is in at most one
 * block (I11), however many blocks the versions of one key fill.
 *
 * Format:
 *   block count u32
 *   for each block:
 *     length     varint  in the file, trailer left out
 *     sequence   varint  the separator's; 0, which is below every version, unless the next block goes on
 *                        with the same key
 *     klen       varint
 *     key        klen bytes
 * Blocks lie one behind the other from the beginning of the file.
 *
 * In memory the separators' first bytes are numbers, and a search begins near its
 * end: which part of their range a number is in says where. A binary search of
 * all of them, of 6,000, costs a lookup 0.2 us in branches foretold wrongly.
 */
import { compareRanges, copyRange } from "../record/Bytes.ts"
import { keyPrefix } from "../record/KeyPrefix.ts"
import { maxKeyLength } from "../record/RecordKind.ts"
import { VarintReader, writeVarint } from "../record/Varint.ts"
import { blockTrailerSize, minBlockPayload } from "./Block.ts"

const headerSize = 4
const maxFieldsSize = 8 + 8 + 3

export class TableIndexBuilder {
  #bytes = new Uint8Array(1024)
  #end = headerSize
  #count = 0

  add(blockLength: number, sequence: number, keyBuffer: Uint8Array, keyOffset: number, keyLength: number): void {
    const needed = this.#end + maxFieldsSize + keyLength
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2))
      grown.set(this.#bytes.subarray(0, this.#end))
      this.#bytes = grown
    }
    const bytes = this.#bytes
    let at = writeVarint(bytes, this.#end, blockLength)
    at = writeVarint(bytes, at, sequence)
    at = writeVarint(bytes, at, keyLength)
    copyRange(keyBuffer, keyOffset, bytes, at, keyLength)
    this.#end = at + keyLength
    this.#count++
  }

  finish(): Uint8Array {
    const bytes = this.#bytes.subarray(0, this.#end)
    new DataView(bytes.buffer).setUint32(0, this.#count, true)
    return bytes
  }
}

export class TableIndex {
  readonly count: number
  readonly #bytes: Uint8Array
  /** Leading bytes that all separators share; the prefixes begin behind them. */
  readonly #shared: number
  readonly #prefixes: Float64Array
  readonly #first: number
  /** The prefixes' range in as many equal parts as there are blocks: parts by the difference of two prefixes. */
  readonly #density: number
  /** Of each part the first block that is not in a part before it; one more than parts. */
  readonly #parts: Uint32Array
  readonly #sequences: Float64Array
  readonly #keyOffsets: Uint32Array
  readonly #keyLengths: Uint16Array
  /** One more than blocks: the last is where the blocks end. */
  readonly #offsets: Float64Array

  private constructor(
    bytes: Uint8Array,
    offsets: Float64Array,
    sequences: Float64Array,
    keyOffsets: Uint32Array,
    keyLengths: Uint16Array
  ) {
    const count = sequences.length
    this.count = count
    this.#bytes = bytes
    this.#offsets = offsets
    this.#sequences = sequences
    this.#keyOffsets = keyOffsets
    this.#keyLengths = keyLengths
    let shared = 0
    if (count > 0) {
      const limit = Math.min(keyLengths[0]!, keyLengths[count - 1]!)
      while (shared < limit && bytes[keyOffsets[0]! + shared] === bytes[keyOffsets[count - 1]! + shared]) shared++
    }
    this.#shared = shared
    this.#prefixes = new Float64Array(count)
    for (let i = 0; i < count; i++) {
      this.#prefixes[i] = keyPrefix(bytes, keyOffsets[i]! + shared, keyLengths[i]! - shared)
    }
    this.#first = count === 0 ? 0 : this.#prefixes[0]!
    this.#density = count === 0 ? 0 : count / (this.#prefixes[count - 1]! - this.#first + 1)
    this.#parts = new Uint32Array(count + 1)
    let part = 0
    for (let i = 0; i < count; i++) {
      for (const own = this.#partOf(this.#prefixes[i]!); part <= own; part++) this.#parts[part] = i
    }
    this.#parts.fill(count, part)
  }

  /** Rises with the prefix, however it is rounded: blocks of other parts are before or behind. */
  #partOf(prefix: number): number {
    const part = Math.floor((prefix - this.#first) * this.#density)
    return part < 0 ? 0 : part < this.count ? part : this.count - 1
  }

  /** Reads an index of blocks that fill `dataLength` bytes; what is wrong with it, if it is not one. */
  static read(bytes: Uint8Array, dataLength: number): TableIndex | string {
    if (bytes.length < headerSize) return "the index is too short"
    const count = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true)
    if (count > (bytes.length - headerSize) / 3) return "the index has a wrong number of blocks"
    const offsets = new Float64Array(count + 1)
    const sequences = new Float64Array(count)
    const keyOffsets = new Uint32Array(count)
    const keyLengths = new Uint16Array(count)
    const varint = new VarintReader()
    let at = headerSize
    let offset = 0
    for (let i = 0; i < count; i++) {
      const length = varint.read(bytes, at, bytes.length)
      if (length < minBlockPayload) return "the index has a wrong block length"
      const sequence = varint.read(bytes, varint.offset, bytes.length)
      if (sequence < 0) return "the index has a wrong sequence"
      const keyLength = varint.read(bytes, varint.offset, bytes.length)
      at = varint.offset + keyLength
      if (keyLength < 0 || keyLength > maxKeyLength || at > bytes.length) return "the index has a wrong key"
      offset += length + blockTrailerSize
      if (offset > dataLength) return "the index names blocks outside the file"
      if (i > 0) {
        const order = compareRanges(
          bytes,
          keyOffsets[i - 1]!,
          keyLengths[i - 1]!,
          bytes,
          at - keyLength,
          keyLength
        )
        if (order > 0 || (order === 0 && sequences[i - 1]! <= sequence)) return "the index is not sorted"
      }
      offsets[i + 1] = offset
      sequences[i] = sequence
      keyOffsets[i] = at - keyLength
      keyLengths[i] = keyLength
    }
    if (at !== bytes.length || offset !== dataLength) return "the index does not cover the file"
    return new TableIndex(bytes, offsets, sequences, keyOffsets, keyLengths)
  }

  get memoryBytes(): number {
    return this.#bytes.length + this.count * 34
  }

  offset(block: number): number {
    return this.#offsets[block]!
  }

  /** Bytes from the beginning of one block to the end of the block before another, trailers included. */
  extent(from: number, to: number): number {
    return this.#offsets[to]! - this.#offsets[from]!
  }

  /**
   * The one block that can have the version `sequence` of a key, and whose
   * entries or the next block's first entry follow it; `count` if all entries
   * are before it.
   */
  find(buffer: Uint8Array, offset: number, length: number, sequence: number): number {
    const count = this.count
    if (count === 0) return 0
    const bytes = this.#bytes
    const shared = this.#shared
    if (shared > 0) {
      const first = this.#keyOffsets[0]!
      for (let i = 0; i < shared; i++) {
        if (i === length) return 0
        const difference = buffer[offset + i]! - bytes[first + i]!
        if (difference !== 0) return difference < 0 ? 0 : count
      }
    }
    const prefix = keyPrefix(buffer, offset + shared, length - shared)
    const prefixes = this.#prefixes
    const part = this.#partOf(prefix)
    let low = this.#parts[part]!
    let high = this.#parts[part + 1]!
    while (low < high) {
      const middle = (low + high) >>> 1
      const other = prefixes[middle]!
      if (other === prefix ? this.#isBefore(middle, buffer, offset, length, sequence) : other < prefix) low = middle + 1
      else high = middle
    }
    return low
  }

  #isBefore(block: number, buffer: Uint8Array, offset: number, length: number, sequence: number): boolean {
    const shared = this.#shared
    const order = compareRanges(
      this.#bytes,
      this.#keyOffsets[block]! + shared,
      this.#keyLengths[block]! - shared,
      buffer,
      offset + shared,
      length - shared
    )
    return order < 0 || (order === 0 && this.#sequences[block]! > sequence)
  }
}
