/**
 * Figures about a store at one moment. Sizes are bytes, times milliseconds.
 */

export type ActorState = "idle" | "working" | "waiting to restart" | "failed" | "stopped"

export interface ActorStats {
  readonly name: string
  readonly state: ActorState
  readonly restarts: number
  readonly queued: number
}

export interface StoreStats {
  /** Highest visible sequence. */
  readonly sequence: number
  /** Set once the store has stopped taking writes. */
  readonly readOnly: boolean
  readonly memtable: { readonly segment: number; readonly records: number; readonly bytes: number }
  /** Rotated memtables that wait for their flush. */
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
    readonly groups: number
    readonly records: number
    readonly bytes: number
    readonly syncs: number
    /** Most records in one group. */
    readonly largestGroup: number
    readonly queuedBytes: number
  }
  readonly rotations: number
  readonly flushes: number
  readonly compactions: number
  readonly stalls: { readonly count: number; readonly milliseconds: number }
  readonly cache: { readonly hits: number; readonly misses: number; readonly bytes: number }
  readonly snapshots: {
    readonly count: number
    /** Lowest pinned sequence and how long it has been pinned. */
    readonly oldest?: { readonly sequence: number; readonly milliseconds: number } | undefined
  }
  readonly recovery: {
    readonly segments: number
    readonly records: number
    readonly discardedBytes: number
    readonly milliseconds: number
  }
  readonly actors: ReadonlyArray<ActorStats>
}
