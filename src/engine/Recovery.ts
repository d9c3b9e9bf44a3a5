/**
 * Brings a directory's store up: recovery is replay (I4, I5, I11, I15, I16).
 *
 * The manifest's events give the structure; the segments give the records since.
 * The old state stays whole until the one rename that puts the new one in force:
 *   1. fold the manifest, open its tables, see that every file it names is there
 *   2. replay the segments, and write what they hold as new, synced tables
 *   3. write a new manifest that names all tables, and move CURRENT to it
 *   4. create a new segment, and journal it
 *   5. remove what the manifest does not name
 * A crash before 3 leaves orphans and the old state; after it, orphans and the
 * new one; recovery begins with either. Nothing that was read is trusted to be
 * on disk: it is written anew, and no old segment or manifest is appended to.
 *
 * A read-only recovery keeps what it replays in memory and stops after 2.
 */
import { Effect } from "effect"
import type { Disk } from "../disk/Disk.ts"
import { removeFiles } from "../disk/removeFiles.ts"
import type { Jobs } from "../jobs/Jobs.ts"
import { replayLog } from "../log/LogReplay.ts"
import type { ReplayResult } from "../log/LogReplay.ts"
import type { ArenaMemtable } from "../memtable/ArenaMemtable.ts"
import { StoreCorrupted } from "../StoreError.ts"
import type { DiskError, InvalidArgument, UnsupportedFormat } from "../StoreError.ts"
import type { ResolvedOptions } from "../StoreOptions.ts"
import type { BlockCache } from "../table/BlockCache.ts"
import type { ReadPolicy } from "../table/ReadPolicy.ts"
import type { TableMeta } from "../table/TableMeta.ts"
import type { ArenaPool } from "./ArenaPool.ts"
import { currentManifest, readWhole } from "./Directory.ts"
import type { RecoveryFigures } from "./EngineState.ts"
import { manifestName, parseFileName, segmentName, tableName } from "./FileNames.ts"
import type { StoreFile } from "./FileNames.ts"
import type { LiveTable } from "./LiveTable.ts"
import { journalEvent, writeManifest } from "./Manifest.ts"
import type { ManifestFile } from "./Manifest.ts"
import { applyEvent } from "./ManifestEvent.ts"
import type { ManifestState } from "./ManifestEvent.ts"
import { readManifest } from "./ManifestLog.ts"
import type { OpenFiles } from "./OpenFiles.ts"
import { openTable } from "./OpenTable.ts"
import type { Retirement } from "./Retirement.ts"
import { createSegment } from "./Segment.ts"
import type { Segment } from "./Segment.ts"
import type { SyncedDirectory } from "./SyncedDirectory.ts"

export interface RecoveryAccess {
  readonly disk: Disk["Service"]
  readonly directory: SyncedDirectory
  readonly jobs: Jobs["Service"]
  readonly retirement: Retirement["Service"]
  readonly cache: BlockCache
  readonly files: OpenFiles
  readonly policy: ReadPolicy
  readonly arenas: ArenaPool
  readonly options: ResolvedOptions
}

/** What recovery found; each table carries one reference for the caller. */
export interface Recovered {
  readonly tables: ReadonlyArray<LiveTable>
  /** What was replayed, newest first; empty unless the store is read-only. */
  readonly memtables: ReadonlyArray<ArenaMemtable>
  /** Highest sequence of a record. */
  readonly lastSequence: number
  /** Highest sequence ever given, to a record that was discarded included. */
  readonly highestSequence: number
  readonly figures: Omit<RecoveryFigures, "milliseconds">
}

/** Where writes go on. */
export interface Writable {
  readonly manifest: ManifestFile
  readonly state: ManifestState
  readonly segment: Segment
}

type RecoveryError = DiskError | StoreCorrupted | UnsupportedFormat | InvalidArgument

const emptyState: ManifestState = {
  tables: [],
  segments: [],
  salts: new Map(),
  firstSegment: 1,
  nextTable: 1,
  lastSequence: 0
}

/** More than any manifest grows to before it is written anew, and less than memory. */
const maxManifestLength = 1024 * 1024 * 1024

const tablesAtOnce = 4

const listFiles = (disk: Disk["Service"], directory: string): Effect.Effect<Map<string, StoreFile>, DiskError> =>
  Effect.map(disk.list(directory), (names) => {
    const files = new Map<string, StoreFile>()
    for (const name of names) {
      const file = parseFileName(name)
      if (file !== undefined) files.set(name, file)
    }
    return files
  })

const highestNumber = (files: Map<string, StoreFile>, tag: "Manifest" | "Segment" | "Table"): number => {
  let highest = 0
  for (const file of files.values()) {
    if (file._tag === tag && "number" in file && file.number > highest) highest = file.number
  }
  return highest
}

