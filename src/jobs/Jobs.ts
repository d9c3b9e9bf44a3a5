/**
 * Background jobs behind one service: what flush and compaction do to files.
 *
 * A job is plain data and shared memory, so that a thread can run it as well as
 * the event loop. A job that fails or is interrupted leaves at most files that
 * no manifest names; the caller runs it again under new numbers.
 */
import { Context } from "effect"
import type { Effect, Scope } from "effect"
import type { MemtableHandle } from "../memtable/ArenaMemtable.ts"
import type { DiskError, TableError } from "../StoreError.ts"
import type { Compression } from "../table/Compression.ts"
import type { KeyBounds } from "../table/KeyBounds.ts"
import type { TableMeta } from "../table/TableMeta.ts"

export type { KeyBounds } from "../table/KeyBounds.ts"

/** How the tables of a job are written. */
export interface TableShape {
  readonly level: number
  readonly blockSize: number
  readonly filterBitsPerKey: number
  readonly compression: Compression
  /** Sequences that snapshots pin, lowest first: every version that one of them sees is kept (I9). */
  readonly pinned: ReadonlyArray<number>
}

/** A name that is kept for a file of the store's own. */
export interface NewFile {
  readonly file: number
  readonly generation: number
  readonly path: string
  /** Whether the job has made it, as far as is known. Whoever runs the job sets it; once the file is removed it is false. */
  isMade: boolean
}

export interface FlushJob {
  readonly memtable: MemtableHandle
  readonly target: NewFile
  readonly shape: TableShape
}

/** Tables that share no key, in key order. */
export type Run = ReadonlyArray<{ readonly path: string; readonly meta: TableMeta }>

export interface MergeJob {
  /** Newest first. */
  readonly sources: ReadonlyArray<Run>
  /** Names for the tables that are written, taken in order; the last one takes all that is left. */
  readonly targets: ReadonlyArray<NewFile>
  readonly shape: TableShape
  /** Bytes after which a table ends, before the next key. */
  readonly tableSize: number
  /** The tables of the level below the output, in key order: a table ends as well before it overlaps too much of them. */
  readonly below: ReadonlyArray<KeyBounds & { readonly size: number }>
  /** Bytes of the level below that a table may overlap. */
  readonly largestOverlap: number
  /** Where versions older than the sources' may lie, disjoint and in key order: a tombstone elsewhere is dropped (I9). */
  readonly older: ReadonlyArray<KeyBounds>
}

/** A worker thread ended although nobody had ended it; another takes its place after the delay. */
export interface WorkerRestarted {
  readonly worker: "flush" | "compaction"
  readonly reason: string
  readonly restarts: number
  readonly delayMilliseconds: number
}

/**
 * Whether a job failed because its worker thread ended. Its files are gone, and
 * another thread takes the job when it is asked for again under new names.
 */
export const isLostWithWorker = (error: DiskError): boolean => error.operation === "worker"

export class Jobs extends Context.Service<Jobs, {
  /** Writes a memtable that takes no more records as a table. The file is synced; its directory entry is not. */
  readonly flush: (job: FlushJob) => Effect.Effect<TableMeta, DiskError>
  /** Merges tables into others, in key order; none if nothing is left. Synced likewise. */
  readonly merge: (
    job: MergeJob
  ) => Effect.Effect<ReadonlyArray<TableMeta>, TableError>
  /** A flush is to come soon: whatever takes time before the first one is done meanwhile. */
  readonly prepareFlush: () => void
  /** From now on threads rest so many milliseconds after each stretch of work, where processors are few. */
  readonly restFor: (milliseconds: number) => void
  /** Tells the listener of restarts of workers, for the scope. */
  readonly observe: (listener: (event: WorkerRestarted) => void) => Effect.Effect<void, never, Scope.Scope>
}>()("effect-lsm/jobs/Jobs") {}
