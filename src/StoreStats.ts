/**
 * Figures about a store at one moment. Sizes are bytes, times milliseconds.
 */

/** `"failed"`: it has stopped for good, and with it the store's writes. */
export type ActorState = "idle" | "working" | "waiting to restart" | "failed" | "stopped"

/** One actor of the engine. */
export interface ActorStats {
  readonly name: string
  readonly state: ActorState
  /** How often it has failed and begun again since the store was opened. */
  readonly restarts: number
  /** Messages that wait for it; for the Wal, writes. */
  readonly queued: number
}

/** What `store.stats` gives. Counts are since the store was opened, unless they are of what there is now. */
export interface StoreStats {
  /** Highest visible sequence. */
  readonly sequence: number
  /** The store takes no writes: it was opened so, or has stopped. */
  readonly readOnly: boolean
  /** The active memtable. `segment` is 0 in a store that is opened read-only. */
  readonly memtable: { readonly segment: number; readonly records: number; readonly bytes: number }
  /** Rotated memtables that wait for their flush; in a store opened read-only, what the log held. */
  readonly immutables: { readonly count: number; readonly records: number; readonly bytes: number }
  readonly tables: {
    readonly count: number
    readonly entries: number
    readonly bytes: number
    /** Memory that indexes and filters take. */
    readonly memoryBytes: number
  }
  readonly log: {
    /** Segments that are live: active, waiting for their flush, and the one made ready. */
    readonly segments: number
    /** Group commits. */
    readonly groups: number
    readonly records: number
    /** Of the records, without headers. */
    readonly bytes: number
    readonly syncs: number
    /** Most records in one group. */
    readonly largestGroup: number
    /** Of writes that the log has not taken yet. */
    readonly queuedBytes: number
  }
  /** Memtables that were replaced, being full or for a `flush`. */
  readonly rotations: number
  readonly flushes: number
  readonly compactions: number
  /** How often, and for how long in all, writers waited for a flush. */
  readonly stalls: { readonly count: number; readonly milliseconds: number }
  /** Of table blocks. */
  readonly cache: { readonly hits: number; readonly misses: number; readonly bytes: number }
  readonly snapshots: {
    readonly count: number
    /** Lowest pinned sequence and how long it has been pinned. */
    readonly oldest?: { readonly sequence: number; readonly milliseconds: number } | undefined
  }
  /** What opening the store replayed from the log, what it discarded behind its end, and how long it took in all. */
  readonly recovery: {
    readonly segments: number
    readonly records: number
    readonly discardedBytes: number
    readonly milliseconds: number
  }
  readonly actors: ReadonlyArray<ActorStats>
}
