/**
 * CRC-32 as every file format here uses it, seeded so that the same bytes at
 * another place, or in another file, do not pass.
 */
import { crc32 } from "node:zlib"

/** A 32-bit seed from a file's number and a byte offset in it (or any two integers). */
export const checksumSeed = (file: number, offset: number): number => {
  let h = 0x9e37_79b9 ^ (file >>> 0)
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b) ^ Math.floor(file / 0x1_0000_0000)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35) ^ (offset >>> 0)
  h = Math.imul(h ^ (h >>> 16), 0x27d4_eb2f) ^ Math.floor(offset / 0x1_0000_0000)
  return (h ^ (h >>> 15)) >>> 0
}

/** CRC-32 of `bytes` continued from `seed`; pass the result of one call as the seed of the next to cover several chunks. */
export const checksum = (bytes: Uint8Array, seed: number): number => crc32(bytes, seed)
