/**
 * Decides whether a block that is not cached is read at once, which holds the
 * event loop for a microsecond or two if the page cache has it and for much
 * longer if not, or asynchronously, which costs tens of microseconds always.
 *
 * `"adaptive"` reads at once until one such read was slow; then it answers
 * asynchronously for a number of reads and tries again.
 */

import { Context } from "effect"

/** A synchronous read above this many milliseconds did not come from the page cache. */
const slowRead = 0.2
/** How many reads are asynchronous after a slow one. */
const pause = 64

export type ReadMode = "sync" | "async" | "adaptive"

/** How a store that is opened here reads. A simulation sets it: `"adaptive"` measures with the host's clock. */
export const StoreReadMode = Context.Reference<ReadMode>("effect-lsm/table/StoreReadMode", {
  defaultValue: () => "adaptive"
})

export class ReadPolicy {
  readonly mode: ReadMode
  readonly #now: () => number
  #paused = 0

  /** `now` is a clock in milliseconds, as fine as `performance.now`. */
  constructor(mode: ReadMode, now: () => number = () => performance.now()) {
    this.mode = mode
    this.#now = now
  }

  /** Whether large reads of a background job are synchronous: only where nobody else waits for the thread. */
  get synchronousBulk(): boolean {
    return this.mode === "sync"
  }

  /** Asks, for one read, whether it is to be synchronous. */
  decide(): boolean {
    if (this.mode !== "adaptive") return this.mode === "sync"
    if (this.#paused === 0) return true
    this.#paused--
    return false
  }

  /** Runs a synchronous read and learns from its duration. */
  run<A>(read: () => A): A {
    if (this.mode !== "adaptive") return read()
    const started = this.#now()
    const result = read()
    if (this.#now() - started > slowRead) this.#paused = pause
    return result
  }
}
