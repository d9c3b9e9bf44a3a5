/**
 * Arenas of memtables, kept for reuse: a fresh one costs page faults on every
 * page it touches, and the collector's attention when it goes: given up and made
 * anew while writers go on, there would be more of them at a time than ever are
 * in use.
 */
import { Effect } from "effect"
import { ArenaMemtable } from "../memtable/ArenaMemtable.ts"
import { InvalidArgument } from "../StoreError.ts"

/** Room that a memtable must have. */
export interface Room {
  readonly records: number
  readonly bytes: number
}

export class ArenaPool {
  readonly #limit: number
  /** How many unused arenas are kept. */
  readonly #kept: number
  readonly #spare: Array<ArenaMemtable> = []
  readonly #oversized = new WeakSet<ArenaMemtable>()

  constructor(limit: number, kept: number) {
    this.#limit = limit
    this.#kept = kept
  }

  /** An empty memtable that has the room: an ordinary one if that suffices, else one sized to it. */
  acquire(baseSequence: number, room?: Room): Effect.Effect<ArenaMemtable, InvalidArgument> {
    return Effect.try({
      try: () => {
        const ordinary = this.#ordinary(baseSequence)
        if (room === undefined || ordinary.fits(room.records, room.bytes)) return ordinary
        this.recycle(ordinary)
        const index = ArenaMemtable.make({ limit: this.#limit, baseSequence, reserve: room })
        this.#oversized.add(index)
        return index
      },
      catch: () =>
        room === undefined
          ? new InvalidArgument({
            argument: "memtableSize",
            reason: `asks for memory that can't be had: a memtable of ${this.#limit} bytes`
          })
          : new InvalidArgument({
            argument: "batch",
            reason: `needs memory for ${room.bytes} bytes in ${room.records} records, which can't be had; split it`
          })
    })
  }

  #ordinary(baseSequence: number): ArenaMemtable {
    const spare = this.#spare.pop()
    if (spare === undefined) return ArenaMemtable.make({ limit: this.#limit, baseSequence })
    spare.reset(baseSequence)
    return spare
  }

  /** Takes back a memtable that nothing references. */
  readonly recycle = (index: ArenaMemtable): void => {
    if (this.#spare.length < this.#kept && !this.#oversized.has(index)) this.#spare.push(index)
  }
}
