/**
 * What can become of a file's bytes: a flipped bit, a zeroed sector, a
 * truncation, garbage behind the end, two blocks that changed places.
 */

export type FileDamageKind =
  | "a flipped bit"
  | "a zeroed sector"
  | "a truncation"
  | "trailing garbage"
  | "swapped blocks"

export interface FileDamage {
  readonly kind: FileDamageKind
  /** Where it is, in words. */
  readonly where: string
  /** The first byte that it may change, and the first one behind them. */
  readonly at: number
  readonly until: number
  /** The file after it; the bytes that it is given stay as they are. */
  readonly apply: (bytes: Uint8Array) => Uint8Array
}

export const flippedBit = (at: number, bit: number): FileDamage => ({
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

export const zeroed = (at: number, length: number): FileDamage => ({
  kind: "a zeroed sector",
  where: `bytes ${at} to ${at + length}`,
  at,
  until: at + length,
  apply: (bytes) => bytes.slice().fill(0, at, at + length)
})

export const truncation = (at: number): FileDamage => ({
  kind: "a truncation",
  where: `at ${at}`,
  at,
  until: Infinity,
  apply: (bytes) => bytes.slice(0, at)
})

export const garbage = (at: number, what: string, tail: Uint8Array): FileDamage => ({
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
export const swapped = (one: number, other: number, length: number): FileDamage => ({
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
