/**
 * Brings a directory's store up: recovery is replay (I4, I5, I11, I15, I16).
 *
 * The manifest's events give the structure; the segments give the records since.
 * The old state stays whole until the one rename that puts the new one in force:
 *   1. fold the manifest, open its tables, see that every file it names is there
 *   2. replay the segments, and write what they hold as new, synced tables; after
 *      a clean close keep them instead, unless there are many
 *   3. write a new manifest that names all of it, and move CURRENT to it
 *   4. remove what the manifest does not name
 *   5. create a new segment, and journal it
 * A crash before 3 leaves orphans and the old state; after it, orphans and the
 * new one; recovery begins with either. After an unclean end nothing that was
 * read is trusted to be on disk: it is written anew. No old segment or manifest
 * is appended to. All that is made carries the generation of this opening, so a
 * stalled owner of the past can neither overwrite nor remove it (I26).
 *
 * A read-only recovery keeps what it replays in memory and stops after 2.
 */
import { Effect, Schedule } from "effect"
import type { Disk } from "../disk/Disk.ts"
import { removeFiles } from "../disk/removeFiles.ts"
import { StoreCorrupted, StoreFenced } from "../StoreError.ts"
import type { DiskError } from "../StoreError.ts"
import type { TableMeta } from "../table/TableMeta.ts"
import { currentGeneration, currentManifest, readWhole } from "./Directory.ts"
import type { RecoveryFigures } from "./EngineState.ts"
import { lookInterval } from "./Fence.ts"
import type { Fence } from "./Fence.ts"
import { manifestName, segmentName, storeFiles, tableName, tablePath } from "./FileNames.ts"
import type { StoreFile } from "./FileNames.ts"
import type { LiveTable } from "./LiveTable.ts"
import { journalEvent, writeManifest } from "./Manifest.ts"
import type { ManifestFile } from "./Manifest.ts"
import { applyEvent } from "./ManifestEvent.ts"
import type { ManifestState } from "./ManifestEvent.ts"
import { readManifest } from "./ManifestLog.ts"
import type { ManifestId } from "./ManifestLog.ts"
import { openTable } from "./OpenTable.ts"
import type { RecoveryAccess, RecoveryError } from "./RecoveryAccess.ts"
import { pathsOf, replay } from "./Replay.ts"
import type { ReplayedMemtable } from "./Replay.ts"
import { createSegment } from "./Segment.ts"
import type { Segment } from "./Segment.ts"
import { tidyLevel0 } from "./SmallTables.ts"