const loadState = Effect.fnUntraced(function*(
  disk: Disk["Service"],
  directory: string
): Effect.fn.Return<ManifestState, RecoveryError> {
  const number = yield* currentManifest(disk, directory)
  const path = `${directory}/${manifestName(number)}`
  const bytes = yield* Effect.mapError(readWhole(disk, path, maxManifestLength), (error) =>
    error.code === "ENOENT"
      ? new StoreCorrupted({ file: path, offset: 0, reason: "CURRENT names it and it is missing" })
      : error)
  return yield* Effect.fromResult(readManifest(path, number, bytes))
})

/**
 * The segments to replay, oldest first. One more than the manifest names may be
 * there: its file is made before its event. A gap is damage (I15).
 */
const liveSegments = (
  directory: string,
  state: ManifestState,
  files: Map<string, StoreFile>
): Effect.Effect<ReadonlyArray<number>, StoreCorrupted> => {
  const present = new Set<number>()
  for (const file of files.values()) {
    if (file._tag === "Segment" && file.number >= state.firstSegment) present.add(file.number)
  }
  const end = Math.max(state.firstSegment + state.segments.length, ...[...present].map((number) => number + 1))
  const segments: Array<number> = []
  for (let number = state.firstSegment; number < end; number++) {
    if (!present.has(number)) {
      return Effect.fail(
        new StoreCorrupted({
          file: `${directory}/${segmentName(number)}`,
          offset: 0,
          reason: "the log goes on behind it, or the manifest names it, and it is missing"
        })
      )
    }
    segments.push(number)
  }
  return Effect.succeed(segments)
}

interface Replayed {
  readonly result: ReplayResult
  readonly written: ReadonlyArray<TableMeta>
  readonly memtables: ReadonlyArray<ArenaMemtable>
  readonly segments: number
}

const pathsOf = ({ options }: RecoveryAccess, metas: ReadonlyArray<TableMeta>): ReadonlyArray<string> =>
  metas.map((meta) => `${options.directory}/${tableName(meta.file)}`)

/** Replays the log. What it holds becomes tables, or memtables if the store is read-only. */
const replay = Effect.fnUntraced(function*(
  access: RecoveryAccess,
  state: ManifestState,
  files: Map<string, StoreFile>
): Effect.fn.Return<Replayed, RecoveryError> {
  const { arenas, disk, jobs, options } = access
  const { directory } = options
  const segments = yield* liveSegments(directory, state, files)
  const written: Array<TableMeta> = []
  const memtables: Array<ArenaMemtable> = []
  let nextTable = Math.max(state.nextTable, highestNumber(files, "Table") + 1)
  let index = yield* arenas.acquire(state.lastSequence + 1)

  const seal: Effect.Effect<void, RecoveryError> = Effect.suspend(() => {
    if (index.isEmpty) return Effect.void
    if (options.readOnly) {
      memtables.unshift(index)
      return Effect.void
    }
    const file = nextTable++
    const path = `${directory}/${tableName(file)}`
    const shape = {
      level: 0,
      blockSize: options.blockSize,
      filterBitsPerKey: options.filterBitsPerKey,
      compression: options.compression[0]!,
      pinned: []
    }
    return Effect.map(jobs.flush({ memtable: index.handle, target: { file, path, isMade: false }, shape }), (meta) => {
      written.unshift(meta)
      arenas.recycle(index)
    })
  })

  const run = Effect.gen(function*() {
    const result = yield* Effect.scoped(Effect.gen(function*() {
      const open = yield* Effect.forEach(segments, (segment) =>
        Effect.map(
          Effect.acquireRelease(disk.openRead(`${directory}/${segmentName(segment)}`), (file) => file.close),
          (file) => ({ segment, file })
        ))
      return yield* replayLog<RecoveryError>({
        segments: open,
        firstSequence: state.lastSequence + 1,
        durable: state.closed,
        headed: new Map(state.segments.map((segment) => [segment, state.salts.get(segment)])),
        onGroup: (group) => {
          const room = { records: group.count, bytes: group.payloadLength }
          // The log may begin far above the tables.
          if (index.isEmpty) index.reset(group.firstSequence)
          const isWithinLimit = index.isEmpty || index.usedBytes + room.bytes <= index.limit
          if (isWithinLimit && index.fits(room.records, room.bytes)) return undefined
          return Effect.map(Effect.andThen(seal, arenas.acquire(group.firstSequence, room)), (next) => {
            index = next
          })
        },
        onRecord: (buffer, kind, keyOffset, keyLength, valueOffset, valueLength, sequence) =>
          index.insert(kind, buffer, keyOffset, keyLength, valueOffset, valueLength, sequence)
      })
    }))
    yield* seal
    if (written.length > 0) yield* disk.syncDirectory(directory)
    return { result, written, memtables, segments: segments.length }
  })
  return yield* Effect.onError(run, () => removeFiles(disk, pathsOf(access, written)))
})

