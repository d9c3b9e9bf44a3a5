/**
 * Looks for sound group headers where the groups can't be walked: behind damage,
 * and behind the end of a segment. Carries the log's part of I15 (what a later
 * header says was durable) and of I16 (sequences of discarded groups).
 *
 * Every aligned offset is tried, once: no length in the file steers the scan, so
 * it is linear whatever the bytes are. Called by the replay only.
 */
import { Effect } from "effect"
import type { ReadFile } from "../disk/Disk.ts"
import type { DiskError } from "../StoreError.ts"
import type { LogPosition } from "./LogPosition.ts"
import { isAfter } from "./LogPosition.ts"
import { groupAlignment, GroupHeader, groupHeaderSize, looksLikeGroup, saltOfGroup } from "./SegmentFormat.ts"
import type { SegmentSalt } from "./SegmentFormat.ts"

/** The highest of what group headers, and whoever made this, say. */
export class Evidence {
  durable: LogPosition
  highestSequence: number

  constructor(durable: LogPosition, highestSequence: number) {
    this.durable = durable
    this.highestSequence = highestSequence
  }

  note(header: GroupHeader): void {
    const { segment, offset } = this.durable
    if (header.durableSegment > segment || (header.durableSegment === segment && header.durableOffset > offset)) {
      this.raise({ segment: header.durableSegment, offset: header.durableOffset })
    }
    if (header.lastSequence > this.highestSequence) this.highestSequence = header.lastSequence
  }

  raise(durable: LogPosition): void {
    if (isAfter(durable, this.durable)) this.durable = durable
  }
}

export interface ScanResult {
  /** Whether there was a sound group header. */
  readonly found: boolean
  /** Behind the last byte that is not zero, or where the scan began if there is none. */
  readonly contentEnd: number
}

const pieceLength = 512 * 1024
const blockLength = 16 * 1024
const zeros = new Uint8Array(blockLength)

const isZero = (bytes: Uint8Array, from: number, to: number): boolean =>
  Buffer.compare(bytes.subarray(from, to), zeros.subarray(0, to - from)) === 0

/**
 * Tries every aligned offset from `from` on, which is aligned. Without a salt
 * (the file header is lost) the first header that is sound by the salt it names
 * itself gives it for the rest.
 */
export const scanGroups = (
  file: ReadFile,
  from: number,
  segment: number,
  salt: SegmentSalt | undefined,
  evidence: Evidence
): Effect.Effect<ScanResult, DiskError> =>
  Effect.gen(function*() {
    const header = new GroupHeader()
    let identity = salt === undefined ? undefined : { segment, salt }
    let found = false
    let contentEnd = from

    const scanRange = (bytes: Uint8Array, start: number, begin: number, end: number): void => {
      for (let at = begin; at < end; at += groupAlignment) {
        if (!looksLikeGroup(bytes, at)) continue
        const candidate = identity ?? { segment, salt: saltOfGroup(bytes, at) }
        if (!header.read(bytes, at, candidate, start + at)) continue
        identity = candidate
        found = true
        evidence.note(header)
      }
    }

    let start = from
    while (start < file.size) {
      const bytes = yield* file.read(start, Math.min(pieceLength, file.size - start))
      const headersEnd = Math.max(0, bytes.length - groupHeaderSize + 1)
      for (let block = 0; block < bytes.length; block += blockLength) {
        const blockEnd = Math.min(block + blockLength, bytes.length)
        if (isZero(bytes, block, blockEnd)) continue
        let last = blockEnd - 1
        while (bytes[last] === 0) last--
        contentEnd = Math.max(contentEnd, start + last + 1)
        scanRange(bytes, start, block, Math.min(blockEnd, headersEnd))
      }
      if (start + bytes.length >= file.size) break
      // Headers that begin in the last bytes of the piece are tried as part of the next one.
      start += bytes.length - groupHeaderSize + groupAlignment
      yield* Effect.yieldNow
    }
    return { found, contentEnd }
  })
