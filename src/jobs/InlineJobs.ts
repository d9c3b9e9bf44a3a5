/**
 * Runs background jobs on the event loop, in slices: after each the job yields,
 * so that no reader or writer waits for more than one slice.
 *
 * For a store without workers, and for tests: everything happens in one thread,
 * in an order that the scheduler decides.
 */
import { Effect, Layer } from "effect"
import { Disk } from "../disk/Disk.ts"
import type { AppendFile } from "../disk/Disk.ts"
import { ArenaMemtable } from "../memtable/ArenaMemtable.ts"
import { CursorStatus } from "../record/Cursor.ts"
import type { VersionIterator } from "../record/Cursor.ts"
import type { DiskError, StoreCorrupted, UnsupportedFormat } from "../StoreError.ts"
import { BlockCache } from "../table/BlockCache.ts"
import { MergingVersions } from "../table/MergingVersions.ts"
import { readFailure } from "../table/ReadFailure.ts"
import { ReadPolicy } from "../table/ReadPolicy.ts"
import type { TableMeta } from "../table/TableMeta.ts"
import { TableReader } from "../table/TableReader.ts"
import { TableWriter } from "../table/TableWriter.ts"
import { VersionRetention } from "../table/VersionRetention.ts"
import { Jobs } from "./Jobs.ts"
import type { FlushJob, MergeJob, TableTarget } from "./Jobs.ts"

/** A slice ends after so many entries, or so many finished bytes: less than half a millisecond. */
const entriesPerSlice = 512
const bytesPerSlice = 64 * 1024
/** Keys put into the filter in a slice. */
const filterKeysPerSlice = 8 * 1024

type SourceError = DiskError | StoreCorrupted | UnsupportedFormat

/** Adds entries until the slice is over; returns what the iterator last answered. */
const addSlice = (source: VersionIterator, retention: VersionRetention, writer: TableWriter): CursorStatus => {
  for (let left = entriesPerSlice; left > 0 && source.valid && writer.pendingBytes < bytesPerSlice; left--) {
    if (retention.keep(source.keyBuffer, source.keyOffset, source.keyLength, source.sequence, source.kind)) {
      writer.add(
        source.keyBuffer,
        source.keyOffset,
        source.keyLength,
        source.sequence,
        source.kind,
        source.valueBuffer,
        source.valueOffset,
        source.valueLength
      )
    }
    if (source.advance() === CursorStatus.needsLoad) return CursorStatus.needsLoad
  }
  return CursorStatus.ready
}

const appendPending = (file: AppendFile, writer: TableWriter): Effect.Effect<void, DiskError> =>
  writer.pendingBytes > 0 ? file.append(writer.take()) : Effect.void

/** Writes what the source holds as one table; undefined if nothing of it is kept, and then the file is removed. */
const writeTable = (
  disk: Disk["Service"],
  source: VersionIterator,
  target: TableTarget,
  isBottom: boolean
): Effect.Effect<TableMeta | undefined, SourceError> =>
  Effect.acquireUseRelease(
    disk.createAppend(target.path),
    (file) =>
      Effect.gen(function*() {
        const writer = new TableWriter({
          file: target.file,
          level: target.level,
          blockSize: target.blockSize,
          filterBitsPerKey: target.filterBitsPerKey,
          compression: "none"
        })
        const retention = new VersionRetention(target.pinned, isBottom)
        let status = source.first()
        for (;;) {
          while (status === CursorStatus.needsLoad) {
            yield* source.load
            status = source.resume()
          }
          if (!source.valid) break
          status = addSlice(source, retention, writer)
          if (writer.pendingBytes >= bytesPerSlice) yield* file.append(writer.take())
          yield* Effect.yieldNow
        }
        while (!writer.buildFilter(filterKeysPerSlice)) yield* Effect.yieldNow
        const meta = writer.finish()
        if (meta.entries === 0) return undefined
        yield* appendPending(file, writer)
        yield* file.sync
        return meta
      }),
    (file, exit) =>
      Effect.andThen(
        file.close,
        exit._tag === "Success" && exit.value !== undefined ? Effect.void : Effect.ignore(disk.remove(target.path))
      )
  )

const flush = (disk: Disk["Service"], job: FlushJob): Effect.Effect<TableMeta, DiskError> =>
  Effect.flatMap(
    Effect.catchTag(
      writeTable(disk, ArenaMemtable.attach(job.memtable).versions(), job.target, false),
      ["StoreCorrupted", "UnsupportedFormat"],
      // A memtable is read from memory and never from a file.
      (error) => Effect.die(error)
    ),
    (meta) =>
      meta === undefined ? Effect.die(new Error("An empty memtable was given to a flush.")) : Effect.succeed(meta)
  )

const merge = (disk: Disk["Service"], job: MergeJob): Effect.Effect<TableMeta | undefined, SourceError> =>
  Effect.scoped(Effect.gen(function*() {
    const cache = new BlockCache(0)
    const policy = new ReadPolicy("async")
    const sources = yield* Effect.forEach(job.sources, ({ meta, path }) =>
      Effect.acquireRelease(
        Effect.flatMap(disk.openRead(path), (file) =>
          Effect.onError(TableReader.open(file, meta, cache, { policy }), () => file.close)),
        (reader) =>
          reader.close
      ))
    const merged = new MergingVersions(sources.map((source) => source.versions()))
    return yield* Effect.catchDefect(writeTable(disk, merged, job.target, job.isBottom), readFailure)
  }))

/** The inline job runner over a disk. */
export const makeInlineJobs = (disk: Disk["Service"]): Jobs["Service"] => ({
  flush: (job) => flush(disk, job),
  merge: (job) => merge(disk, job)
})

/** Runs jobs on the event loop, over whatever disk the context provides. */
export const layerInlineJobs: Layer.Layer<Jobs, never, Disk> = Layer.effect(Jobs, Effect.map(Disk, makeInlineJobs))