/** What recovery found; each table carries one reference for the caller. */
export interface Recovered {
  readonly tables: ReadonlyArray<LiveTable>
  /** What was replayed and stays in memory, newest first. */
  readonly memtables: ReadonlyArray<ReplayedMemtable>
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

const emptyState = (origin: number): ManifestState => ({
  origin,
  tables: [],
  segments: [],
  nextSegment: 1,
  nextTable: 1,
  lastSequence: 0
})

/** The generation of no manifest. */
const noGeneration = -1

/** More than any manifest grows to before it is written anew, and less than memory. */
const maxManifestLength = 1024 * 1024 * 1024

const tablesAtOnce = 4

/** The number for the next file of a kind. */
const nextNumber = (files: ReadonlyMap<string, StoreFile>, tag: "Manifest" | "Segment" | "Table"): number => {
  let highest = 0
  for (const file of files.values()) {
    if (file._tag === tag && file.number > highest) highest = file.number
  }
  return highest + 1
}

/** Whether the manifest in force names a table; true where that can't be told. */
export const isNamedTable = (disk: Disk["Service"], directory: string, path: string): Effect.Effect<boolean> =>
  Effect.gen(function*() {
    const files = storeFiles(yield* disk.list(directory))
    const { tables } = yield* loadState(disk, directory, yield* currentManifest(disk, directory, files))
    return tables.some((meta) => tablePath(directory, meta) === path)
  }).pipe(Effect.catch(() => Effect.succeed(true)))

const loadState = Effect.fnUntraced(function*(
  disk: Disk["Service"],
  directory: string,
  id: ManifestId
): Effect.fn.Return<ManifestState, RecoveryError> {
  const path = `${directory}/${manifestName(id.number, id.generation)}`
  const bytes = yield* Effect.mapError(readWhole(disk, path, maxManifestLength), (error) =>
    error.code === "ENOENT"
      ? new StoreCorrupted({ file: path, offset: 0, reason: "CURRENT names it and it is missing" })
      : error)
  return yield* Effect.fromResult(readManifest(path, id, bytes))
})

/** Opens the tables, in their order, each with one reference for the view to come. */
const openTables = (
  access: RecoveryAccess,
  metas: ReadonlyArray<TableMeta>
): Effect.Effect<ReadonlyArray<LiveTable>, RecoveryError> =>
  Effect.forEach(metas, (meta) => openTable(access, tablePath(access.options.directory, meta), meta), {
    concurrency: tablesAtOnce
  })

/** Removes what earlier openings have left. What later ones have made is theirs. */
const removeOrphans = Effect.fnUntraced(function*(
  { disk, options, retirement }: RecoveryAccess,
  files: ReadonlyMap<string, StoreFile>,
  generation: number,
  { segments, tables }: ManifestState
): Effect.fn.Return<void> {
  const named = new Set([
    ...segments.map((each) => segmentName(each.segment, each.generation)),
    ...tables.map((each) => tableName(each.file, each.generation))
  ])
  for (const [name, file] of files) {
    if (file._tag === "Lock" || file.generation >= generation || named.has(name)) continue
    yield* retirement.removeFile(`${options.directory}/${name}`)
  }
  yield* Effect.ignore(disk.syncDirectory(options.directory))
})

/** What is to be made the store's new state, once it is read. */
export interface Plan {
  readonly files: ReadonlyMap<string, StoreFile>
  /** Paths of the tables that nothing but the new state names. */
  readonly fresh: ReadonlyArray<string>
  readonly state: ManifestState
}

/**
 * Reads the store in a directory that is examined, locked and, unless it is only
 * read, owned: steps 1 and 2. `exists`: it was found to hold one. If it fails or is interrupted, the tables that it
 * opened close with the scope.
 */
export const recover = Effect.fnUntraced(function*(
  access: RecoveryAccess,
  exists: boolean
): Effect.fn.Return<{ readonly recovered: Recovered; readonly plan: Plan }, RecoveryError> {
  const { disk, options: { directory } } = access
  const files = storeFiles(yield* disk.list(directory))
  const isThere = currentGeneration(files) >= 0
  // Found when the directory was examined, and gone since: it is another directory now.
  if (exists && !isThere) return yield* new StoreFenced({ directory })
  const id = isThere ? yield* currentManifest(disk, directory, files) : undefined
  const state = id === undefined
    ? emptyState(access.fence?.generation ?? noGeneration)
    : yield* loadState(disk, directory, id)
  const opened = yield* openTables(access, state.tables)
  const firstTable = Math.max(state.nextTable, nextNumber(files, "Table"))
  const { memtables, result, segments, written } = yield* Effect.retry(
    replay(access, id?.generation ?? noGeneration, state, files, firstTable),
    {
      times: 1,
      // An owner of before, whom the lock has not kept out, may have been writing until its next look.
      while: ({ _tag }) => _tag === "StoreCorrupted" && access.fence !== undefined && state.closed === undefined,
      schedule: Schedule.spaced(2 * lookInterval)
    }
  )
  const tidyAndOpen = Effect.gen(function*() {
    const tidied = yield* tidyLevel0(access, [...written, ...state.tables], written, firstTable + written.length)
    const added = yield* Effect.onError(
      openTables(access, tidied.made),
      () => removeFiles(disk, pathsOf(directory, tidied.made))
    )
    return { ...tidied, added }
  })
  const { added, made, tables } = yield* Effect.onError(
    tidyAndOpen,
    () => removeFiles(disk, pathsOf(directory, written))
  )
  const live = new Set(tables)
  const kept: Array<LiveTable> = []
  for (const table of opened) {
    if (live.has(table.reader.meta)) kept.push(table)
    else table.release()
  }
  const highestSequence = Math.max(result.highestSequenceSeen, state.lastSequence)
  const keptSegments = memtables.toReversed().flatMap((memtable) => memtable.segments)
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
      fresh: pathsOf(directory, made),
      state: {
        origin: state.origin,
        tables,
        segments: keptSegments,
        nextSegment: Math.max(state.nextSegment, nextNumber(files, "Segment")),
        nextTable: Math.max(firstTable, ...made.map(({ file }) => file + 1)),
        // What is kept in the log begins above it.
        lastSequence: keptSegments.length > 0 ? state.lastSequence : highestSequence
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
  fence: Fence,
  { files, fresh, state }: Plan
): Effect.Effect<Writable, DiskError | StoreFenced> =>
  Effect.uninterruptible(Effect.gen(function*() {
    const { directory, disk } = access
    const { generation } = fence
    const written = yield* writeManifest({ disk, directory, fence }, nextNumber(files, "Manifest"), state, fresh)
    const createFirst = Effect.gen(function*() {
      // First, so that an opening that fails here takes no more space each time.
      yield* removeOrphans(access, files, generation, state)
      // In a new store it is made only now: a segment without a CURRENT is damage.
      const segment = yield* createSegment(disk, directory, {
        number: state.nextSegment,
        generation,
        origin: state.origin
      })
      const before = state.segments.at(-1)
      if (before?.kept !== undefined) segment.writer.follow({ segment: before.segment, offset: before.kept.end })
      const next = applyEvent(state, segment.creation)
      if (typeof next === "string")
        return yield* Effect.die(new Error(`The manifest refused its first segment: ${next}.`))
      yield* Effect.onError(fence.check, () => Effect.andThen(segment.retire, removeFiles(disk, [segment.path])))
      const manifest = yield* Effect.onError(
        journalEvent(fence, written, segment.creation),
        () => segment.retire
      )
      return { manifest, state: next, segment }
    })
    return yield* Effect.onError(createFirst, () => written.file.close)
  }))
