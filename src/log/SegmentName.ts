/**
 * The names of segment files: `wal-` and the segment's number in at least ten
 * decimal digits, zero-padded, and `.seg`.
 */

export const segmentName = (segment: number): string => `wal-${String(segment).padStart(10, "0")}.seg`

const pattern = /^wal-(\d{10,16})\.seg$/

/** The number in a segment's name, or undefined if the name is not one that `segmentName` gives. */
export const parseSegmentName = (name: string): number | undefined => {
  const match = pattern.exec(name)
  if (match === null) return undefined
  const segment = Number(match[1])
  return Number.isSafeInteger(segment) && segmentName(segment) === name ? segment : undefined
}
