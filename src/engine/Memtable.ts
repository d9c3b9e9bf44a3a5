/**
 * A memtable and its segment: a pair for life (I2).
 *
 * The memtable is the sorted projection of exactly the records in the segment,
 * or, if it was replayed, in the segments that it stands for. References count
 * the views that hold it; at zero its arena goes back to the pool.
 */
import { Effect } from "effect"
import type { ArenaMemtable } from "../memtable/ArenaMemtable.ts"
import { Segment } from "./Segment.ts"

/** A segment of an earlier life, which takes no records any more; its file is closed. */
export interface ReplayedSegment {
  readonly number: number
  readonly path: string
}

export class Memtable {
  readonly index: ArenaMemtable
  /** Oldest first; none in a store that only reads. */
  readonly segments: ReadonlyArray<Segment | ReplayedSegment>
  /** It holds what a clean close has left. Nothing needs it flushed but the memory and the log that it takes. */
  readonly isReplayed: boolean
  readonly #onUnused: (index: ArenaMemtable) => void
  #references = 0

  constructor(
    index: ArenaMemtable,
    source: Segment | ReadonlyArray<ReplayedSegment>,
    onUnused: (index: ArenaMemtable) => void
  ) {
    this.index = index
    this.isReplayed = !(source instanceof Segment)
    this.segments = source instanceof Segment ? [source] : source
    this.#onUnused = onUnused
  }

  /** For the writing side, of a pair that is or was active. */
  get segment(): Segment {
    const segment = this.segments[0]
    if (!(segment instanceof Segment)) throw new Error("A memtable that was replayed has no segment to write to.")
    return segment
  }

  /** Closes what is open of its segments. */
  readonly retireSegments: Effect.Effect<void> = Effect.suspend(() =>
    this.isReplayed ? Effect.void : this.segment.retire
  )

  retain(): void {
    this.#references++
  }

  release(): void {
    this.#references--
    if (this.#references === 0) this.#onUnused(this.index)
  }
}
