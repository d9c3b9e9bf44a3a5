/**
 * Backpressure as a slope (I13): between a soft bound and a hard one writers are
 * slowed, in proportion to what waits for the disk, to about the rate at which
 * the background work takes it in. The hard bounds are not here: the
 * RotationCoordinator and the Flusher hold them.
 *
 * What is measured, each from 0 at its soft bound to 1 at its hard one:
 * - unflushed bytes, of what all memtables may hold
 * - tables in level 0, by the strategy's two bounds
 * - the strategy's compaction debt, of the bytes in tables
 *
 * At a pressure of a half the rate is the measured one, below it is higher and
 * above it lower; so pressure settles where writers and background work keep
 * pace. Each group pays for its bytes with a wait before the next one, in which
 * more writes gather. The wait ends early when a flush or a merge has brought
 * relief. No write fails for it.
 *
 * While somebody reads, worker threads are asked to rest between stretches of
 * work, unless the pressure is high, and the writers are slowed to what is left: so
 * reads keep the processor. And the wait does not let the loop sleep, as a
 * sleeping loop is woken late: on a virtual machine of two processors gets beside
 * unlimited writers had a p99 of 1.8 ms with a loop that slept while writers
 * waited (with no writers at all, 2.5 to 3.8), and of 0.84 with one that did not.
 */
import { Clock, Context, Effect } from "effect"
import type { StallReason } from "../EngineEvent.ts"
import type { Jobs } from "../jobs/Jobs.ts"
import type { EngineStateShape } from "./EngineState.ts"

/** Rates in bytes a millisecond until one has been measured. */
const firstFlushRate = 100_000
const firstMergeRate = 30_000
/** Debt in memtables, at least, at which writers begin to be slowed; the hard bound is at four times the soft one. */
const softDebt = 64
/** Longest wait for one group, in milliseconds. */
const longestWait = 100
/** Unused time up to so many milliseconds is made up for: timers are no finer. */
const credit = 2
/** Longest wait in milliseconds in which the loop is kept from sleeping. */
const longestWatch = 20
/** Milliseconds between two looks at who reads, and how many reads a millisecond count. */
const lookInterval = 100
const readsThatCount = 0.1
/** Milliseconds that worker threads rest while somebody reads; from a pressure of three quarters on fewer. */
const longestRest = 3
/** A stretch of slowed writes is told of after so many milliseconds, if it has not ended. */
const tellAfter = 1_000

/** A rate learned from jobs, the last ones counting most. */
class MeasuredRate {
  #rate: number

  constructor(first: number) {
    this.#rate = first
  }

  /** Bytes a millisecond. */
  get value(): number {
    return this.#rate
  }

  note(bytes: number, milliseconds: number): void {
    if (bytes > 0) this.#rate += (bytes / Math.max(1, milliseconds) - this.#rate) * 0.3
  }
}

/** What the background work takes in. */
export class IntakeRates {
  /** Bytes of memtables that flushes write. */
  readonly flush = new MeasuredRate(firstFlushRate)
  /** Bytes of level 0 that compaction takes away, other compactions meanwhile included. */
  readonly level0 = new MeasuredRate(firstMergeRate)
}

/** Time as it is outside the program. */
const hostClock = Context.get(Context.empty(), Clock.Clock)

const share = (value: number, soft: number, hard: number): number =>
  value <= soft ? 0 : value >= hard ? 1 : (value - soft) / (hard - soft)

export class Pacing {
  readonly #engine: EngineStateShape
  readonly #jobs: Jobs["Service"]
  readonly #clock: Clock.Clock
  #pressure = 0
  #reason: StallReason = "immutables"
  /** When the groups so far are paid for. */
  #paidAt = 0
  #isLifted = false
  /** Ends the wait that is under way. */
  #onRelief: (() => void) | undefined
  /** The stretch of slowed writes that goes on. */
  #slowedSince = -1
  #slowed = 0
  #slowedReason: StallReason = "immutables"
  /** When it was last looked who reads, and how many reads there had been. */
  #lookedAt = 0
  #reads = 0
  #isRead = false

  constructor(engine: EngineStateShape, jobs: Jobs["Service"], clock: Clock.Clock) {
    this.#engine = engine
    this.#jobs = jobs
    this.#clock = clock
    engine.onRelief.push(() => {
      this.#look()
      this.#onRelief?.()
    })
  }

  /** Milliseconds, with fractions; a wall clock that is set back would make waits of them that do not end. */
  #now(): number {
    return Number(this.#clock.monotonicTimeNanosUnsafe()) / 1e6
  }

  /** From now on nothing is slowed: the store is closing. */
  lift(): void {
    this.#isLifted = true
    this.#jobs.restFor(0)
    this.#onRelief?.()
  }

