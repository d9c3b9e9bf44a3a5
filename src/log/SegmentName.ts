/**
 * The names of segment files: `wal-`, the segment's number in at least ten
 * decimal digits, zero-padded, the generation of the store that made it, and
 * `.seg`.
 */

/** Two segments of one number, made by two owners of a directory, have two names. */
export interface SegmentId {
  readonly segment: number
  readonly generation: number
}

export const segmentName = (segment: number, generation: number): string =>
  `wal-${String(segment).padStart(10, "0")}-${generation}.seg`

const pattern = /^wal-(\d{10,16})-(\d{1,16})\.seg$/

/** What a segment's name says, or undefined if the name is not one that `segmentName` gives. */
export const parseSegmentName = (name: string): SegmentId | undefined => {
  const match = pattern.exec(name)
  if (match === null) return undefined
  const segment = Number(match[1])
  const generation = Number(match[2])
  return Number.isSafeInteger(segment) && Number.isSafeInteger(generation) && segmentName(segment, generation) === name
    ? { segment, generation }
    : undefined
}
