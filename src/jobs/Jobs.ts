/**
 * Background jobs behind one service: what flush and compaction do to files.
 *
 * A job is plain data and shared memory, so that a thread can run it as well as
 * the event loop. A job that fails or is interrupted leaves at most a file that
 * no manifest names; the caller runs it again under a new number.
 */
import { Context } from "effect"
import type { Effect } from "effect"
import type { MemtableHandle } from "../memtable/ArenaMemtable.ts"
import type { DiskError, StoreCorrupted, UnsupportedFormat } from "../StoreError.ts"
import type { TableMeta } from "../table/TableMeta.ts"

/** The table that a job writes. */
export interface TableTarget {
  readonly path: string
  readonly file: number
  readonly level: number
  readonly blockSize: number
  readonly filterBitsPerKey: number
  /** Sequences that snapshots pin, lowest first: every version that one of them sees is kept (I9). */
  readonly pinned: ReadonlyArray<number>
}

export interface FlushJob {
  readonly memtable: MemtableHandle
  readonly target: TableTarget
}

export interface MergeJob {
  /** Newest first. */
  readonly sources: ReadonlyArray<{ readonly path: string; readonly meta: TableMeta }>
  readonly target: TableTarget
  /** True if no older version of any key lies outside the sources. */
  readonly isBottom: boolean
}

export class Jobs extends Context.Service<Jobs, {
  /** Writes a memtable that takes no more records as a table. The file is synced; its directory entry is not. */
  readonly flush: (job: FlushJob) => Effect.Effect<TableMeta, DiskError>
  /** Merges tables into one; undefined, and no file, if nothing is left. Synced likewise. */
  readonly merge: (
    job: MergeJob
  ) => Effect.Effect<TableMeta | undefined, DiskError | StoreCorrupted | UnsupportedFormat>
}>()("effect-lsm/jobs/Jobs") {}
