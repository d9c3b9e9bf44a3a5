/**
 * A memtable and its segment: a pair for life (I2).
 *
 * The memtable is the sorted projection of exactly the records in the segment.
 * References count the views that hold it; at zero its arena goes back to the
 * pool.
 */
import type { ArenaMemtable } from "../memtable/ArenaMemtable.ts"
import type { Segment } from "./Segment.ts"

export class Memtable {
  readonly index: ArenaMemtable
  readonly #segment: Segment | undefined
  readonly #onUnused: (index: ArenaMemtable) => void
  #references = 0

  /** `segment` is undefined only in a store that is opened read-only. */
  constructor(index: ArenaMemtable, segment: Segment | undefined, onUnused: (index: ArenaMemtable) => void) {
    this.index = index
    this.#segment = segment
    this.#onUnused = onUnused
  }

  /** For the writing side, which a read-only store does not have. */
  get segment(): Segment {
    if (this.#segment === undefined) throw new Error("A memtable of a read-only store has no segment.")
    return this.#segment
  }

  retain(): void {
    this.#references++
  }

  release(): void {
    this.#references--
    if (this.#references === 0) this.#onUnused(this.index)
  }
}
