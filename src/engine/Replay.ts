/**
 * Reads a store's log back, as recovery does (I2, I4, I15, I16).
 *
 * What the log holds becomes tables, unless it may stay where it is: a store
 * that only reads keeps all of it in memory, and after a clean close the log is
 * known to be on stable storage, so that it is kept beside its memtables. Those
 * that are kept begin and end with segments, so that a flush can retire whole
 * ones.
 */
import { Effect } from "effect"
import { removeFiles } from "../disk/removeFiles.ts"
import { isAfter } from "../log/LogPosition.ts"
import type { LogPosition } from "../log/LogPosition.ts"
import { replayLog } from "../log/LogReplay.ts"
import type { LogSegment, ReplayResult } from "../log/LogReplay.ts"
import { decodeSegmentHeader, segmentHeaderSize } from "../log/SegmentFormat.ts"
import type { ArenaMemtable } from "../memtable/ArenaMemtable.ts"
import { StoreCorrupted } from "../StoreError.ts"
import type { DiskError } from "../StoreError.ts"
import type { TableMeta } from "../table/TableMeta.ts"
import { readWhole } from "./Directory.ts"
import { currentName, segmentName, tablePath } from "./FileNames.ts"
import type { StoreFile } from "./FileNames.ts"
import type { LiveSegment, ManifestState } from "./ManifestEvent.ts"
import type { RecoveryAccess, RecoveryError } from "./RecoveryAccess.ts"

/** A clean close leaves a segment a life; from so many on an opening writes them as one table. */
const mostKeptSegments = 8

/** A memtable, and the segments that it holds all of. */
export interface ReplayedMemtable {
  readonly index: ArenaMemtable
  /** Oldest first; none in a store that only reads. */
  readonly segments: ReadonlyArray<LiveSegment>
}

export interface Replayed {
  readonly result: ReplayResult
  /** Synced tables that no manifest names, newest first. */
  readonly written: ReadonlyArray<TableMeta>
  /** What stays in memory, newest first. */
  readonly memtables: ReadonlyArray<ReplayedMemtable>
  /** Segments that the manifest names, and those behind them. */
  readonly segments: number
}

/** A segment to replay; one that the manifest does not name has no salt that is known. */
type LogFile = Pick<LiveSegment, "segment" | "generation"> & Partial<LiveSegment>

/**
 * The segments to replay, oldest first. More than the manifest names may be
 * there: a segment's file is made before its event. A gap is damage (I15).
 */
const liveSegments = (
  directory: string,
  generation: number,
  { nextSegment, segments }: ManifestState,
  files: ReadonlyMap<string, StoreFile>
): Effect.Effect<ReadonlyArray<LogFile>, StoreCorrupted> => {
  let last = nextSegment - 1
  for (const file of files.values()) {
    if (file._tag === "Segment" && file.generation === generation) last = Math.max(last, file.number)
  }
  const found: Array<LogFile> = []
  const take = (log: LogFile): StoreCorrupted | undefined => {
    const name = segmentName(log.segment, log.generation)
    found.push(log)
    if (files.has(name)) return undefined
    const reason = "the log goes on behind it, or the manifest names it, and it is missing"
    return new StoreCorrupted({ file: `${directory}/${name}`, offset: 0, reason })
  }
  for (const log of segments) {
    const missing = take(log)
    if (missing !== undefined) return Effect.fail(missing)
  }
  for (let segment = nextSegment; segment <= last; segment++) {
    const missing = take({ segment, generation })
    if (missing !== undefined) return Effect.fail(missing)
  }
  return Effect.succeed(found)
}

/**
 * Fails if a segment of this store is there that is later than the CURRENT in
 * force: it was made when a later CURRENT was durable, which is missing (I15). A
 * segment of another store may be there, made by one that was stalled as its
 * directory was moved away.
 */
const refuseLater = Effect.fnUntraced(function*(
  { disk, options: { directory } }: RecoveryAccess,
  current: number,
  { origin }: ManifestState,
  files: ReadonlyMap<string, StoreFile>
): Effect.fn.Return<void, DiskError | StoreCorrupted> {
  for (const [name, file] of files) {
    if (file._tag !== "Segment" || file.generation <= current) continue
    const bytes = yield* readWhole(disk, `${directory}/${name}`, segmentHeaderSize)
    const header = decodeSegmentHeader(bytes, file.number)
    if (header._tag !== "Valid" || header.origin !== origin) continue
    const path = `${directory}/${currentName(file.generation)}`
    return yield* new StoreCorrupted({ file: path, offset: 0, reason: `it is missing, but ${name} is there` })
  }
})

export const pathsOf = (directory: string, metas: ReadonlyArray<TableMeta>): ReadonlyArray<string> =>
  metas.map((meta) => tablePath(directory, meta))

