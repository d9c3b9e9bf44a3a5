/**
 * Reads the log back: the records of its segments in order, up to where it is
 * whole, and the judgement of what comes after. Carries I3, I4, I15 (for the
 * log) and I16 (sequences of what is discarded).
 *
 * A segment's groups end where there is no sound group and no sound group header
 * behind it in the file. The log is cut where that is not so, where a group does
 * not go on with the log before it, or where a segment's file header is bad.
 * Whether a cut is a crash or damage is decided by the highest durable position
 * that is known: what the caller knows, and what every sound group header says
 * that was replayed or that is found behind the cut, in later segments too.
 * Below it, the cut is `StoreCorrupted`; otherwise the log ends there and all
 * that follows is discarded. A group can't speak for itself: no sound header
 * claims more than its own offset. A file header that the caller knows to be
 * durable is damage wherever it is bad, or another segment's. Of a segment whose
 * end is known no more is read, and anything but that end is damage.
 *
 * Changes no file. Called by recovery only, before the store opens; what the
 * sinks got counts only if the replay succeeds.
 */
import { Effect } from "effect"
import type { ReadFile } from "../disk/Disk.ts"
import type { DiskError } from "../StoreError.ts"
import { StoreCorrupted, UnsupportedFormat } from "../StoreError.ts"
import { GroupChain } from "./GroupChain.ts"
import type { LogCut } from "./GroupChain.ts"
import { isAfter } from "./LogPosition.ts"
import type { LogPosition } from "./LogPosition.ts"
import { decodeSegmentHeader, segmentHeaderSize } from "./SegmentFormat.ts"
import type { SegmentHeader, SegmentSalt } from "./SegmentFormat.ts"
import { SegmentReader } from "./SegmentReader.ts"
import type { RecordSink, ReplayedGroup } from "./SegmentReader.ts"
import { Evidence, scanGroups } from "./SegmentScan.ts"

export interface LogSegment {
  readonly segment: number
  readonly file: ReadFile
  /** Where its log ends, and its last sequence, if that is known: all before is on stable storage. */
  readonly end?: { readonly offset: number; readonly lastSequence: number } | undefined
}

export interface ReplayOptions<E, R> {
  /** Oldest first. */
  readonly segments: ReadonlyArray<LogSegment>
  /** The lowest sequence that the first group may have: one above the last that is in tables. */
  readonly firstSequence: number
  /** A position known from elsewhere: all of the log before it was on stable storage. */
  readonly durable?: LogPosition | undefined
  /**
   * The segments whose file header is on stable storage, each with its salt if
   * that is known: one whose header is bad, or another's, is damaged.
   */
  readonly headed?: ReadonlyMap<number, SegmentSalt | undefined> | undefined
  /** Before the first group of each segment; an effect that it returns is run before that. */
  readonly onSegment?: ((segment: number) => Effect.Effect<void, E, R> | undefined) | undefined
  /** After the last group of each segment, if the log goes on so far: where its groups end. */
  readonly onSegmentEnd?: ((end: LogPosition, lastSequence: number) => void) | undefined
  /** Before the records of each group; an effect that it returns is run before they follow. */
  readonly onGroup?: ((group: ReplayedGroup) => Effect.Effect<void, E, R> | undefined) | undefined
  /** Each record, in sequence order; the buffer's content is valid during the call. */
  readonly onRecord: RecordSink
}

export interface ReplayResult {
  /** Of the last record delivered; one below `firstSequence` if there was none. */
  readonly lastSequence: number
  /** The highest in any sound group header, discarded ones included; new sequences start above it. */
  readonly highestSequenceSeen: number
  /** Where the log ends; (0, 0) if there are no segments. */
  readonly end: LogPosition
  /** Bytes behind the end of the log, in its last segment and later ones, trailing zeros of the files left out. */
  readonly discardedBytes: number
  readonly groups: number
  readonly records: number
}

type KnownHeader = Exclude<SegmentHeader, { readonly _tag: "Unsupported" }>

type Headed = ReplayOptions<never, never>["headed"]

/** What is wrong with a header that was once durable. */
const headerDamage = (header: KnownHeader, salt: SegmentSalt | undefined): string | undefined => {
  if (header._tag === "Bad") return `${header.reason}, though it was durable`
  if (salt === undefined) return undefined
  const { high, low } = header.identity.salt
  return low === salt.low && high === salt.high ? undefined : "it is another segment of this number"
}

const readHeader = Effect.fnUntraced(function*(
  { file, segment }: LogSegment,
  headed: Headed
): Effect.fn.Return<KnownHeader, DiskError | StoreCorrupted | UnsupportedFormat> {
  const bytes = yield* file.read(0, Math.min(segmentHeaderSize, file.size))
  const header = decodeSegmentHeader(bytes, segment)
  if (header._tag === "Unsupported") {
    return yield* new UnsupportedFormat({
      file: file.path,
      reason: `version ${header.version} of the log's format`
    })
  }
  const reason = headed?.has(segment) === true ? headerDamage(header, headed.get(segment)) : undefined
  return reason === undefined ? header : yield* new StoreCorrupted({ file: file.path, offset: 0, reason })
})

