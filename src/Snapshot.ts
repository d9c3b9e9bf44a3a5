/**
 * A view of the store as it was at one sequence.
 */
import type { Effect, Stream } from "effect"
import type { ReadError } from "./StoreError.ts"

/** A key and its value. */
export type Entry = readonly [key: Uint8Array, value: Uint8Array]

/** A range of keys; every bound narrows it, and none is all keys. Keys order bytewise. An empty range is no error. */
export interface KeyRange {
  /** Only keys above it. */
  readonly gt?: Uint8Array | undefined
  /** Only keys at or above it. */
  readonly gte?: Uint8Array | undefined
  /** Only keys below it. */
  readonly lt?: Uint8Array | undefined
  /** Only keys at or below it. */
  readonly lte?: Uint8Array | undefined
  /** Only keys that begin with these bytes. */
  readonly prefix?: Uint8Array | undefined
}

/** What to scan, and how. An unknown name is `InvalidArgument`. */
export interface SnapshotScanOptions extends KeyRange {
  /** Largest key first. Default false. */
  readonly reverse?: boolean | undefined
  /** At most so many entries, a whole number from 0. Default: all. */
  readonly limit?: number | undefined
}

/** What to scan, how, and as of when. */
export interface ScanOptions extends SnapshotScanOptions {
  /** Read at this snapshot; without it the scan is a snapshot of its own, taken at its first pull. */
  readonly snapshot?: Snapshot | undefined
}

/** As of when a point read reads. */
export interface ReadOptions {
  /** Read at this snapshot rather than at the newest visible sequence. */
  readonly snapshot?: Snapshot | undefined
}

/**
 * The store at one sequence: whatever is written, flushed or compacted later,
 * it answers the same. It lives as long as the scope it was taken in; a read
 * after that fails with `InvalidArgument`, but a scan that has begun goes on. Its
 * reads are those of the store.
 */
export interface Snapshot {
  /** Every write at or below it is in the snapshot, and no other. */
  readonly sequence: number
  /** As `get` of the store, as of the snapshot. */
  readonly get: (key: Uint8Array) => Effect.Effect<Uint8Array | undefined, ReadError>
  /** As `getMany` of the store, as of the snapshot. */
  readonly getMany: (
    keys: ReadonlyArray<Uint8Array>
  ) => Effect.Effect<ReadonlyArray<Uint8Array | undefined>, ReadError>
  /** As `has` of the store, as of the snapshot. */
  readonly has: (key: Uint8Array) => Effect.Effect<boolean, ReadError>
  /** As `scan` of the store, as of the snapshot. */
  readonly scan: (options?: SnapshotScanOptions) => Stream.Stream<Entry, ReadError>
}
