/**
 * A split-block bloom filter over the user keys of one table: a `no` means that
 * the table has no version of the key (I11: never wrongly).
 *
 * Format: blocks of 32 bytes, each eight little-endian 32-bit words. The high
 * half h of a key's hash chooses the block, floor(h * blocks / 2^32); in the
 * i-th word of that block the key sets the bit ((low * salt[i]) mod 2^32) >> 27.
 * The number of blocks follows from the length.
 */
import type { KeyHash } from "./KeyHash.ts"

const blockBytes = 32

const salt0 = 0x47b6_137b
const salt1 = 0x4497_4d91
const salt2 = 0x8824_ad5b
const salt3 = 0xa2b7_289d
const salt4 = 0x7054_95c7
const salt5 = 0x2df1_424b
const salt6 = 0x9efc_4947
const salt7 = 0x5c6b_fb31

const blockStart = (high: number, blocks: number): number =>
  Math.floor((high >>> 0) * blocks / 0x1_0000_0000) * blockBytes

/** True if `length` bytes can be a filter. */
export const isFilterLength = (length: number): boolean => length >= blockBytes && length % blockBytes === 0

/** Gathers the hashes of keys, then sets their bits, in portions if the caller must not be held long. */
export class FilterBuilder {
  readonly #bitsPerKey: number
  #hashes = new Int32Array(2048)
  #count = 0
  #bits: Uint8Array | undefined
  #done = 0

  /** `bitsPerKey` may be a fraction; 0 makes no filter. */
  constructor(bitsPerKey: number) {
    this.#bitsPerKey = bitsPerKey
  }

  add(hash: KeyHash): void {
    const at = this.#count * 2
    if (at === this.#hashes.length) {
      const grown = new Int32Array(at * 2)
      grown.set(this.#hashes)
      this.#hashes = grown
    }
    this.#hashes[at] = hash.low
    this.#hashes[at + 1] = hash.high
    this.#count++
  }

  /** Sets the bits of up to `limit` more keys; true once all are set. No key may be added after the first call. */
  build(limit: number): boolean {
    if (this.#bitsPerKey <= 0 || this.#count === 0) return true
    const blocks = Math.max(1, Math.ceil(this.#count * this.#bitsPerKey / (blockBytes * 8)))
    const bits = this.#bits ??= new Uint8Array(blocks * blockBytes)
    const hashes = this.#hashes
    const end = Math.min(this.#count, this.#done + limit)
    for (let i = this.#done; i < end; i++) {
      const low = hashes[i * 2]!
      const at = blockStart(hashes[i * 2 + 1]!, blocks)
      setBit(bits, at, Math.imul(low, salt0) >>> 27)
      setBit(bits, at + 4, Math.imul(low, salt1) >>> 27)
      setBit(bits, at + 8, Math.imul(low, salt2) >>> 27)
      setBit(bits, at + 12, Math.imul(low, salt3) >>> 27)
      setBit(bits, at + 16, Math.imul(low, salt4) >>> 27)
      setBit(bits, at + 20, Math.imul(low, salt5) >>> 27)
      setBit(bits, at + 24, Math.imul(low, salt6) >>> 27)
      setBit(bits, at + 28, Math.imul(low, salt7) >>> 27)
    }
    this.#done = end
    return end === this.#count
  }

  /** The filter's bytes; none if it has no keys or no bits. */
  finish(): Uint8Array {
    this.build(this.#count)
    return this.#bits ?? new Uint8Array(0)
  }
}

const setBit = (bits: Uint8Array, word: number, bit: number): void => {
  const at = word + (bit >>> 3)
  bits[at] = bits[at]! | (1 << (bit & 7))
}

/** The bit, with others above it. */
const bitAt = (bits: Uint8Array, word: number, bit: number): number => bits[word + (bit >>> 3)]! >>> (bit & 7)

export class Filter {
  readonly #bits: Uint8Array
  readonly #blocks: number

  /** `bits` must satisfy `isFilterLength`. */
  constructor(bits: Uint8Array) {
    this.#bits = bits
    this.#blocks = bits.length / blockBytes
  }

  get memoryBytes(): number {
    return this.#bits.length
  }

  /** False only if no key with this hash was added. One branch for four bits: each would often be foretold wrongly. */
  mayContain(hash: KeyHash): boolean {
    const bits = this.#bits
    const low = hash.low
    const at = blockStart(hash.high, this.#blocks)
    const half = bitAt(bits, at, Math.imul(low, salt0) >>> 27)
      & bitAt(bits, at + 4, Math.imul(low, salt1) >>> 27)
      & bitAt(bits, at + 8, Math.imul(low, salt2) >>> 27)
      & bitAt(bits, at + 12, Math.imul(low, salt3) >>> 27)
    if ((half & 1) === 0) return false
    const whole = half
      & bitAt(bits, at + 16, Math.imul(low, salt4) >>> 27)
      & bitAt(bits, at + 20, Math.imul(low, salt5) >>> 27)
      & bitAt(bits, at + 24, Math.imul(low, salt6) >>> 27)
      & bitAt(bits, at + 28, Math.imul(low, salt7) >>> 27)
    return (whole & 1) !== 0
  }
}
