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
 * more writes gather. No write fails for it.
 */
import { Effect } from "effect"
import type { StallReason } from "../EngineEvent.ts"
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
/** A stretch of slowed writes is told of after so many milliseconds, if it has not ended. */
const tellAfter = 1_000

/** A rate learned from jobs, the last ones counting most. */
export class MeasuredRate {
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

const share = (value: number, soft: number, hard: number): number =>
  value <= soft ? 0 : value >= hard ? 1 : (value - soft) / (hard - soft)

export class Pacing {
  readonly #engine: EngineStateShape
  #pressure = 0
  #reason: StallReason = "immutables"
  /** When the groups so far are paid for. */
  #paidAt = 0
  #isLifted = false
  /** The stretch of slowed writes that goes on. */
  #slowedSince = -1
  #slowed = 0
  #slowedReason: StallReason = "immutables"

  constructor(engine: EngineStateShape) {
    this.#engine = engine
  }

  /** From now on nothing is slowed: the store is closing. */
  lift(): void {
    this.#isLifted = true
  }

  /** True while writers are slowed. */
  get isSlowing(): boolean {
    return this.#paidAt > 0
  }

  /** A group of so many bytes has been taken. */
  charge(bytes: number): void {
    this.#measure()
    const pressure = this.#pressure
    if (pressure === 0 || this.#isLifted) {
      this.#paidAt = 0
      if (this.#slowedSince >= 0) this.#tell()
      return
    }
    const { flush, level0 } = this.#engine.intake
    const intake = this.#reason === "immutables" ? flush.value : level0.value
    const rate = intake * Math.max(0.125, (1 - pressure) / pressure)
    const now = this.#engine.milliseconds()
    this.#paidAt = Math.max(this.#paidAt, now - credit) + bytes / rate
  }

  /** Returns when the groups so far are paid for. */
  readonly wait: Effect.Effect<void> = Effect.suspend(() => {
    const now = this.#engine.milliseconds()
    const milliseconds = Math.min(longestWait, Math.floor(this.#paidAt - now))
    if (milliseconds < 1 || this.#isLifted) return Effect.void
    if (this.#slowedSince < 0) {
      this.#slowedSince = now
      this.#slowedReason = this.#reason
    }
    return Effect.map(Effect.sleep(milliseconds), () => {
      const until = this.#engine.milliseconds()
      this.#slowed += until - now
      if (until - this.#slowedSince >= tellAfter) this.#tell()
    })
  })

  #tell(): void {
    const { counters, emit } = this.#engine
    counters.slowdowns++
    counters.slowdownMilliseconds += this.#slowed
    emit({ _tag: "WriteStalled", reason: this.#slowedReason, kind: "slowed", milliseconds: this.#slowed })
    this.#slowedSince = -1
    this.#slowed = 0
  }

  #measure(): void {
    const { options, view: { value: view } } = this.#engine
    const { compaction, maxImmutables, memtableSize } = options
    let unflushed = view.active.index.usedBytes
    for (const { index } of view.immutables) unflushed += index.usedBytes
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