/** Opens the tables, in their order, each with one reference for the view to come. */
const openTables = (
  access: RecoveryAccess,
  metas: ReadonlyArray<TableMeta>
): Effect.Effect<ReadonlyArray<LiveTable>, RecoveryError> =>
  Effect.forEach(metas, (meta) => openTable(access, `${access.options.directory}/${tableName(meta.file)}`, meta), {
    concurrency: tablesAtOnce
  })

const removeOrphans = Effect.fnUntraced(function*(
  access: RecoveryAccess,
  files: Map<string, StoreFile>,
  writable: Writable
): Effect.fn.Return<void> {
  const { disk, options, retirement } = access
  const tables = new Set(writable.state.tables.map((table) => table.file))
  const isKept = (file: StoreFile): boolean =>
    file._tag === "Lock" || file._tag === "Current"
    // The new CURRENT was made under this name.
    || file._tag === "Temporary"
    || (file._tag === "Manifest" && file.number === writable.manifest.number)
    || (file._tag === "Table" && tables.has(file.number))
    || (file._tag === "Segment" && file.number >= writable.state.firstSegment)
  for (const [name, file] of files) {
    if (!isKept(file)) yield* retirement.removeFile(`${options.directory}/${name}`)
  }
  yield* Effect.ignore(disk.syncDirectory(options.directory))
})

/** What is to be made the store's new state, once it is read. */
export interface Plan {
  readonly files: Map<string, StoreFile>
  /** Paths of the tables that nothing but the new state names. */
  readonly fresh: ReadonlyArray<string>
  readonly state: ManifestState
}

/**
 * Reads the store in a directory that is examined and locked: steps 1 and 2. If
 * it fails or is interrupted, the tables that it opened close with the scope.
 */
export const recover = Effect.fnUntraced(function*(
  access: RecoveryAccess,
  exists: boolean
): Effect.fn.Return<{ readonly recovered: Recovered; readonly plan: Plan }, RecoveryError> {
  const { disk, options } = access
  const files = yield* listFiles(disk, options.directory)
  const state = exists ? yield* loadState(disk, options.directory) : emptyState
  const kept = yield* openTables(access, state.tables)
  const { memtables, result, segments, written } = yield* replay(access, state, files)
  const added = yield* Effect.onError(openTables(access, written), () => removeFiles(disk, pathsOf(access, written)))
  const highestSequence = Math.max(result.highestSequenceSeen, state.lastSequence)
  const tables = [...written, ...state.tables]
  const tableNumbers = [...files.values()].flatMap((file) => file._tag === "Table" ? [file.number] : [])
  return {
    recovered: {
      tables: [...added, ...kept],
      memtables,
      lastSequence: Math.max(result.lastSequence, state.lastSequence),
      highestSequence,
      figures: { segments, records: result.records, discardedBytes: result.discardedBytes }
    },
    plan: {
      files,
      fresh: pathsOf(access, written),
      state: {
        tables,
        segments: [],
        salts: new Map(),
        firstSegment: Math.max(state.firstSegment, highestNumber(files, "Segment") + 1),
        nextTable: Math.max(
          state.nextTable,
          ...tableNumbers.map((number) => number + 1),
          ...tables.map(({ file }) => file + 1)
        ),
        lastSequence: highestSequence
      }
    }
  }
})

/**
 * Puts the plan in force: steps 3 to 5. Uninterruptible, so that the files that
 * it opens have an owner when it returns.
 */
export const startWriting = (
  access: RecoveryAccess,
  { files, fresh: tables, state }: Plan
): Effect.Effect<Writable, DiskError> =>
  Effect.uninterruptible(Effect.gen(function*() {
    const { directory, disk } = access
    const number = highestNumber(files, "Manifest") + 1
    const fresh = yield* writeManifest(disk, directory, number, state, tables)
    const createFirst = Effect.gen(function*() {
      const segment = yield* createSegment(disk, directory, state.firstSegment)
      const event = segment.creation
      const next = applyEvent(state, event)
      if (typeof next === "string")
        return yield* Effect.die(new Error(`The manifest refused its first segment: ${next}.`))
      const manifest = yield* Effect.onError(journalEvent(fresh, event), () => segment.retire)
      return { manifest, state: next, segment }
    })
    const writable = yield* Effect.onError(createFirst, () => fresh.file.close)
    yield* removeOrphans(access, files, writable)
    return writable
  }))
