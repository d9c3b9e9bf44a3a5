/**
 * The LZ4 block format: sequences of a token, literals and a match in what came
 * before, the last sequence literals alone. No frame and no checksum: a block
 * keeps its length, and has its checksum, beside it (`Block.ts`).
 *
 *   token           u8      high nibble: literals; low nibble: bytes of the match less 4
 *   more literals   u8*     if the nibble is 15: bytes to add, up to the first that is not 255
 *   literals
 *   distance        u16     little-endian, from 1; the match may overlap what it makes. Absent in the last sequence
 *   more match      u8*     as for the literals
 * The last five bytes are literals, and no match begins in the last twelve.
 *
 * I15: decompression takes any bytes at all. It stays within both buffers and
 * ends after at most one step a byte of either.
 */

const minMatch = 4
/** No match begins so near to the end. */
const lastMatchDistance = 12
const lastLiterals = 5
const maxDistance = 65_535
const maxTableBits = 14
const minTableBits = 10
/** Copies this long and longer are worth a call. */
const bulkCopy = 32
/** The same where words of eight bytes are copied meanwhile. */
const bulkDecompress = 128
/** By distance: the least multiple of it that is 8 or more. */
const strides = [0, 8, 8, 9, 8, 10, 12, 14]
/** After so many misses, as a power of two, the search takes longer steps. */
const skipShift = 4

/** Never fewer compressed bytes than this times the bytes that they stand for. */
export const maxRatio = 255

/** Compresses one block after another with one table, which it never clears: each block has higher positions. */
export class Lz4Compressor {
  /** By a hash of four bytes the position, above 0, where they were last seen. */
  readonly #positions = new Int32Array(1 << maxTableBits)
  /** Positions at or below it are of earlier blocks. */
  #base = 0
  /** What was last compressed: many blocks come from one buffer. */
  #source: Uint8Array = new Uint8Array(0)
  #view: DataView = new DataView(this.#source.buffer)

  /**
   * Compresses a range of `source` to `target` from `targetOffset`; returns the bytes written, or 0 if they
   * would be more than `limit`, which must not go beyond the target's end.
   */
  compress(
    source: Uint8Array,
    sourceOffset: number,
    length: number,
    target: Uint8Array,
    targetOffset: number,
    limit: number
  ): number {
    const positions = this.#positions
    if (this.#base > 0x7fff_ffff - length - 1) {
      positions.fill(0)
      this.#base = 0
    }
    // A position p of the source is kept as p + toKept.
    const base = this.#base
    const toKept = base + 1 - sourceOffset
    this.#base = base + length

    if (source !== this.#source) {
      this.#source = source
      this.#view = new DataView(source.buffer, source.byteOffset, source.byteLength)
    }
    const view = this.#view

    let tableBits = minTableBits
    while (tableBits < maxTableBits && 1 << tableBits < length) tableBits++
    const shift = 32 - tableBits

    const sourceEnd = sourceOffset + length
    const searchEnd = sourceEnd - lastMatchDistance
    const matchEnd = sourceEnd - lastLiterals
    const targetEnd = targetOffset + limit
    let out = targetOffset
    let anchor = sourceOffset
    let at = sourceOffset
    let misses = 1 << skipShift

    while (at <= searchEnd) {
      const four = view.getInt32(at, true)
      const slot = Math.imul(four, 0x9e37_79b1) >>> shift
      const kept = positions[slot]!
      positions[slot] = at + toKept
      let match = kept - toKept
      if (kept <= base || at - match > maxDistance || view.getInt32(match, true) !== four) {
        at += misses++ >>> skipShift
        continue
      }

      while (at > anchor && match > sourceOffset && source[at - 1] === source[match - 1]) {
        at--
        match--
      }
      let end = at + minMatch
      const distance = at - match
      while (end + 4 <= matchEnd && view.getInt32(end, true) === view.getInt32(end - distance, true)) end += 4
      while (end < matchEnd && source[end] === source[end - distance]) end++

      const literals = at - anchor
      const more = end - at - minMatch
      // Token, distance, and at most one length byte for 255 of each and one more.
      if (out + literals + 5 + ((literals / 255) | 0) + ((more / 255) | 0) > targetEnd) return 0
      const token = out++
      target[token] = (literals < 15 ? literals << 4 : 0xf0) | (more < 15 ? more : 15)
      if (literals >= 15) out = writeLength(target, out, literals - 15)
      if (literals < bulkCopy) { for (let i = anchor; i < at; i++) target[out++] = source[i]! }
      else {
        target.set(source.subarray(anchor, at), out)
        out += literals
      }
      target[out++] = distance
      target[out++] = distance >>> 8
      if (more >= 15) out = writeLength(target, out, more - 15)

      // The bytes just before the end are likely to be found again.
      const near = end - 2
      if (end <= searchEnd) positions[Math.imul(view.getInt32(near, true), 0x9e37_79b1) >>> shift] = near + toKept
      at = end
      anchor = end
      misses = 1 << skipShift
    }

    const literals = sourceEnd - anchor
    if (out + literals + 2 + ((literals / 255) | 0) > targetEnd) return 0
    target[out++] = literals < 15 ? literals << 4 : 0xf0
    if (literals >= 15) out = writeLength(target, out, literals - 15)
    target.set(source.subarray(anchor, sourceEnd), out)
    return out + literals - targetOffset
  }
}

