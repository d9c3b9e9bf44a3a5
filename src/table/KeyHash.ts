/**
 * A 64-bit hash of a key's bytes, as two 32-bit halves. Filters on disk are made
 * with it: it is part of the table format and may not change within a version.
 *
 * One instance is reused for many keys; a lookup hashes its key once for all the
 * tables that it asks.
 */
export class KeyHash {
  /** Both halves are signed 32-bit integers. */
  low = 0
  high = 0

  set(buffer: Uint8Array, offset: number, length: number): void {
    let a = 0x3c6e_f372 ^ length
    let b = 0x510e_527f ^ Math.imul(length, 0x85eb_ca6b)
    const wordsEnd = offset + (length & ~3)
    let at = offset
    while (at < wordsEnd) {
      const word = buffer[at]! | (buffer[at + 1]! << 8) | (buffer[at + 2]! << 16) | (buffer[at + 3]! << 24)
      a = Math.imul(a ^ word, 0x9e37_79b1)
      a = (a << 13) | (a >>> 19)
      b = Math.imul((b + word) | 0, 0xc2b2_ae3d)
      b = ((b << 17) | (b >>> 15)) ^ a
      at += 4
    }
    let rest = 0
    for (const end = offset + length; at < end; at++) rest = (rest << 8) | buffer[at]!
    a = Math.imul(a ^ rest, 0x9e37_79b1)
    b = Math.imul((b + rest) | 0, 0xc2b2_ae3d) ^ (a >>> 15)
    a ^= b
    a = Math.imul(a ^ (a >>> 16), 0x85eb_ca6b)
    a = Math.imul(a ^ (a >>> 13), 0xc2b2_ae35)
    a ^= a >>> 16
    b = (b + a) | 0
    b = Math.imul(b ^ (b >>> 15), 0x2c1b_3c6d)
    b = Math.imul(b ^ (b >>> 12), 0x297a_2d39)
    b ^= b >>> 15
    this.low = a
    this.high = b
  }
}
