/**
 * The gate between those who write into the active pair and the one who
 * replaces it: any number of permits, or one closer, and the closer goes first.
 *
 * A waiter first waits for the gate to open and only then tries to take a
 * permit, in one stretch without a yield, so that an interrupt between the two
 * has no permit to leak. It is plain state, not transactional: on one event
 * loop a stretch without a yield is atomic, and a permit for each group of
 * writes costs nothing (a transactional semaphore costs 5 µs and more).
 */
import { Effect } from "effect"

export class Gate {
  #closed = false
  #holders = 0
  #waiting: Array<() => void> = []
  #drained: (() => void) | undefined

  get holders(): number {
    return this.#holders
  }

  get isOpen(): boolean {
    return !this.#closed
  }

  /** Takes a permit if the gate is open. */
  tryAcquire(): boolean {
    if (this.#closed) return false
    this.#holders++
    return true
  }

  release(): void {
    this.#holders--
    if (this.#holders === 0 && this.#drained !== undefined) {
      const drained = this.#drained
      this.#drained = undefined
      drained()
    }
  }

  /** Returns once the gate is open; it holds nothing. */
  readonly awaitOpen: Effect.Effect<void> = Effect.callback<void>((resume) => {
    if (!this.#closed) return resume(Effect.void)
    const waiter = () => resume(Effect.void)
    this.#waiting.push(waiter)
    return Effect.sync(() => {
      const at = this.#waiting.indexOf(waiter)
      if (at >= 0) this.#waiting.splice(at, 1)
    })
  })

  /** Closes the gate; at once no new permit is given. One closer at a time. */
  close(): void {
    this.#closed = true
  }

  /** Returns once every permit is back. For the closer. */
  readonly awaitDrained: Effect.Effect<void> = Effect.callback<void>((resume) => {
    if (this.#holders === 0) return resume(Effect.void)
    this.#drained = () => resume(Effect.void)
    return Effect.sync(() => {
      this.#drained = undefined
    })
  })

  /** Opens the gate and wakes those who wait, who may run at once. */
  open(): void {
    this.#closed = false
    const waiting = this.#waiting
    this.#waiting = []
    for (const wake of waiting) wake()
  }
}
