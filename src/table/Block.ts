/**
 * One data block of a table: sorted entries, key ascending and, within a key,
 * sequence descending. Every entry can be read by itself given the key at the
 * restart before it, so a block is walked in both directions.
 *
 * Payload:
 *   entry*                one behind the other
 *   restart offset u32*   little-endian offsets of every 8th entry, the first included
 *   restart count  u32
 * Entry:
 *   meta       u8      bits 0-1 kind (1 put, 2 delete); bits 2-4 bytes of the sequence, 0 to 7;
 *                      bit 5 set if the entry before it in the table has the same key; bits 6-7 zero
 *   shared     varint  leading bytes of the key that are those of the key at the restart; 0 at a restart
 *   unshared   varint  remaining bytes of the key
 *   vlen       varint  absent for a delete
 *   sequence   little-endian, as many bytes as meta says
 *   key        the unshared bytes
 *   value      vlen bytes
 * In the file the payload is as above or compressed, each block by itself:
 *   length      u32    the payload's, at most 4 MiB and 255 times the bytes that follow
 *   compressed bytes   to the trailer
 * Trailer:
 *   compression u8     0: none; 1: an LZ4 block (`Lz4.ts`); 2: a zstd frame
 *   checksum    u32    CRC-32 of all before it, seeded with file number and block offset
 *
 * I15: the checksum is verified once, when the block is read; whatever passes it
 * is still decompressed and read within bounds. Within an interval `shared` never
 * grows, as the keys are sorted.
 */
import { checksum } from "../record/Checksum.ts"
import { RecordKind } from "../record/RecordKind.ts"
import { VarintReader } from "../record/Varint.ts"
import { CompressionCode, decompressPayload } from "./BlockCodec.ts"

export const blockTrailerSize = 5
export const restartInterval = 8
export const sequenceSizeShift = 2
export const continuationBit = 0x20
/** meta, three varints of at most 3, 3 and 5 bytes, and the sequence. */
export const maxEntryHeaderSize = 19
/** Payload of a block with one entry of three bytes; no block has fewer bytes in the file, trailer left out. */
export const minBlockPayload = 11

const uint32At = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0

export class Block {
  /** Begins with the payload. */
  readonly bytes: Uint8Array
  /** Where the entries end and the restart offsets begin. */
  readonly entriesEnd: number
  readonly restartCount: number

  /** The memory that the block is in, if that begins with tags of its entries (`EntryTags.ts`). */
  readonly tagged: Uint8Array | undefined

  private constructor(bytes: Uint8Array, entriesEnd: number, restartCount: number, tagged?: Uint8Array) {
    this.bytes = bytes
    this.entriesEnd = entriesEnd
    this.restartCount = restartCount
    this.tagged = tagged
  }

  /**
   * Verifies a block as it is in the file; what is wrong with it, if it is not one. `into`: memory to decompress it to
   * that the caller does not need before it is through with the block.
   */
  static read(bytes: Uint8Array, seed: number, into?: Uint8Array): Block | string {
    const stored = bytes.length - blockTrailerSize
    if (stored < minBlockPayload) return "a block is too short"
    if (uint32At(bytes, stored + 1) !== checksum(bytes.subarray(0, stored + 1), seed)) {
      return "a block does not match its checksum"
    }
    const code = bytes[stored]!
    if (code === CompressionCode.none) return Block.#parse(bytes, stored)
    const payload = decompressPayload(code, bytes.subarray(0, stored), into)
    if (typeof payload === "string") return payload
    return payload.length < minBlockPayload ? "a block is too short" : Block.#parse(payload, payload.length)
  }

  static #parse(bytes: Uint8Array, payload: number): Block | string {
    const restartCount = uint32At(bytes, payload - 4)
    const entriesEnd = payload - 4 - restartCount * 4
    if (restartCount === 0 || entriesEnd <= 0) return "a block has a wrong number of restarts"
    let before = -1
    for (let i = 0; i < restartCount; i++) {
      const offset = uint32At(bytes, entriesEnd + i * 4)
      if (i === 0 ? offset !== 0 : offset <= before || offset >= entriesEnd) return "a block has wrong restarts"
      before = offset
    }
    return new Block(bytes, entriesEnd, restartCount)
  }

  /** Bytes of the payload. */
  get payloadLength(): number {
    return this.entriesEnd + this.restartCount * 4 + 4
  }

  /** A block that was read before, of which these are the payload and what was found in it. */
  static verified(bytes: Uint8Array, entriesEnd: number, restartCount: number, tagged?: Uint8Array): Block {
    return new Block(bytes, entriesEnd, restartCount, tagged)
  }

  /** The same block in other memory, of which it takes as many bytes as it has. */
  copyTo(memory: Uint8Array): Block {
    const { bytes, entriesEnd, restartCount } = this
    memory.set(bytes)
    return new Block(memory.subarray(0, bytes.length), entriesEnd, restartCount)
  }

  restart(index: number): number {
    return uint32At(this.bytes, this.entriesEnd + index * 4)
  }

  /** Offset of the last restart before `limit`, which must be above 0. */
  restartBefore(limit: number): number {
    let low = 0
    let high = this.restartCount - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (this.restart(middle) < limit) low = middle
      else high = middle - 1
    }
    return this.restart(low)
  }
}

