/**
 * Builds one data block after another; the format is in `Block.ts`.
 *
 * Called by `TableWriter` alone, which guarantees the order of the entries.
 */
import { copyRange } from "../record/Bytes.ts"
import { checksum } from "../record/Checksum.ts"
import { RangeCopier } from "../record/RangeCopier.ts"
import { RecordKind } from "../record/RecordKind.ts"
import { writeVarint } from "../record/Varint.ts"
import { blockTrailerSize, continuationBit, maxEntryHeaderSize, restartInterval, sequenceSizeShift } from "./Block.ts"
import { BlockCompressor } from "./BlockCodec.ts"
import type { Compression } from "./Compression.ts"
import type { TableOutput } from "./TableOutput.ts"

const sequenceSize = (sequence: number): number => {
  let size = 0
  for (let rest = sequence; rest > 0; rest = rest < 0x1_0000_0000 ? rest >>> 8 : Math.floor(rest / 256)) size++
  return size
}

const putUint32 = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at] = value
  bytes[at + 1] = value >>> 8
  bytes[at + 2] = value >>> 16
  bytes[at + 3] = value >>> 24
}

export class BlockBuilder {
  /** Entries in the open block. */
  entries = 0

  readonly #output: TableOutput
  readonly #compressor: BlockCompressor
  readonly #values = new RangeCopier()
  readonly #restarts: Array<number> = []
  #untilRestart = 0
  /** Leading bytes that the last key shares with the key at the last restart. */
  #shared = 0
  #checksum = 0

  constructor(output: TableOutput, compression: Compression) {
    this.#output = output
    this.#compressor = new BlockCompressor(compression)
  }

  /** Bytes of the payload if the block were finished now, before it is compressed. */
  get size(): number {
    return this.#output.end - this.#output.start + this.#restarts.length * 4 + 4
  }

  /** `common`: leading bytes that the key shares with the entry before it; `sameKey`: it is that entry's key. */
  add(
    common: number,
    sameKey: boolean,
    keyBuffer: Uint8Array,
    keyOffset: number,
    keyLength: number,
    sequence: number,
    kind: RecordKind,
    valueBuffer: Uint8Array,
    valueOffset: number,
    valueLength: number
  ): void {
    const output = this.#output
    const tail = (this.#restarts.length + 2) * 4 + blockTrailerSize
    output.reserve(maxEntryHeaderSize + keyLength + valueLength + tail)
    const bytes = output.bytes
    let at = output.end

    let shared = 0
    if (this.#untilRestart === 0) {
      this.#restarts.push(at - output.start)
      this.#untilRestart = restartInterval
      this.#shared = keyLength
    } else {
      // For sorted a, b, c the bytes that a and c share are the fewer of a with b and b with c.
      shared = common < this.#shared ? common : this.#shared
      this.#shared = shared
    }
    this.#untilRestart--
    this.entries++

    const size = sequenceSize(sequence)
    bytes[at++] = kind | (size << sequenceSizeShift) | (sameKey ? continuationBit : 0)
    at = writeVarint(bytes, at, shared)
    at = writeVarint(bytes, at, keyLength - shared)
    if (kind === RecordKind.put) at = writeVarint(bytes, at, valueLength)
    let rest = sequence
    for (let i = 0; i < size; i++) {
      bytes[at++] = rest % 256
      rest = rest < 0x1_0000_0000 ? rest >>> 8 : Math.floor(rest / 256)
    }
    copyRange(keyBuffer, keyOffset + shared, bytes, at, keyLength - shared)
    at += keyLength - shared
    if (kind === RecordKind.put) {
      this.#values.copy(valueBuffer, valueOffset, bytes, at, valueLength)
      at += valueLength
    }
    output.end = at
  }

  /** Of the block that was finished last. */
  get checksum(): number {
    return this.#checksum
  }

  /** Ends the block, its checksum begun from `seed`, and returns its length in the file, trailer left out. */
  finish(seed: number): number {
    const output = this.#output
    const restarts = this.#restarts
    output.reserve(restarts.length * 4 + 4 + blockTrailerSize)
    const bytes = output.bytes
    let at = output.end
    for (let i = 0; i < restarts.length; i++, at += 4) putUint32(bytes, at, restarts[i]!)
    putUint32(bytes, at, restarts.length)
    at += 4
    const stored = this.#compressor.compress(bytes, output.start, at - output.start)
    at = output.start + stored
    bytes[at++] = this.#compressor.code
    this.#checksum = checksum(bytes.subarray(output.start, at), seed)
    putUint32(bytes, at, this.#checksum)
    output.end = at + 4
    output.seal()
    restarts.length = 0
    this.#untilRestart = 0
    this.entries = 0
    return stored
  }
}
