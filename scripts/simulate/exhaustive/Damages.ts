/**
 * What can become of a file's bytes: a flipped bit, a zeroed sector, a
 * truncation, garbage behind the end, two blocks that changed places.
 */

export type DamageKind =
  | "a flipped bit"
  | "a zeroed sector"
  | "a truncation"
  | "trailing garbage"
  | "swapped blocks"

export interface Damage {
  readonly kind: DamageKind
  /** Where it is, in words. */
  readonly where: string
  /** The first byte that it may change, and the first one behind them. */
  readonly at: number
  readonly until: number
  /** The file after it; the bytes that it is given stay as they are. */
  readonly apply: (bytes: Uint8Array) => Uint8Array
}

export const flippedBit = (at: number, bit: number): Damage => ({
  kind: "a flipped bit",
  where: `bit ${bit} of byte ${at}`,
  at,
  until: at + 1,
  apply: (bytes) => {
    const damaged = bytes.slice()
    damaged[at] = (damaged[at] ?? 0) ^ (1 << bit)
    return damaged
  }
})

export const zeroed = (at: number, length: number): Damage => ({
  kind: "a zeroed sector",
  where: `bytes ${at} to ${at + length}`,
  at,
  until: at + length,
  apply: (bytes) => bytes.slice().fill(0, at, at + length)
})

export const truncation = (at: number): Damage => ({
  kind: "a truncation",
  where: `at ${at}`,
  at,
  until: Infinity,
  apply: (bytes) => bytes.slice(0, at)
})

export const garbage = (at: number, what: string, tail: Uint8Array): Damage => ({
  kind: "trailing garbage",
  where: `${tail.length} bytes of ${what} at ${at}`,
  at,
  until: Infinity,
  apply: (bytes) => {
    const damaged = new Uint8Array(at + tail.length)
    damaged.set(bytes.subarray(0, at))
    damaged.set(tail, at)
    return damaged
  }
})

/** REQUIRES one to lie before the other. */
export const swapped = (one: number, other: number, length: number): Damage => ({
  kind: "swapped blocks",
  where: `${length} bytes at ${one} and ${other}`,
  at: one,
  until: other + length,
  apply: (bytes) => {
    const damaged = bytes.slice()
    damaged.set(bytes.subarray(other, other + length), one)
    damaged.set(bytes.subarray(one, one + length), other)
    return damaged
  }
})

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
export function* damagesOfEachByte(bytes: Uint8Array, end: number): Generator<Damage> {
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
export function* damagesBehind(bytes: Uint8Array, end: number): Generator<Damage> {
  for (const [what, tail] of tails(bytes, end)) yield garbage(end, what, tail)
  for (let at = end; at < Math.min(bytes.length, end + 64); at++) yield flippedBit(at, at % 8)
  if (bytes.length > end) yield truncation(end)
}

const sector = 512

/** Damages of each region of a file: its sectors, those between them, and a bit in each stretch of a few bytes. */
export function* damagesOfEachRegion(bytes: Uint8Array, end: number): Generator<Damage> {
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
