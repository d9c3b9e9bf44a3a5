/** Whether the segments of a log hold what they should: sequences without a gap, each segment's below those of the next (I2). */
import { Effect, Exit } from "effect"
import { decodeSegmentHeader, segmentHeaderSize } from "../../log/SegmentFormat.ts"
import { SegmentReader } from "../../log/SegmentReader.ts"
import type { DiskError } from "../../StoreError.ts"
import type { Problem } from "../Problem.ts"
import { fileOfBytes } from "./FileBytes.ts"

/** The sequences of one segment. */
export interface SegmentSequences {
  /** Both 0 in a segment without records. */
  readonly first: number
  readonly last: number
  /** Why its sequences are not one stretch, or why it can't be read. */
  readonly reason?: string
}

/** Reads the groups of a segment, from the first to where its log ends. */
export const sequencesIn = (segment: number, bytes: Uint8Array): SegmentSequences => {
  const header = decodeSegmentHeader(bytes.subarray(0, segmentHeaderSize), segment)
  if (header._tag === "Unsupported") return { first: 0, last: 0, reason: `has format ${header.version}` }
  if (header._tag === "Bad") return { first: 0, last: 0, reason: header.reason }
  let first = 0
  let last = 0
  let gap: string | undefined
  const reader = new SegmentReader<DiskError, never>(fileOfBytes(`segment ${segment}`, bytes), header.identity, {
    accepts: ({ firstSequence }) => {
      if (last > 0 && firstSequence !== last + 1) gap ??= `goes on with sequence ${firstSequence} after ${last}`
      return true
    },
    onGroup: ({ count, firstSequence }) => {
      if (first === 0) first = firstSequence
      last = firstSequence + count - 1
      return undefined
    },
    onRecord: () => {}
  })
  const exit = Effect.runSyncExit(reader.run)
  const reason = Exit.isSuccess(exit)
    ? exit.value._tag === "Unstable" ? exit.value.reason : gap
    : "can't be read"
  return reason === undefined ? { first, last } : { first, last, reason }
}

/** Checks segments, oldest first, of a log whose sequences up to `flushed` are in tables. */
export const segmentProblems = (
  segments: ReadonlyArray<{ readonly segment: number; readonly bytes: Uint8Array }>,
  flushed: number
): ReadonlyArray<Problem> => {
  const problems: Array<Problem> = []
  let before = flushed
  for (const { bytes, segment } of segments) {
    const { first, last, reason } = sequencesIn(segment, bytes)
    if (reason !== undefined) problems.push({ invariant: "I2", message: `segment ${segment} ${reason}` })
    if (last === 0) continue
    if (first <= before) {
      problems.push({
        invariant: "I2",
        message: `segment ${segment} begins with sequence ${first}, not above ${before}`
      })
    }
    before = Math.max(before, last)
  }
  return problems
}
