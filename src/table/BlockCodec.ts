/**
 * Compresses the payloads of blocks and gives them back; where the bytes lie in
 * the file is in `Block.ts`.
 *
 * I15: decompression takes any bytes. What it allocates is bounded before it
 * does, and it gives exactly the stated length or nothing.
 */
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib"
import type { Compression } from "./Compression.ts"
import { decompressLz4, Lz4Compressor, maxRatio } from "./Lz4.ts"

/** What the compression byte of a block says. */
export const CompressionCode = { none: 0, lz4: 1, zstd: 2 } as const
export type CompressionCode = typeof CompressionCode[keyof typeof CompressionCode]

/** The payload's length, before its compressed bytes. */
const lengthSize = 4
/** Longest payload that is compressed: what a damaged length can make a reader allocate, and how long one block holds a thread. */
export const maxCompressedPayload = 4 * 1024 * 1024

const maxWindowLog = Math.log2(maxCompressedPayload)
const zstdCompression = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }
const zstdDecompression = { [constants.ZSTD_d_windowLogMax]: maxWindowLog }

/** Most bytes that a compressed payload may have to be worth the time that reading it takes. */
const worthwhile = (length: number): number => length - Math.ceil(length / 8)

/** Compresses one payload after another, in buffers of its own. */
export class BlockCompressor {
  /** What the last payload was compressed with. */
  code: CompressionCode = CompressionCode.none

  readonly #compression: Compression
  #lz4: Lz4Compressor | undefined
  #scratch = new Uint8Array(0)

  constructor(compression: Compression) {
    this.#compression = compression
  }

  /** Replaces a payload by its compressed form if that is smaller by an eighth; returns the length that it has then. */
  compress(bytes: Uint8Array, offset: number, length: number): number {
    this.code = CompressionCode.none
    if (this.#compression === "none" || length > maxCompressedPayload) return length
    const limit = worthwhile(length) - lengthSize
    if (limit <= 0) return length
    if (this.#compression === "zstd") {
      const compressed = zstdCompressSync(bytes.subarray(offset, offset + length), zstdCompression)
      if (compressed.length > limit) return length
      // Smaller still, and a reader would take it for an attack; the other form is never so small.
      if (length <= compressed.length * maxRatio) {
        return this.#replace(bytes, offset, length, CompressionCode.zstd, compressed, compressed.length)
      }
    }
    if (this.#scratch.length < limit) this.#scratch = new Uint8Array(Math.max(limit, this.#scratch.length * 2))
    const lz4 = this.#lz4 ??= new Lz4Compressor()
    const compressed = lz4.compress(bytes, offset, length, this.#scratch, 0, limit)
    if (compressed === 0) return length
    return this.#replace(bytes, offset, length, CompressionCode.lz4, this.#scratch, compressed)
  }

  #replace(
    bytes: Uint8Array,
    offset: number,
    length: number,
    code: CompressionCode,
    compressed: Uint8Array,
    compressedLength: number
  ): number {
    this.code = code
    bytes[offset] = length
    bytes[offset + 1] = length >>> 8
    bytes[offset + 2] = length >>> 16
    bytes[offset + 3] = length >>> 24
    bytes.set(compressed.subarray(0, compressedLength), offset + lengthSize)
    return lengthSize + compressedLength
  }
}

/**
 * The payload whose compressed form fills `bytes`, at the beginning of `into` if that is large enough, else in memory
 * of its own; what is wrong with it, if it is not one.
 */
export const decompressPayload = (code: number, bytes: Uint8Array, into?: Uint8Array): Uint8Array | string => {
  const compressed = bytes.length - lengthSize
  if (compressed <= 0) return "a compressed block is too short"
  const length = (bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16) | (bytes[3]! << 24)) >>> 0
  if (length > maxCompressedPayload || length > compressed * maxRatio) return "a compressed block has a wrong length"
  if (code === CompressionCode.lz4) {
    const payload = payloadMemory(length, into)
    return decompressLz4(bytes, lengthSize, bytes.length, payload) ? payload : "a block can't be decompressed"
  }
  if (code === CompressionCode.zstd) return decompressZstd(bytes.subarray(lengthSize), length, into)
  return `a block has the unknown compression ${code}`
}

const payloadMemory = (length: number, into: Uint8Array | undefined): Uint8Array =>
  into !== undefined && into.length >= length ? into.subarray(0, length) : new Uint8Array(length)

const decompressZstd = (compressed: Uint8Array, length: number, into: Uint8Array | undefined): Uint8Array | string => {
  let decompressed: Uint8Array
  try {
    // A chunk one byte longer than the payload holds it without another one being asked for.
    decompressed = zstdDecompressSync(compressed, {
      chunkSize: Math.max(constants.Z_MIN_CHUNK, length + 1),
      maxOutputLength: Math.max(1, length),
      params: zstdDecompression
    })
  } catch {
    return "a block can't be decompressed"
  }
  if (decompressed.length !== length) return "a compressed block has a wrong length"
  // A copy: a small buffer of Node's own keeps a much larger one alive.
  const payload = payloadMemory(length, into)
  payload.set(decompressed)
  return payload
}
