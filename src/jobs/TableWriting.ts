/**
 * Writes what a job's source holds as tables: the effects around TableFiller's
 * slices.
 *
 * A table's file is made when it has bytes to be written, and synced and closed
 * before the next one is begun. Unless all succeeds every file that was made is
 * closed and removed, as far as the disk lets it (I12).
 */
import * as Effect from "effect/Effect"
import type { AppendFile } from "../disk/Disk.ts"
import type { JobDisk } from "../disk/JobDisk.ts"
import type { VersionIterator } from "../record/VersionIterator.ts"
import { MoveStatus } from "../record/VersionIterator.ts"
import type { DiskError, TableError } from "../StoreError.ts"
import type { Compression } from "../table/Compression.ts"
import type { KeyBounds } from "../table/KeyBounds.ts"
import { OutputEnd } from "../table/OutputEnd.ts"
import type { OutputLimits } from "../table/OutputEnd.ts"
import { readFailure } from "../table/ReadFailure.ts"
import type { TableMeta } from "../table/TableMeta.ts"
import { TableWriter } from "../table/TableWriter.ts"
import { VersionRetention } from "../table/VersionRetention.ts"
import type { NewFile, TableShape } from "./Jobs.ts"
import { removeMade } from "./removeMade.ts"
import { SliceEnd, TableFiller } from "./TableFiller.ts"

/** An append is made of so many bytes and at most those of a slice: little enough to be made at once on the event loop. */
const bytesPerAppend = 64 * 1024
/** Keys put into the filter in a slice. */
const filterKeysPerSlice = 8 * 1024
/** Bytes of keys and values in a slice: less than half a millisecond each. */
const bytesPerSlice: { readonly [compression in Compression]: number } = {
  none: 32 * 1024,
  lz4: 24 * 1024,
  zstd: 16 * 1024
}

export interface TablesToWrite extends OutputLimits {
  readonly source: VersionIterator
  /** Lets go of what the source has open; before the tables count as written. */
  readonly closeSource: Effect.Effect<void>
  readonly targets: ReadonlyArray<NewFile>
  readonly shape: TableShape
  /** As for VersionRetention. */
  readonly older: ReadonlyArray<KeyBounds> | undefined
}

export const writeTables = (
  disk: JobDisk,
  pause: Effect.Effect<void>,
  job: TablesToWrite
): Effect.Effect<ReadonlyArray<TableMeta>, TableError> =>
  Effect.suspend(() => {
    const { shape, source, targets } = job
    const retention = new VersionRetention(shape.pinned, job.older)
    const filler = new TableFiller(source, retention, new OutputEnd(job), bytesPerSlice[shape.compression])
    let open: AppendFile | undefined

    const closeFile = Effect.uninterruptible(Effect.suspend(() => {
      const file = open
      open = undefined
      return file === undefined ? Effect.void : file.close
    }))
    const fileOf = (target: NewFile): Effect.Effect<AppendFile, DiskError> =>
      open !== undefined ? Effect.succeed(open) : Effect.map(disk.createAppend(target.path), (file) => {
        open = file
        target.isMade = true
        return file
      })
    const appendPending = (target: NewFile, writer: TableWriter): Effect.Effect<void, DiskError> =>
      Effect.uninterruptible(
        Effect.map(Effect.flatMap(fileOf(target), (file) => file.append(writer.take())), () => writer.recycle())
      )

    /** Brings the source to an entry or to its end. */
    const arrive = Effect.fnUntraced(function*(begun: MoveStatus): Effect.fn.Return<void, TableError> {
      let status = begun
      while (status === MoveStatus.needsLoad) {
        yield* source.load
        status = source.resume()
      }
    })

    /** Fills one table; true if the source has more. */
    const fillTable = Effect.fnUntraced(function*(
      target: NewFile,
      writer: TableWriter,
      isLast: boolean
    ): Effect.fn.Return<boolean, TableError> {
      for (;;) {
        const end = filler.fill(writer, isLast)
        if (end === SliceEnd.needsLoad) yield* arrive(MoveStatus.needsLoad)
        if (writer.pendingBytes >= bytesPerAppend) yield* appendPending(target, writer)
        yield* pause
        if (end === SliceEnd.tableEnd) return true
        if (end === SliceEnd.sourceEnd) return false
      }
    })

    /** Writes what is left of a table; undefined if it has no entries. */
    const finishTable = Effect.fnUntraced(function*(
      target: NewFile,
      writer: TableWriter
    ): Effect.fn.Return<TableMeta | undefined, TableError> {
      while (!writer.buildFilter(filterKeysPerSlice)) yield* pause
      const meta = writer.finish()
      if (meta.entries === 0) return undefined
      yield* appendPending(target, writer)
      const file = yield* fileOf(target)
      yield* file.sync
      yield* closeFile
      yield* pause
      return meta
    })

    const write = Effect.gen(function*() {
      const tables: Array<TableMeta> = []
      yield* arrive(source.first())
      for (let index = 0; index < targets.length; index++) {
        const target = targets[index]!
        const writer = new TableWriter({
          file: target.file,
          generation: target.generation,
          level: shape.level,
          blockSize: shape.blockSize,
          filterBitsPerKey: shape.filterBitsPerKey,
          compression: shape.compression
        })
        const more = yield* fillTable(target, writer, index === targets.length - 1)
        const meta = yield* finishTable(target, writer)
        if (meta !== undefined) tables.push(meta)
        if (!more) break
      }
      return tables
    })

    const written = Effect.catchDefect(Effect.ensuring(write, job.closeSource), readFailure)
    return Effect.onError(written, () => Effect.andThen(closeFile, removeMade(disk, targets)))
  })
