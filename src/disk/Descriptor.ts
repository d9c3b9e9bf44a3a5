/**
 * One open file descriptor and who is using it.
 *
 * The system hands a closed descriptor's number to the next file that is
 * opened, so a call still queued in the thread pool would read or write that
 * other file. Therefore closing refuses new users at once, waits for those that
 * are left, and closes exactly once.
 */
import * as Effect from "effect/Effect"
import { close } from "node:fs"

export class Descriptor {
  readonly #fd: number
  #users = 0
  #closing = false
  #closed = false
  #waiting: Array<() => void> = []

  constructor(fd: number) {
    this.#fd = fd
  }

  /** The number, or -1 from the moment at which closing begins. Good for this stretch only, unless held. */
  get fd(): number {
    return this.#closing ? -1 : this.#fd
  }

  /** Keeps the descriptor open until `release`, for a call that outlasts this stretch. */
  hold(): void {
    this.#users++
  }

  release(): void {
    this.#users--
    if (this.#closing && this.#users === 0) this.#closeNow()
  }

  /** Returns once the descriptor is closed, whoever closed it. What `close` itself reports, a sync reported before. */
  readonly close: Effect.Effect<void> = Effect.uninterruptible(
    Effect.callback<void>((resume) => {
      if (this.#closed) return resume(Effect.void)
      this.#waiting.push(() => resume(Effect.void))
      if (this.#closing) return
      this.#closing = true
      if (this.#users === 0) this.#closeNow()
    })
  )

  #closeNow(): void {
    close(this.#fd, () => {
      this.#closed = true
      const waiting = this.#waiting
      this.#waiting = []
      for (const wake of waiting) wake()
    })
  }
}