/** The file as if it ended there. */
const endingAt = (file: ReadFile, end: number): ReadFile => ({
  path: file.path,
  size: Math.min(file.size, end),
  read: (offset, length) => file.read(offset, length),
  readSync: (offset, length, into) => file.readSync(offset, length, into),
  close: file.close
})

/** Gathers what lies behind the cut; returns how many bytes that is. */
const examineDiscarded = (
  segments: ReadonlyArray<LogSegment>,
  headed: Headed,
  cut: LogPosition,
  evidence: Evidence
): Effect.Effect<number, DiskError | StoreCorrupted | UnsupportedFormat> =>
  Effect.gen(function*() {
    let discarded = 0
    for (const segment of segments) {
      if (segment.segment < cut.segment) continue
      const header = yield* readHeader(segment, headed)
      const salt = header._tag === "Valid" ? header.identity.salt : undefined
      const from = segment.segment === cut.segment ? cut.offset : 0
      const { contentEnd } = yield* scanGroups(segment.file, from, segment.segment, salt, evidence)
      discarded += contentEnd - from
    }
    return discarded
  })

/** Replays the log into the sinks, and says where it ends. */
export const replayLog = <E = never, R = never>(
  options: ReplayOptions<E, R>
): Effect.Effect<ReplayResult, StoreCorrupted | UnsupportedFormat | DiskError | E, R> =>
  Effect.gen(function*() {
    const { firstSequence, headed, onRecord, segments } = options
    const evidence = new Evidence(options.durable ?? { segment: 0, offset: 0 }, firstSequence - 1)
    const chain = new GroupChain(firstSequence)
    let groups = 0
    let records = 0
    let discardedBytes = 0
    let end: LogPosition = { segment: 0, offset: 0 }
    let endReason = ""
    let cut: LogCut | undefined

    for (const { end: known, file: whole, segment } of segments) {
      const file = known === undefined ? whole : endingAt(whole, known.offset)
      const header = yield* readHeader({ file, segment }, headed)
      if (header._tag === "Bad") {
        cut = { segment, offset: 0, reason: header.reason }
        break
      }
      chain.beginSegment(segment)
      const prepared = options.onSegment?.(segment)
      if (prepared !== undefined) yield* prepared
      const reader = new SegmentReader<E, R>(file, header.identity, {
        accepts: (group, offset) => {
          evidence.note(group)
          return chain.accepts(group, offset)
        },
        onGroup: (group) => {
          chain.passed(group)
          return options.onGroup?.(group)
        },
        onRecord
      })
      const stop = yield* reader.run
      const { offset } = reader
      groups += reader.groups
      records += reader.records
      if (stop._tag === "Unstable") {
        return yield* Effect.fail(new StoreCorrupted({ file: file.path, offset, reason: stop.reason }))
      }
      if (known !== undefined && (offset !== known.offset || chain.lastSequence !== known.lastSequence)) {
        const reason = `${chain.cut?.reason ?? stop.reason}, though it was closed at byte ${known.offset}`
        return yield* Effect.fail(new StoreCorrupted({ file: file.path, offset, reason }))
      }
      cut = chain.cut
      if (cut !== undefined) break
      const behind = yield* scanGroups(file, offset, segment, header.identity.salt, evidence)
      if (behind.found) {
        cut = { segment, offset, reason: stop.reason }
        break
      }
      chain.endSegment(offset)
      options.onSegmentEnd?.({ segment, offset }, chain.lastSequence)
      end = { segment, offset }
      endReason = stop.reason
      discardedBytes = behind.contentEnd - offset
      if (options.durable !== undefined && options.durable.segment === segment && options.durable.offset > offset) break
    }

    if (cut !== undefined) {
      discardedBytes = yield* examineDiscarded(segments, headed, cut, evidence)
      end = { segment: cut.segment, offset: cut.offset }
      endReason = cut.reason
    }
    const last = segments.find((candidate) => candidate.segment === end.segment)
    if (last !== undefined && isAfter(evidence.durable, end)) {
      const { offset, segment } = evidence.durable
      return yield* Effect.fail(
        new StoreCorrupted({
          file: last.file.path,
          offset: end.offset,
          reason: `${endReason}, though the log was durable up to byte ${offset} of segment ${segment}`
        })
      )
    }
    return {
      lastSequence: chain.lastSequence,
      highestSequenceSeen: Math.max(evidence.highestSequence, chain.lastSequence),
      end,
      discardedBytes,
      groups,
      records
    }
  })