const writeLength = (target: Uint8Array, at: number, length: number): number => {
  let rest = length
  for (; rest >= 255; rest -= 255) target[at++] = 255
  target[at++] = rest
  return at
}

/** Decompresses a range of `source` so that it fills `target`; false if it is not such a block. */
export const decompressLz4 = (source: Uint8Array, from: number, to: number, target: Uint8Array): boolean => {
  if (from < 0 || to > source.length) return false
  const read = new DataView(source.buffer, source.byteOffset, source.length)
  const made = new DataView(target.buffer, target.byteOffset, target.length)
  const targetEnd = target.length
  let at = from
  let out = 0
  while (at < to) {
    const token = source[at++]!

    let literals = token >>> 4
    if (literals === 15) {
      let byte = 255
      while (byte === 255) {
        if (at >= to) return false
        byte = source[at++]!
        literals += byte
      }
    }
    const literalsEnd = at + literals
    if (literalsEnd > to || out + literals > targetEnd) return false
    if (literals < bulkDecompress) {
      for (; at + 8 <= literalsEnd; at += 8, out += 8) made.setBigUint64(out, read.getBigUint64(at, true), true)
      while (at < literalsEnd) target[out++] = source[at++]!
    } else {
      target.set(source.subarray(at, literalsEnd), out)
      out += literals
      at = literalsEnd
    }
    if (at === to) return out === targetEnd

    if (at + 2 > to) return false
    const distance = source[at]! | (source[at + 1]! << 8)
    at += 2
    let length = (token & 15) + minMatch
    if (length === 15 + minMatch) {
      let byte = 255
      while (byte === 255) {
        if (at >= to) return false
        byte = source[at++]!
        length += byte
      }
    }
    if (distance === 0 || distance > out || out + length > targetEnd) return false
    const end = out + length
    if (length >= bulkDecompress && distance === 1) target.fill(target[out - 1]!, out, end)
    else if (length >= bulkDecompress && distance >= length)
      target.copyWithin(out, out - distance, out - distance + length)
    else {
      // What repeats after `distance` repeats after each multiple of it.
      let stride = distance
      if (length >= 16 && distance < 8) {
        stride = strides[distance]!
        for (const wide = out + stride - distance; out < wide; out++) target[out] = target[out - distance]!
      }
      if (stride >= 8) {
        for (; out + 8 <= end; out += 8) made.setBigUint64(out, made.getBigUint64(out - stride, true), true)
      }
      for (; out < end; out++) target[out] = target[out - distance]!
    }
    out = end
  }
  return false
}
