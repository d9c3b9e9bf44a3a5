/**
 * Decides whether a small sync is made at once, on the event loop's thread, or in
 * the pool of threads. The trip to the pool and back costs a lone writer some 35
 * µs; a sync at once holds the loop for the 90 µs and more that it takes.
 *
 * Syncs are made at once while there is no unrest. Each sync makes it less; what
 * makes it more is
 *
 * - a slow sync; one that held the loop counts for more;
 * - an event of the loop that is not the end of a sync: somebody else has work.
 *   The runtime itself has a few, after collecting garbage;
 * - a turn of the loop during a sync through the pool beside the one that ends it:
 *   a timer was due, or another fiber ran. While syncs are made at once, one of
 *   32 goes through the pool to look.
 *
 * After a slow one they go through the pool until one is quick again. However the
 * disk behaves, slow syncs hold the loop for a twentieth of the time and 5 ms at
 * most: while they have had more than that, none is made at once.
 *
 * A sync of more than a little, or of a file that has become longer, is expected
 * to be slow. It is never made at once, and nothing is learnt from it.
 */
import { performance } from "node:perf_hooks"

/** Most bytes of a small sync. */
const smallSync = 64 * 1024
/** Milliseconds: a sync that took more is slow, the trip to the pool included. */
const slowSync = 0.25
/** Slow syncs may hold the loop for one part in so many of the time, and for so many milliseconds. */
const timeShare = 20
const timeAllowed = 5
/** One sync of so many is a look at the loop. */
const lookInterval = 32

/** The unrest, in syncs that it takes to pass: at first, most while syncs go on being made at once, and most of all. */
const firstUnrest = 32
const tolerableUnrest = 192
const mostUnrest = 1280
/** What makes it more. A hundredth of the syncs is slow on a quick disk too, if they go through the pool. */
const ofSlowInPool = 8
const ofSlowAtOnce = 32
const ofEvent = 128
const ofTurn = 64
/** The same if only one sync of several looks. */
const ofTurnInLook = 128

/** How often the loop has turned, and the events that it has had. */
export interface LoopCounts {
  readonly loopCount: number
  readonly events: number
}

/** A sync that has begun. */
export interface SyncBegun {
  readonly isAtOnce: boolean
  readonly isSmall: boolean
  readonly time: number
  /** The loop's turns until then; undefined where they are not counted. */
  readonly turns: number | undefined
}

/** Undefined in a runtime that does not count. */
const loopCounts = (): LoopCounts | undefined => {
  const timing: { readonly uvMetricsInfo?: LoopCounts } | undefined = performance.nodeTiming
  return timing?.uvMetricsInfo
}

export class SyncPolicy {
  readonly #now: () => number
  readonly #loop: () => LoopCounts | undefined
  #unrest = firstUnrest
  /** From no unrest on until there is too much. */
  #isCalm = false
  #sinceLook = 0
  /** What slow syncs have held the loop for, less the share of the time that was theirs, when the last of them ended. */
  #held = 0
  #heldAt = 0
  /** The ends of syncs through the pool. */
  #ends = 0
  /** The other events when the last sync began; undefined if they are not to be compared with. */
  #others: number | undefined

  /** `now` is a clock in milliseconds, as fine as `performance.now`. */
  constructor(now: () => number = () => performance.now(), loop: () => LoopCounts | undefined = loopCounts) {
    this.#now = now
    this.#loop = loop
  }

  /** A sync of so many bytes begins, and is to be made as this says; `end` is told when it has ended. */
  begin(bytes: number): SyncBegun {
    const loop = this.#loop()
    const time = this.#now()
    const isSmall = bytes <= smallSync && loop !== undefined
    if (isSmall) {
      const others = loop.events - this.#ends
      if (this.#others !== undefined && this.#others !== others) this.#add(ofEvent)
      this.#others = others
    }
    const isAtOnce = isSmall && this.#isCalm && this.#sinceLook + 1 < lookInterval && this.#left(time) <= timeAllowed
    return { isAtOnce, isSmall, time, turns: loop?.loopCount }
  }

  end({ isAtOnce, isSmall, time: began, turns }: SyncBegun): void {
    const time = this.#now()
    const isSlow = time - began > slowSync
    if (isAtOnce) {
      this.#sinceLook++
      this.#pass()
      if (!isSlow) return
      this.#held = this.#left(time) + time - began
      this.#heldAt = time
      this.#sinceLook = lookInterval
      return this.#add(ofSlowAtOnce)
    }
    this.#ends++
    if (!isSmall) {
      // What was written before it may have gone through the pool as well.
      this.#others = undefined
      return
    }
    if (!isSlow) this.#sinceLook = 0
    this.#pass()
    if (turns === undefined || this.#loop()?.loopCount !== turns + 1) this.#add(this.#isCalm ? ofTurnInLook : ofTurn)
    else if (isSlow) this.#add(ofSlowInPool)
  }

  #left(time: number): number {
    return Math.max(0, this.#held - (time - this.#heldAt) / timeShare)
  }

  #pass(): void {
    if (this.#unrest > 0) this.#unrest--
    if (this.#unrest === 0) this.#isCalm = true
  }

  #add(unrest: number): void {
    this.#unrest = Math.min(mostUnrest, this.#unrest + unrest)
    if (this.#unrest > tolerableUnrest) this.#isCalm = false
  }
}