/** Replays the log of the store whose manifest has this generation and this state. */
export const replay = Effect.fnUntraced(function*(
  access: RecoveryAccess,
  generation: number,
  state: ManifestState,
  files: ReadonlyMap<string, StoreFile>,
  firstTable: number
): Effect.fn.Return<Replayed, RecoveryError> {
  const { arenas, disk, fence, jobs, options } = access
  const { directory } = options
  const segments = yield* liveSegments(directory, generation, state, files)
  yield* refuseLater(access, generation, state, files)
  const written: Array<TableMeta> = []
  const memtables: Array<ReplayedMemtable> = []
  let nextTable = firstTable
  /** Of what is being filled: its segments so far, and the last one's first sequence, 0 if it has no group yet. */
  let held: Array<LiveSegment> = []
  let firstSequence = 0
  const { closed } = state
  // An opening that came no further than its manifest has left what it kept as it was.
  const isClosed = closed !== undefined || state.segments.every(({ kept }) => kept !== undefined)
  // The last one of a clean close is empty, or counts: it has to be read to know.
  let isKeeping = fence !== undefined && isClosed && segments.length <= mostKeptSegments + 2
  let isClean = isClosed
  let lastGroupEnd: LogPosition = { segment: 0, offset: 0 }
  let index = yield* arenas.acquire(state.lastSequence + 1)

  const write = (full: ArenaMemtable): Effect.Effect<void, RecoveryError> =>
    Effect.suspend(() => {
      if (fence === undefined) return Effect.die(new Error("A store that only reads writes no table."))
      const target = { file: nextTable++, generation: fence.generation }
      const shape = {
        level: 0,
        blockSize: options.blockSize,
        filterBitsPerKey: options.filterBitsPerKey,
        compression: options.compression[0]!,
        pinned: []
      }
      const path = tablePath(directory, target)
      return Effect.map(
        jobs.flush({ memtable: full.handle, target: { ...target, path, isMade: false }, shape }),
        (meta) => {
          written.unshift(meta)
          arenas.recycle(full)
        }
      )
    })

  const seal: Effect.Effect<void, RecoveryError> = Effect.suspend(() => {
    if (index.isEmpty) return Effect.void
    if (fence !== undefined && !isKeeping) return write(index)
    memtables.unshift({ index, segments: held })
    held = []
    return Effect.void
  })

  /** What was to be kept is written after all, oldest first. */
  const keepNothing: Effect.Effect<void, RecoveryError> = Effect.suspend(() => {
    isKeeping = false
    held = []
    return Effect.forEach(memtables.splice(0).toReversed(), (memtable) => write(memtable.index), { discard: true })
  })

  const sealAndBegin = (base: number, room?: { readonly records: number; readonly bytes: number }) =>
    Effect.map(Effect.andThen(seal, arenas.acquire(base, room)), (next) => {
      index = next
    })

  const run = Effect.gen(function*() {
    const result = yield* Effect.scoped(Effect.gen(function*() {
      const open: Array<LogSegment> = []
      for (const { generation: made, kept, salt, segment } of segments) {
        const file = yield* Effect.catchIf(
          Effect.acquireRelease(disk.openRead(`${directory}/${segmentName(segment, made)}`), (each) => each.close),
          // An owner of before has taken it away, whose event for it was not begun: it held nothing yet.
          ({ code }) => code === "ENOENT" && salt === undefined,
          () => Effect.succeed(undefined)
        )
        if (file === undefined) break
        const end = kept === undefined ? undefined : { offset: kept.end, lastSequence: kept.lastSequence }
        open.push({ segment, file, end })
      }
      const lastKept = state.segments.findLast(({ kept }) => kept !== undefined)
      return yield* replayLog<RecoveryError>({
        segments: open,
        firstSequence: state.lastSequence + 1,
        durable: closed ?? (lastKept && { segment: lastKept.segment, offset: lastKept.kept!.end }),
        headed: new Map(state.segments.map(({ salt, segment }) => [segment, salt])),
        onSegment: () => {
          firstSequence = 0
          // Another segment's worth still fits its arena.
          return isKeeping && index.usedBytes * 2 > index.limit ? sealAndBegin(index.lastSequence + 1) : undefined
        },
        onSegmentEnd: ({ offset, segment }, lastSequence) => {
          const { generation: made, salt } = segments.find((each) => each.segment === segment)!
          if (firstSequence === 0) return
          lastGroupEnd = { segment, offset }
          if (salt === undefined) isClean = false
          else held.push({ segment, generation: made, salt, kept: { firstSequence, lastSequence, end: offset } })
        },
        onGroup: (group) => {
          const room = { records: group.count, bytes: group.payloadLength }
          if (firstSequence === 0) firstSequence = group.firstSequence
          // The log may begin far above the tables.
          if (index.isEmpty) index.reset(group.firstSequence)
          const isWithinLimit = isKeeping || index.isEmpty || index.usedBytes + room.bytes <= index.limit
          if (isWithinLimit && index.fits(room.records, room.bytes)) return undefined
          // In the middle of a segment no memtable can begin that is kept.
          return Effect.andThen(isKeeping ? keepNothing : Effect.void, sealAndBegin(group.firstSequence, room))
        },
        onRecord: (buffer, kind, keyOffset, keyLength, valueOffset, valueLength, sequence) =>
          index.insert(kind, buffer, keyOffset, keyLength, valueOffset, valueLength, sequence)
      })
    }))
    yield* seal
    if (result.discardedBytes > 0 || result.highestSequenceSeen !== result.lastSequence) isClean = false
    if (closed !== undefined && isAfter(lastGroupEnd, closed)) isClean = false
    const keeps = memtables.reduce((sum, memtable) => sum + memtable.segments.length, 0)
    if (isKeeping && !(isClean && keeps <= mostKeptSegments)) yield* keepNothing
    if (written.length > 0) yield* disk.syncDirectory(directory)
    return { result, written, memtables, segments: segments.length }
  })
  return yield* Effect.onError(run, () => removeFiles(disk, pathsOf(directory, written)))
})
