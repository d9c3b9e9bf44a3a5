/**
 * How keys and their versions lie in the arena. A leaf is one key; its first
 * version lies in it, and later ones are records of their own in a chain from
 * the newest to the oldest. Offsets in words.
 *
 * Leaf:
 *   0  header: type 0 in the low bits, key length from bit 12
 *   1  reference of the newest version
 *   2  the first version: sequence (distance from the base sequence)
 *   3  the first version: meta
 *   4  the key's bytes, then the value's, then padding to a word
 * Later version:
 *   0  sequence
 *   1  meta
 *   2  reference of the next older version
 *   3  the value's bytes, then padding to a word
 * Meta: kind in bits 0 and 1, bit 2 set in a first version, value length from bit 3.
 *
 * The reference of a first version is that of its leaf plus 2, so that sequence
 * and meta have the same place in both. Private to src/memtable.
 */
import { RecordKind } from "../record/RecordKind.ts"

export const leafHeaderBytes = 16
export const versionHeaderBytes = 12
const firstFlag = 4

/**
 * Most bytes that a record takes here beyond its encoded ones, index aside: the
 * header of a leaf and the padding, less the two bytes of kind and key length
 * that the encoding has at least.
 */
export const recordOverheadBytes = leafHeaderBytes + 3 - 2

export const keyOffsetOf = (leaf: number): number => leaf * 4 + leafHeaderBytes

export const keyLengthOf = (words: Uint32Array, leaf: number): number => words[leaf]! >>> 12

export const newestOf = (words: Uint32Array, leaf: number): number => words[leaf + 1]!

/** The version before `version` of the same key, or 0. */
export const olderOf = (words: Uint32Array, version: number): number =>
  (words[version + 1]! & firstFlag) !== 0 ? 0 : words[version + 2]!

export const kindOf = (words: Uint32Array, version: number): RecordKind =>
  (words[version + 1]! & 3) === RecordKind.put ? RecordKind.put : RecordKind.delete

export const valueLengthOf = (words: Uint32Array, version: number): number => words[version + 1]! >>> 3

export const valueOffsetOf = (words: Uint32Array, version: number): number =>
  (words[version + 1]! & firstFlag) !== 0
    ? version * 4 + (leafHeaderBytes - 8) + (words[version - 2]! >>> 12)
    : version * 4 + versionHeaderBytes

/** The newest version of a chain at or below `distance` from the base sequence, or 0. */
export const versionAt = (words: Uint32Array, newest: number, distance: number): number => {
  let version = newest
  while (words[version]! > distance) {
    version = olderOf(words, version)
    if (version === 0) return 0
  }
  return version
}

export const writeLeafHeader = (
  words: Uint32Array,
  leaf: number,
  keyLength: number,
  distance: number,
  kind: RecordKind,
  valueLength: number
): void => {
  words[leaf] = keyLength << 12
  words[leaf + 1] = leaf + 2
  words[leaf + 2] = distance
  words[leaf + 3] = kind | firstFlag | (valueLength << 3)
}

/** Writes a later version and puts it before the leaf's others. */
export const writeVersionHeader = (
  words: Uint32Array,
  version: number,
  leaf: number,
  distance: number,
  kind: RecordKind,
  valueLength: number
): void => {
  words[version] = distance
  words[version + 1] = kind | (valueLength << 3)
  words[version + 2] = words[leaf + 1]!
  words[leaf + 1] = version
}
