/**
 * Decides whether blocks that are not cached are read at once, which holds the
 * event loop for a microsecond or two if the page cache has them and for as long
 * as the disk takes if not, or in the pool of threads, which costs tens of
 * microseconds and holds nothing.
 *
 * `"adaptive"` decides for each file by what its reads took:
 *
 * - A file that the store has just written is in the page cache, and trusted. Any
 *   other is not at first: its reads go to the pool. One that comes back
 *   quickly was in the page cache, or the disk is as quick; one that comes back
 *   late proves nothing, as the loop may have been busy. Two quick ones behind
 *   one another make the file trusted.
 * - A trusted file is read at once. After one slow read it is not trusted, and
 *   needs the more quick ones behind one another the slower the read was and the
 *   more often that has happened, so that a file of which a part is cold stays
 *   in the pool. A file that was not read for a while must prove itself again,
 *   because the page cache may have dropped it.
 * - A slow read is held against the disk only if it came from there. The system
 *   counts what a process reads from disks; a read that was slow and is not in that
 *   count was made by a thread that lost its processor in the middle of it. Two such
 *   reads shortly behind one another are held against the disk all the same: not
 *   every kind of disk is counted. Where nothing is counted a slow read is the disk's.
 * - However the disk behaves, slow reads hold the loop for a twentieth of the time
 *   and 20 ms at most: while they have had more than that, no file of the store is
 *   read at once. The 20 ms are for what only looks like a slow read, a thread that
 *   lost its processor in the middle of a quick one.
 * - Where the loop is so busy that nothing ever comes back quickly, a file is
 *   read at once on trial after many reads, and more after each trial that failed.
 */
import * as Context from "effect/Context"
import { resourceUsage } from "node:process"
import { ReadQueue } from "./ReadQueue.ts"

/** A read at once that took more milliseconds, its bytes not counted, did not come from the page cache. */
const slowRead = 0.2
/** Reads at once between two slow ones that are not in the system's count, from which on they are not the disk's. */
const rarely = 64
/** Milliseconds between two looks at that count, which takes 5 µs. */
const countInterval = 10
/** A read through the pool that took fewer milliseconds, its bytes not counted, did. */
const quickRead = 0.1
/** Milliseconds that the page cache takes for a byte of a large read, into memory that may be fresh. */
const copyTime = 0.000_000_4
/** What a read through the pool costs more than one at once, in milliseconds. */
const poolCost = 0.035
/** Quick reads behind one another that make a file trusted, at the least and at the most. */
const leastProof = 2
const mostProof = 1024
/** How many more one slow read demands at the most. */
const mostAddedProof = 64
/** Reads at once behind one another, none of them slow, that make a file's past count half. */
const goodConduct = 1024
/** A file that was not read for so many milliseconds must prove itself again. */
const longAgo = 10_000
/** Slow reads may hold the loop for one part in so many of the time, and for so many milliseconds. */
const timeShare = 20
const timeAllowed = 20
/** Trust that fails within so many reads counts as a trial that failed. */
const soon = 64
/** Reads through the pool after which one is made at once on trial; doubled by each trial that failed, so many times. */
const readsToTrial = 64
const mostTrialDoublings = 6

export type ReadMode = "sync" | "async" | "adaptive"

/** How a store that is opened here reads. A simulation sets it: `"adaptive"` measures with the host's clock. */
export const StoreReadMode = Context.Reference<ReadMode>("effect-lsm/table/StoreReadMode", {
  defaultValue: () => "adaptive"
})

/** Linux counts, and has 0 while all came from the page cache; elsewhere 0 is what a system says that does not count. */
const countDiskReads = (): number | undefined => {
  const { fsRead } = resourceUsage()
  return fsRead === 0 && process.platform !== "linux" ? undefined : fsRead
}

export class ReadPolicy {
  readonly mode: ReadMode
  readonly now: () => number
  /** The reads through the pool of all files. */
  readonly queue = new ReadQueue()
  /** Reads that were made at once, and through the pool. */
  synchronous = 0
  asynchronous = 0
  /** What slow reads have held the loop for, less the share of the time that was theirs, when the last of them ended. */
  #held = 0
  #heldAt = 0

  readonly #diskReads: () => number | undefined
  /** The system's count when it was last looked at, when that was, and the number of the last slow read not in it. */
  #counted: number | undefined
  #countedAt = Number.NEGATIVE_INFINITY
  #lastUncounted = -rarely

  /**
   * `now` is a clock in milliseconds, as fine as `performance.now`; `diskReads` counts what the process has read from
   * disks, and is undefined where nothing is counted.
   */
  constructor(
    mode: ReadMode,
    now: () => number = () => performance.now(),
    diskReads: () => number | undefined = countDiskReads
  ) {
    this.mode = mode
    this.now = now
    this.#diskReads = diskReads
  }

