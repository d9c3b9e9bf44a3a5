/**
 * Byte comparison and small copies, without allocation.
 *
 * Called per key on the hot paths: plain loops over typed arrays, which for the
 * lengths of keys beat a call into native code.
 */

/** Compares two ranges bytewise, unsigned; a prefix sorts before what it begins. Negative, zero or positive. */
export const compareRanges = (
  a: Uint8Array,
  aOffset: number,
  aLength: number,
  b: Uint8Array,
  bOffset: number,
  bLength: number
): number => {
  const shared = aLength < bLength ? aLength : bLength
  for (let i = 0; i < shared; i++) {
    const difference = a[aOffset + i]! - b[bOffset + i]!
    if (difference !== 0) return difference
  }
  return aLength - bLength
}

/** Compares two arrays bytewise, unsigned. Negative, zero or positive. */
export const compareBytes = (a: Uint8Array, b: Uint8Array): number => compareRanges(a, 0, a.length, b, 0, b.length)

/** No bytes at all, for fields that name none yet: a fresh array, however short, costs more than the rest of an object. */
export const noBytes: Uint8Array<ArrayBuffer> = new Uint8Array(0)

/** The same bytes in memory of their own. (`slice` would not do: that of a `Buffer` shares its memory.) */
export const copyBytes = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes)

const loopLimit = 48

/** Copies a range; the ranges must not overlap in one buffer. */
export const copyRange = (
  source: Uint8Array,
  sourceOffset: number,
  target: Uint8Array,
  targetOffset: number,
  length: number
): void => {
  if (length <= loopLimit) {
    for (let i = 0; i < length; i++) target[targetOffset + i] = source[sourceOffset + i]!
  } else if (length === source.length) {
    target.set(source, targetOffset)
  } else {
    target.set(source.subarray(sourceOffset, sourceOffset + length), targetOffset)
  }
}
