/**
 * The range of a scan: its options checked, and its bounds made one pair.
 */
import { compareBytes, compareRanges, copyBytes } from "../record/Bytes.ts"
import type { SnapshotScanOptions } from "../Snapshot.ts"
import { InvalidArgument, inWords } from "../StoreError.ts"
import { keyProblem } from "../WriteBatch.ts"

interface Bound {
  readonly key: Uint8Array
  readonly inclusive: boolean
}

export interface ScanRange {
  readonly lower: Bound | undefined
  readonly upper: Bound | undefined
  readonly reverse: boolean
  readonly limit: number
}

/** The smallest key above every key with the prefix; undefined if there is none. */
const afterPrefix = (prefix: Uint8Array): Uint8Array | undefined => {
  let length = prefix.length
  while (length > 0 && prefix[length - 1] === 0xff) length--
  if (length === 0) return undefined
  const after = copyBytes(prefix.subarray(0, length))
  after[length - 1] = after[length - 1]! + 1
  return after
}

/** The bound that leaves less; `direction` is 1 for lower bounds and -1 for upper ones. */
const tighter = (a: Bound | undefined, b: Bound | undefined, direction: 1 | -1): Bound | undefined => {
  if (a === undefined) return b
  if (b === undefined) return a
  const order = compareBytes(a.key, b.key) * direction
  if (order !== 0) return order > 0 ? a : b
  return a.inclusive ? b : a
}

const bounds = ["gt", "gte", "lt", "lte", "prefix"] as const
const names: ReadonlySet<string> = new Set([...bounds, "reverse", "limit", "snapshot"])

/** Checks a scan's options and copies their bytes. */
export const scanRange = (options: SnapshotScanOptions = {}): ScanRange | InvalidArgument => {
  if (typeof options !== "object" || options === null) {
    return new InvalidArgument({ argument: "range", reason: "must be an object" })
  }
  for (const name of Object.keys(options)) {
    if (!names.has(name)) {
      return new InvalidArgument({ argument: name, reason: `is not part of a range; use ${[...names].join(", ")}` })
    }
  }
  for (const name of bounds) {
    const bound = options[name]
    const problem = bound === undefined ? undefined : keyProblem(bound)
    if (problem !== undefined) return new InvalidArgument({ argument: name, reason: problem })
  }
  const { limit = Number.POSITIVE_INFINITY, reverse = false } = options
  if (limit !== Number.POSITIVE_INFINITY && !(Number.isInteger(limit) && limit >= 0)) {
    return new InvalidArgument({ argument: "limit", reason: `must be a whole number from 0, not ${inWords(limit)}` })
  }
  if (typeof reverse !== "boolean") {
    return new InvalidArgument({ argument: "reverse", reason: `must be true or false, not ${inWords(reverse)}` })
  }
  const bound = (key: Uint8Array | undefined, inclusive: boolean): Bound | undefined =>
    key === undefined ? undefined : { key: copyBytes(key), inclusive }
  const { prefix } = options
  const lower = tighter(tighter(bound(options.gt, false), bound(options.gte, true), 1), bound(prefix, true), 1)
  const behind = prefix === undefined ? undefined : afterPrefix(prefix)
  const upper = tighter(tighter(bound(options.lt, false), bound(options.lte, true), -1), bound(behind, false), -1)
  return { lower, upper, reverse, limit }
}

const isSameBound = (a: Bound | undefined, b: Bound | undefined): boolean =>
  a === undefined || b === undefined ? a === b : a.inclusive === b.inclusive && compareBytes(a.key, b.key) === 0

/** True if both hold the same keys. */
export const isSameRange = (a: ScanRange, b: ScanRange): boolean =>
  isSameBound(a.lower, b.lower) && isSameBound(a.upper, b.upper)

/** True if the key lies beyond the bound at which the scan ends. */
export const isBehind = (range: ScanRange, buffer: Uint8Array, offset: number, length: number): boolean => {
  const end = range.reverse ? range.lower : range.upper
  if (end === undefined) return false
  const order = compareRanges(buffer, offset, length, end.key, 0, end.key.length)
  if (order === 0) return !end.inclusive
  return range.reverse ? order < 0 : order > 0
}
