/**
 * What flush and compaction do to files, in slices of less than half a
 * millisecond, wherever it runs: on the event loop or in a thread.
 *
 * I8, I9: nothing is dropped that a reader may see. I11: the tables of a merge
 * share no key. I12: a job that fails or is interrupted leaves no file and no
 * descriptor open.
 */
import * as Effect from "effect/Effect"
import type { JobDisk } from "../disk/JobDisk.ts"
import { ArenaMemtable } from "../memtable/ArenaMemtable.ts"
import type { DiskError, TableError } from "../StoreError.ts"
import { BlockCache } from "../table/BlockCache.ts"
import { MergingVersions } from "../table/MergingVersions.ts"
import { ReadPolicy } from "../table/ReadPolicy.ts"
import type { ReadMode } from "../table/ReadPolicy.ts"
import { RunVersions } from "../table/RunVersions.ts"
import type { TableMeta } from "../table/TableMeta.ts"
import { TableReader } from "../table/TableReader.ts"
import type { FlushJob, Jobs, MergeJob, Run } from "./Jobs.ts"
import { writeTables } from "./TableWriting.ts"

export interface TableJobsOptions {
  /** Between two slices. */
  readonly pause: Effect.Effect<void>
  /** How tables are read: `"sync"` only where nobody else waits for the thread. */
  readonly readMode: ReadMode
}

const flush = (disk: JobDisk, options: TableJobsOptions, job: FlushJob): Effect.Effect<TableMeta, DiskError> =>
  writeTables(disk, options.pause, {
    source: ArenaMemtable.attach(job.memtable).versions(),
    closeSource: Effect.void,
    targets: [job.target],
    shape: job.shape,
    tableSize: Infinity,
    below: [],
    largestOverlap: Infinity,
    older: undefined
  }).pipe(
    // A memtable is read from memory and never from a file.
    Effect.catchTag(["StoreCorrupted", "StoreFenced", "UnsupportedFormat"], (error) => Effect.die(error)),
    Effect.flatMap(([meta]) =>
      meta === undefined ? Effect.die(new Error("An empty memtable was given to a flush.")) : Effect.succeed(meta)
    )
  )

const merge = (
  disk: JobDisk,
  options: TableJobsOptions,
  job: MergeJob
): Effect.Effect<ReadonlyArray<TableMeta>, TableError> =>
  Effect.suspend(() => {
    const cache = new BlockCache(0)
    const policy = new ReadPolicy(options.readMode)
    const open = ({ meta, path }: Run[number]): Effect.Effect<TableReader, TableError> =>
      Effect.flatMap(disk.openRead(path), (file) =>
        Effect.onError(TableReader.open(file, meta, cache, { policy }), () => file.close))
    const runs = job.sources.map((run) =>
      new RunVersions(run.map(open))
    )
    return writeTables(disk, options.pause, {
      ...job,
      source: new MergingVersions(runs),
      closeSource: Effect.forEach(runs, (run) => run.close, { discard: true })
    })
  })

/** A job runner over a disk, in the thread that asks it. */
export const makeTableJobs = (disk: JobDisk, options: TableJobsOptions): Jobs["Service"] => ({
  flush: (job) => flush(disk, options, job),
  merge: (job) => merge(disk, options, job),
  prepareFlush: () => {},
  restFor: () => {},
  observe: () => Effect.void
})
