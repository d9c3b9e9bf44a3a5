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

/** One level of tables. */
export interface LevelStats {
  /** 0, where flushes put their tables, to 6. */
  readonly level: number
  readonly tables: number
  readonly bytes: number
  /** Records, tombstones included, every version counted. */
  readonly entries: number
  readonly tombstones: number
  /** Memory that indexes and filters take. */
  readonly memoryBytes: number
  /** How often a lookup looked into a block of a table here: what neither bounds, filter nor index had ruled out. */
  readonly reads: number
  /** Of tables that flushes and compactions wrote here; those that moved here are not counted again. */
  readonly bytesWritten: number
}

/** Three ratios. `read` and `write` are 0 as long as nothing was looked up or written. */
export interface Amplification {
  /**
   * Tables looked into per key that was looked up: the sum of the levels' `reads` by `gets`.
   */
  readonly read: number
  /**
   * Bytes written per byte of records accepted: what the log's files got (`log.fileBytes`) and all that flushes and
   * compactions wrote (the levels' `bytesWritten`), by the records as the log encodes them (`log.bytes`). What is still
   * to be flushed and merged is not in it.
   */
  readonly write: number
  /**
   * Bytes of all tables by those of the deepest level that holds any, which has each key about once: above 1 is what
   * overwritten versions and tombstones may take at most. 1 if there are no tables.
   */
  readonly space: number
}

/** How often something held writers up, and for how long in all. */
export interface Delays {
  readonly count: number
  readonly milliseconds: number
}

/** What `store.stats` gives. Counts are since the store was opened, unless they are of what there is now. */
export interface StoreStats {
  /** Highest visible sequence. */
  readonly sequence: number
  /** The store takes no writes: it was opened so, or has stopped. */
  readonly readOnly: boolean
  /** Keys looked up by `get`, `getMany` and `has`. */
  readonly gets: number
  /** The active memtable. `segment` is 0 in a store that is opened read-only. */
  readonly memtable: { readonly segment: number; readonly records: number; readonly bytes: number }
  /** Rotated memtables that wait for their flush. */
  readonly immutables: { readonly count: number; readonly records: number; readonly bytes: number }
  /**
   * Memtables replayed from the log: what a clean close left in it, and in a store opened read-only all that it held.
   * The newest one stays until a rotation, and is in the log meanwhile: in so many `segments` of it.
   */
  readonly replayed: {
    readonly count: number
    readonly records: number
    readonly bytes: number
    readonly segments: number
  }
  /** Of all levels together. */
  readonly tables: {
    readonly count: number
    readonly entries: number
    readonly bytes: number
    /** Memory that indexes and filters take. */
    readonly memoryBytes: number
  }
  /** All seven, from level 0 down. */
  readonly levels: ReadonlyArray<LevelStats>
  readonly log: {
    /** Segments that are live: active, waiting for their flush, replayed and kept, and the one made ready. */
    readonly segments: number
    /** Group commits. */
    readonly groups: number
    readonly records: number
    /** Of the records, without headers. */
    readonly bytes: number
    /** Of the groups as they are in the log's files, with headers and padding. */
    readonly fileBytes: number
    readonly syncs: number
    /** Most records in one group. */
    readonly largestGroup: number
    /** Of writes that the log has not taken yet. */
    readonly queuedBytes: number
  }
  /** Memtables that were replaced, being full or for a `flush`. */
  readonly rotations: number
  readonly flushes: number
  readonly compaction: {
    /** The strategy's name. */
    readonly strategy: string
    /** Merges. */
    readonly count: number
    /** Tables that went to a deeper level as they are. */
    readonly moved: number
    /** Tables that the strategy gave up with all that was in them. */
    readonly dropped: number
    /** Of the tables merged, and of those that came of it. */
    readonly bytesRead: number
    readonly bytesWritten: number
    /** About how many bytes are to be merged until the tree is in shape, by the strategy. */
    readonly debt: number
  }
  readonly amplification: Amplification
  /** Writers waited at a bound: for a flush, or for a full level 0. */
  readonly stalls: Delays
  /** Writers were slowed on the way to a bound. One that goes on counts each second. */
  readonly slowdowns: Delays
  /** Of table blocks. */
  readonly cache: {
    readonly hits: number
    readonly misses: number
    /** Share of lookups that were hits; 0 if there were none. */
    readonly hitRate: number
    /** Of cached blocks. */
    readonly bytes: number
    /** Of the indexes and filters of open tables, which count against the cache. */
    readonly indexBytes: number
    /** Blocks that went to make room. */
    readonly evictions: number
  }
  /** Of tables' files, for blocks that were not cached: at once on the event loop, or through the pool of threads. */
  readonly reads: { readonly synchronous: number; readonly asynchronous: number }
  /** Table files that are open, of at most `limit`; `reopened`: how often one was opened again. */
  readonly files: { readonly open: number; readonly limit: number; readonly reopened: number }
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
  /** How often a worker thread died, or hung and was ended, and another took its place. */
  readonly workerRestarts: number
}
