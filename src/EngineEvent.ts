/**
 * What happens inside the store, as it happens: the structural events that the
 * manifest journals, and the states of the actors that work in the background.
 */
import type { StoreReadOnly } from "./StoreError.ts"

/**
 * Why writers wait: memtables wait for their flush, level 0 waits for compaction,
 * or compaction is behind deeper down. The last only slows writers.
 */
export type StallReason = "immutables" | "level0" | "debt"

/** Sizes are bytes, times milliseconds; segments, tables and manifests are given by the number in their file's name. */
export type EngineEvent =
  /** The next segment is durable and named by the manifest. */
  | { readonly _tag: "SegmentCreated"; readonly segment: number }
  /** A memtable and its segment, full or to be flushed, were replaced together by an empty pair. */
  | {
    readonly _tag: "MemtableRotated"
    readonly segment: number
    readonly nextSegment: number
    readonly records: number
    readonly bytes: number
  }
  /** A memtable is in a durable table, and its segment is retired. `table` is absent if nothing was left to write. */
  | {
    readonly _tag: "MemtableFlushed"
    readonly segment: number
    readonly table?: number | undefined
    readonly bytes: number
    readonly milliseconds: number
  }
  /** Tables were merged into others, in `level`; none were `added` if nothing was left. */
  | {
    readonly _tag: "TablesCompacted"
    readonly removed: ReadonlyArray<number>
    readonly added: ReadonlyArray<number>
    readonly level: number
    readonly bytesRead: number
    readonly bytesWritten: number
    readonly milliseconds: number
  }
  /** Tables went to a deeper level as they are. */
  | {
    readonly _tag: "TablesMoved"
    readonly tables: ReadonlyArray<number>
    readonly level: number
    readonly milliseconds: number
  }
  /** A strategy such as `Compaction.fifo` gave up tables with all that was in them. No snapshot read them. */
  | { readonly _tag: "TablesDropped"; readonly removed: ReadonlyArray<number> }
  /** The manifest was written anew as one snapshot. */
  | { readonly _tag: "ManifestRewritten"; readonly file: number }
  /**
   * Writers waited: `"stopped"` at a bound, sent when they go on, or `"slowed"` on the way to one, sent with the sum of
   * the waits when it is over, and about each second until then.
   */
  | {
    readonly _tag: "WriteStalled"
    readonly kind: "stopped" | "slowed"
    readonly reason: StallReason
    readonly milliseconds: number
  }
  /** An actor failed and does what it was doing again after a delay. */
  | {
    readonly _tag: "ActorRestarted"
    readonly actor: string
    readonly reason: string
    readonly restarts: number
    readonly delayMilliseconds: number
  }
  /**
   * A worker thread died, or hung and was ended; another takes its place after a delay. The job that it had fails, is
   * told of as `ActorRestarted`, and is done again.
   */
  | {
    readonly _tag: "WorkerRestarted"
    readonly worker: "flush" | "compaction"
    readonly reason: string
    /** Of this worker, since the store was opened. */
    readonly restarts: number
    readonly delayMilliseconds: number
  }
  /** The store takes no more writes until it is reopened. */
  | { readonly _tag: "WritesStopped"; readonly error: StoreReadOnly }