  /** True while writers are slowed. */
  get isSlowing(): boolean {
    return this.#paidAt > 0
  }

  /** A group of so many bytes has been taken. */
  charge(bytes: number): void {
    this.#measure()
    const now = this.#now()
    if (now - this.#lookedAt >= lookInterval) this.#look()
    const pressure = this.#pressure
    if (pressure === 0 || this.#isLifted) {
      this.#paidAt = 0
      if (this.#slowedSince >= 0) this.#tell()
      return
    }
    const { flush, level0 } = this.#engine.intake
    const intake = this.#reason === "immutables" ? flush.value : level0.value
    const rate = intake * Math.max(0.125, (1 - pressure) / pressure)
    this.#paidAt = Math.max(this.#paidAt, now - credit) + bytes / rate
  }

  /** Returns when the groups so far are paid for, or there is less pressure. */
  readonly wait: Effect.Effect<void> = Effect.suspend(() => {
    const now = this.#now()
    const milliseconds = Math.min(longestWait, this.#paidAt - now)
    // Time that a program makes does not pass on the host's turns.
    const isWatch = this.#isRead && milliseconds <= longestWatch && this.#clock === hostClock
    if (!(milliseconds >= (isWatch ? 0.1 : 1)) || this.#isLifted) return Effect.void
    this.#measure()
    if (this.#pressure === 0) {
      // Relief has come since the charge, and none may be to come any more.
      this.#paidAt = 0
      return Effect.void
    }
    if (this.#slowedSince < 0) {
      this.#slowedSince = now
      this.#slowedReason = this.#reason
    }
    return Effect.map(isWatch ? this.#turns(milliseconds) : this.#sleep(milliseconds), () => {
      const until = this.#now()
      this.#slowed += until - now
      if (until - this.#slowedSince >= tellAfter) this.#tell()
    })
  })

  #sleep(milliseconds: number): Effect.Effect<void> {
    const relief = Effect.callback<void>((resume) => {
      this.#onRelief = () => {
        this.#onRelief = undefined
        this.#paidAt = 0
        resume(Effect.void)
      }
      return Effect.sync(() => {
        this.#onRelief = undefined
      })
    })
    return Effect.raceFirst(Effect.sleep(Math.ceil(milliseconds)), relief)
  }

  /**
   * Waits without letting the loop sleep, in turns of next to nothing: as effects they would be garbage by the
   * megabyte.
   */
  #turns(milliseconds: number): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const until = performance.now() + milliseconds
      let isOver = false
      const turn = (): void => {
        if (isOver) return
        if (this.#paidAt === 0 || this.#isLifted || performance.now() >= until) resume(Effect.void)
        else setImmediate(turn)
      }
      setImmediate(turn)
      return Effect.sync(() => {
        isOver = true
      })
    })
  }

  #look(): void {
    const now = this.#now()
    const { chunks, gets } = this.#engine.counters
    const reads = chunks + gets
    if (now - this.#lookedAt < lookInterval / 2) return
    this.#isRead = reads - this.#reads >= (now - this.#lookedAt) * readsThatCount
    this.#reads = reads
    this.#lookedAt = now
    this.#jobs.restFor(this.#isRead && !this.#isLifted ? longestRest * Math.min(1, 4 * (1 - this.#pressure)) : 0)
  }

  #tell(): void {
    const { counters, emit } = this.#engine
    this.#slowedSince = -1
    const milliseconds = Math.round(this.#slowed)
    if (milliseconds === 0) return
    counters.slowdowns++
    counters.slowdownMilliseconds += milliseconds
    emit({ _tag: "WriteStalled", reason: this.#slowedReason, kind: "slowed", milliseconds })
    this.#slowed = 0
  }

  #measure(): void {
    const { options, view: { value: view } } = this.#engine
    const { compaction, maxImmutables, memtableSize } = options
    let unflushed = view.active.index.usedBytes
    for (const { index, isReplayed } of view.immutables) {
      if (!isReplayed) unflushed += index.usedBytes
    }
    const room = (maxImmutables + 1) * memtableSize
    this.#pressure = share(unflushed, room / 2, room)
    this.#reason = "immutables"
    this.#raise("level0", share(view.tables.level0.length, compaction.slowdownTables, compaction.stopTables))
    const soft = Math.max(softDebt * memtableSize, view.tables.bytes / 2)
    this.#raise("debt", share(view.tables.debt(compaction, memtableSize), soft, 4 * soft))
  }

  #raise(reason: StallReason, pressure: number): void {
    if (pressure <= this.#pressure) return
    this.#pressure = pressure
    this.#reason = reason
  }
}
