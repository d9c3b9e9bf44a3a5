/**
 * A clock on which time passes only when nothing is left to do: it jumps to
 * its earliest sleeper. An hour of retries takes no time to test, and every
 * timer fires at exactly its moment.
 *
 * Reading it never moves it, so a loop that only spins until some time is
 * reached never ends; a `sleep` does.
 */
import { Duration, Effect } from "effect"
import type { Clock } from "effect"

interface Sleeper {
  readonly deadline: number
  readonly wake: () => void
}

/**
 * A `Clock` that something drives by {@link VirtualClock.advance}; the
 * simulation does it whenever its run queue is empty.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { simulate } from "effect-lsm/testing"
 *
 * const report = simulate(Effect.sleep("1 hour"), { seed: 1 })
 *
 * report.time // => 3_600_000
 * ```
 */
export class VirtualClock implements Clock.Clock {
  #now: number
  /** In the order in which they wake, the latest first, so that waking is a `pop`. */
  readonly #sleepers: Array<Sleeper> = []
  readonly currentTimeMillis = Effect.sync(() => this.currentTimeMillisUnsafe())
  readonly currentTimeNanos = Effect.sync(() => this.currentTimeNanosUnsafe())
  readonly monotonicTimeNanos = Effect.sync(() => this.monotonicTimeNanosUnsafe())

  /** @param startTime milliseconds of Unix time to begin at, 0 unless told */
  constructor(startTime = 0) {
    this.#now = startTime
  }

  /** How many sleepers wait. */
  get sleepers(): number {
    return this.#sleepers.length
  }

  currentTimeMillisUnsafe(): number {
    return this.#now
  }

  currentTimeNanosUnsafe(): bigint {
    return BigInt(Math.round(this.#now * 1_000_000))
  }

  monotonicTimeNanosUnsafe(): bigint {
    return this.currentTimeNanosUnsafe()
  }

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    const millis = Duration.toMillis(duration)
    if (!(millis > 0)) return Effect.yieldNow
    if (millis === Infinity) return Effect.never
    return Effect.callback<void>((resume) => {
      const sleeper: Sleeper = { deadline: this.#now + millis, wake: () => resume(Effect.void) }
      this.#add(sleeper)
      return Effect.sync(() => this.#remove(sleeper))
    })
  }

  /**
   * Moves the time to the earliest sleeper's and hands what wakes each sleeper
   * that is due then to `schedule`, in the order in which they went to sleep.
   * False if nobody sleeps.
   */
  advance(schedule: (wake: () => void) => void): boolean {
    const earliest = this.#sleepers.at(-1)
    if (earliest === undefined) return false
    this.#now = earliest.deadline
    for (let due = this.#sleepers.at(-1); due?.deadline === this.#now; due = this.#sleepers.at(-1)) {
      this.#sleepers.pop()
      schedule(due.wake)
    }
    return true
  }

  #add(sleeper: Sleeper): void {
    const next = this.#sleepers.findIndex((other) => other.deadline <= sleeper.deadline)
    this.#sleepers.splice(next < 0 ? this.#sleepers.length : next, 0, sleeper)
  }

  #remove(sleeper: Sleeper): void {
    const index = this.#sleepers.indexOf(sleeper)
    if (index >= 0) this.#sleepers.splice(index, 1)
  }
}
