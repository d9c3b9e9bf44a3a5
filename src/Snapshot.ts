/**
 * A view of the store as it was at one sequence.
 */
import type { Effect, Stream } from "effect"
import type { ReadError } from "./StoreError.ts"

/** A key and its value. */
export type Entry = readonly [key: Uint8Array, value: Uint8Array]

/** A range of keys; every bound narrows it. Keys order bytewise. */
export interface KeyRange {
  readonly gt?: Uint8Array | undefined
  readonly gte?: Uint8Array | undefined
  readonly lt?: Uint8Array | undefined
  readonly lte?: Uint8Array | undefined
  /** Only keys that begin with these bytes. */
  readonly prefix?: Uint8Array | undefined
}

export interface SnapshotScanOptions extends KeyRange {
  /** Largest key first. Default false. */
  readonly reverse?: boolean | undefined
  /** At most so many entries. */
  readonly limit?: number | undefined
}

export interface ScanOptions extends SnapshotScanOptions {
  /** Read at this snapshot; without it the scan is a snapshot of its own, taken at its first pull. */
  readonly snapshot?: Snapshot | undefined
}

export interface ReadOptions {
  /** Read at this snapshot rather than at the newest visible sequence. */
  readonly snapshot?: Snapshot | undefined
}

/**
 * The store at one sequence: whatever is written, flushed or compacted later,
 * it answers the same. It lives as long as the scope it was taken in; a read
 * after that fails with `InvalidArgument`.
 */
export interface Snapshot {
  /** Every write at or below it is in the snapshot, and no other. */
  readonly sequence: number
  readonly get: (key: Uint8Array) => Effect.Effect<Uint8Array | undefined, ReadError>
  readonly getMany: (
    keys: ReadonlyArray<Uint8Array>
  ) => Effect.Effect<ReadonlyArray<Uint8Array | undefined>, ReadError>
  readonly has: (key: Uint8Array) => Effect.Effect<boolean, ReadError>
  readonly scan: (options?: SnapshotScanOptions) => Stream.Stream<Entry, ReadError>
}