/** Reads entries of blocks; its fields describe the one last read. One instance serves many reads. */
export class EntryReader {
  offset = 0
  /** Offset behind the entry. */
  next = 0
  kind: RecordKind = RecordKind.put
  continuation = false
  shared = 0
  suffixOffset = 0
  suffixLength = 0
  valueOffset = 0
  valueLength = 0
  /** The whole key at the restart that the last `seek` or `beginInterval` went through. */
  restartKeyOffset = 0
  restartKeyLength = 0
  /** After a `seek` that found an entry: its key is the one sought. */
  exact = false
  /** After a `seek` that found none: the block is damaged, although its checksum passed. */
  damaged = false

  #sequenceSize = 0
  /** Leading bytes of the target that the entry last compared has. */
  #matched = 0
  readonly #varint = new VarintReader()

  /** Reads the entry at `offset`; false if there is none within the block's entries. */
  read(block: Block, offset: number): boolean {
    return this.readAt(block.bytes, offset, block.entriesEnd)
  }

  /** The same of entries that end at `end`. */
  readAt(bytes: Uint8Array, offset: number, end: number): boolean {
    if (offset + 3 > end) return false
    const meta = bytes[offset]!
    const kind = meta & 3
    if (meta >= 0x40 || (kind !== RecordKind.put && kind !== RecordKind.delete)) return false
    let at = offset + 1
    let shared = bytes[at++]!
    if (shared >= 0x80) {
      shared = this.#varint.read(bytes, at - 1, end)
      if (shared < 0) return false
      at = this.#varint.offset
    }
    let unshared = bytes[at++]!
    if (unshared >= 0x80) {
      unshared = this.#varint.read(bytes, at - 1, end)
      if (unshared < 0) return false
      at = this.#varint.offset
    }
    let valueLength = 0
    if (kind === RecordKind.put) {
      valueLength = bytes[at++]!
      if (valueLength >= 0x80) {
        valueLength = this.#varint.read(bytes, at - 1, end)
        if (valueLength < 0) return false
        at = this.#varint.offset
      }
    }
    const sequenceSize = (meta >>> sequenceSizeShift) & 7
    const suffixOffset = at + sequenceSize
    const valueOffset = suffixOffset + unshared
    const next = valueOffset + valueLength
    if (next > end) return false
    this.offset = offset
    this.next = next
    this.kind = kind
    this.continuation = (meta & continuationBit) !== 0
    this.shared = shared
    this.suffixOffset = suffixOffset
    this.suffixLength = unshared
    this.valueOffset = valueOffset
    this.valueLength = valueLength
    this.#sequenceSize = sequenceSize
    return true
  }

  /** Reads the entry at a restart, whose key is whole. */
  beginInterval(block: Block, offset: number): boolean {
    if (!this.read(block, offset) || this.shared !== 0) return false
    this.restartKeyOffset = this.suffixOffset
    this.restartKeyLength = this.suffixLength
    return true
  }

  /** The sequence of the entry last read. */
  sequence(block: Block): number {
    return this.sequenceIn(block.bytes)
  }

  /** The same of one that was read with `readAt`. */
  sequenceIn(bytes: Uint8Array): number {
    const size = this.#sequenceSize
    const at = this.suffixOffset - size
    if (size === 3) return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16)
    let value = 0
    for (let i = size - 1; i >= 0; i--) value = value * 256 + bytes[at + i]!
    return value
  }

  /** Reads the first entry at or after the version `sequence` of `key`; false if the block has none. */
  seek(block: Block, key: Uint8Array, sequence: number): boolean {
    this.damaged = false

    // The last restart before the target; the target, if it is here, lies in that interval or at the next restart.
    let low = 0
    let high = block.restartCount - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (!this.beginInterval(block, block.restart(middle))) return this.#damage()
      if (this.#compareSuffix(block, key, 0, sequence) < 0) low = middle
      else high = middle - 1
    }
    if (!this.beginInterval(block, block.restart(low))) return this.#damage()
    if (this.#compareSuffix(block, key, 0, sequence) >= 0) return true

    // The restart's key sorts before the target and has `matched` leading bytes of it. An entry that shares more
    // with the restart sorts before the target too, one that shares less sorts behind it.
    const matched = this.#matched
    const intervalEnd = low + 1 < block.restartCount ? block.restart(low + 1) : block.entriesEnd
    let at = this.next
    while (at < intervalEnd) {
      if (!this.read(block, at)) return this.#damage()
      if (this.shared < matched) {
        this.exact = false
        return true
      }
      if (this.shared === matched && this.#compareSuffix(block, key, matched, sequence) >= 0) return true
      at = this.next
    }
    if (intervalEnd === block.entriesEnd) return false
    if (!this.beginInterval(block, intervalEnd)) return this.#damage()
    this.#compareSuffix(block, key, 0, sequence)
    return true
  }

  /** Compares the entry, whose leading `from` bytes are the target's, with the target; also sets `exact`. */
  #compareSuffix(block: Block, key: Uint8Array, from: number, sequence: number): number {
    const bytes = block.bytes
    const suffixOffset = this.suffixOffset
    const suffixLength = this.suffixLength
    const remaining = key.length - from
    const limit = suffixLength < remaining ? suffixLength : remaining
    this.exact = false
    for (let i = 0; i < limit; i++) {
      const difference = bytes[suffixOffset + i]! - key[from + i]!
      if (difference !== 0) {
        this.#matched = from + i
        return difference
      }
    }
    this.#matched = from + limit
    if (suffixLength !== remaining) return suffixLength - remaining
    this.exact = true
    return this.sequence(block) <= sequence ? 0 : -1
  }

  #damage(): false {
    this.damaged = true
    return false
  }
}