  /** Whether large reads of a background job are synchronous: only where nobody else waits for the thread. */
  get synchronousBulk(): boolean {
    return this.mode === "sync"
  }

  /** What decides for a file that is being opened; `isFresh` if the store has just written it. */
  file(isFresh = false): FileReads {
    return new FileReads(this, isFresh)
  }

  /** For `FileReads`, after a read at once that was not slow: what others read from disks is not the next slow one's. */
  wasQuick(time: number): void {
    if (time - this.#countedAt < countInterval) return
    this.#counted = this.#diskReads()
    this.#countedAt = time
  }

  /** For `FileReads`, after a slow read at once: whether it is held against the disk. */
  isTheDisks(time: number): boolean {
    const counted = this.#diskReads()
    const isCounted = counted === undefined || counted !== this.#counted
    this.#counted = counted
    this.#countedAt = time
    if (isCounted) return true
    const isRare = this.synchronous - this.#lastUncounted >= rarely
    this.#lastUncounted = this.synchronous
    return !isRare
  }

  /** For `FileReads`: whether slow reads have held the loop for too long lately. */
  isQuiet(time: number): boolean {
    return this.#held > timeAllowed && this.#left(time) > timeAllowed
  }

  /** For `FileReads`: a read at once that ended at this time was slow. */
  wasSlow(time: number, took: number): void {
    this.#held = this.#left(time) + took
    this.#heldAt = time
  }

  #left(time: number): number {
    return Math.max(0, this.#held - (time - this.#heldAt) / timeShare)
  }
}

/** What the reads of one file have taken. */
export class FileReads {
  readonly #policy: ReadPolicy
  readonly #isAdaptive: boolean
  #isTrusted = false
  /** Quick reads behind one another: through the pool while the file is not trusted, at once while it is. */
  #quick = 0
  /** How many of them make it trusted. */
  #proof = leastProof
  /** Reads through the pool since the last that was made at once. */
  #inPool = 0
  #failedTrials = 0
  #lastRead = 0

  constructor(policy: ReadPolicy, isFresh: boolean) {
    this.#policy = policy
    this.#isAdaptive = policy.mode === "adaptive"
    if (!isFresh || !this.#isAdaptive) return
    this.#isTrusted = true
    this.#lastRead = policy.now()
  }

  /** Asks whether a read is to be made at once. Asking changes nothing that asking again would not. */
  isAtOnce(): boolean {
    const policy = this.#policy
    if (!this.#isAdaptive) return policy.mode === "sync"
    if (!this.#isTrusted && this.#inPool < readsToTrial * 2 ** this.#failedTrials) return false
    const time = policy.now()
    if (this.#isTrusted && time - this.#lastRead > longAgo) {
      this.#isTrusted = false
      this.#quick = Math.max(0, this.#proof - leastProof)
      return false
    }
    return !policy.isQuiet(time)
  }

  /** When a read begins, for what tells of its end. */
  begin(): number {
    return this.#isAdaptive ? this.#policy.now() : 0
  }

  /** A read of so many bytes that was made at once has ended. */
  endAtOnce(began: number, bytes: number): void {
    this.#policy.synchronous++
    if (!this.#isAdaptive) return
    const time = this.#policy.now()
    const took = time - began
    this.#lastRead = time
    this.#inPool = 0
    if (took > slowRead + bytes * copyTime && this.#policy.isTheDisks(time)) {
      if (!this.#isTrusted || this.#quick < soon)
        this.#failedTrials = Math.min(this.#failedTrials + 1, mostTrialDoublings)
      this.#isTrusted = false
      this.#quick = 0
      this.#proof = Math.min(this.#proof + Math.min(Math.ceil(took / poolCost), mostAddedProof), mostProof)
      this.#policy.wasSlow(time, took)
      return
    }
    this.#policy.wasQuick(time)
    if (!this.#isTrusted) this.#trust()
    this.#quick++
    if (this.#quick < goodConduct) return
    this.#quick = soon
    this.#failedTrials = 0
    this.#proof = Math.max(leastProof, this.#proof >>> 1)
  }

  /** A read of so many bytes through the pool has ended. */
  endInPool(began: number, bytes: number): void {
    this.#policy.asynchronous++
    if (!this.#isAdaptive) return
    const time = this.#policy.now()
    this.#lastRead = time
    if (this.#isTrusted) return
    this.#inPool++
    this.#quick = time - began < quickRead + bytes * copyTime ? this.#quick + 1 : 0
    if (this.#quick >= this.#proof) this.#trust()
  }

  #trust(): void {
    this.#isTrusted = true
    this.#quick = 0
    this.#inPool = 0
  }
}
