/** The damages that the exhaustive runs do to files: everywhere, if a file is small. */
import { flippedBit, garbage, swapped, truncation, zeroed } from "../FileDamage.ts"
import type { FileDamage } from "../FileDamage.ts"

/** Bytes that a file may be followed by: zeros, ones, its own beginning, its own end. */
const tails = (bytes: Uint8Array, end: number): ReadonlyArray<readonly [what: string, tail: Uint8Array]> => [
  ["zeros", new Uint8Array(512)],
  ["ones", new Uint8Array(1).fill(0xff)],
  ["ones", new Uint8Array(512).fill(0xff)],
  ["line ends", new Uint8Array(1).fill(10)],
  ["its own beginning", bytes.slice(0, Math.min(end, 512))],
  ["its own end", bytes.slice(Math.max(0, end - 512), end)]
]

/** All damages of a small file whose content ends there: each bit, each byte as the start of each other damage. */
export function* damagesOfEachByte(bytes: Uint8Array, end: number): Generator<FileDamage> {
  for (let at = 0; at < end; at++) {
    for (let bit = 0; bit < 8; bit++) yield flippedBit(at, bit)
    if (bytes[at] !== 0) yield zeroed(at, 1)
    yield zeroed(at, 512)
    yield truncation(at)
    if (at % 16 === 0) { for (let other = at + 16; other + 16 <= end; other += 16) yield swapped(at, other, 16) }
  }
  yield* damagesBehind(bytes, end)
}

/** Damages behind the end of a file's content. */
export function* damagesBehind(bytes: Uint8Array, end: number): Generator<FileDamage> {
  for (const [what, tail] of tails(bytes, end)) yield garbage(end, what, tail)
  for (let at = end; at < Math.min(bytes.length, end + 64); at++) yield flippedBit(at, at % 8)
  if (bytes.length > end) yield truncation(end)
}

const sector = 512

/** Damages of each region of a file: its sectors, those between them, and a bit in each stretch of a few bytes. */
export function* damagesOfEachRegion(bytes: Uint8Array, end: number): Generator<FileDamage> {
  for (let at = 0; at < end; at += 7) yield flippedBit(at, at % 8)
  for (let at = 0; at < end; at += 64) yield truncation(at)
  for (const length of [sector, 128]) {
    for (let at = 0; at < end; at += length >> 1) yield zeroed(at, length)
    for (let at = 0; at + length <= end; at += length) {
      for (let other = at + length; other + length <= end && other <= at + 8 * length; other += length) {
        yield swapped(at, other, length)
      }
    }
  }
  yield* damagesBehind(bytes, end)
}
