/**
 * The asynchronous reads of a store's tables: few at a time, each for all who
 * wait for it.
 *
 * The platform reads in a small pool of threads that the whole process shares.
 * The queue leaves room in it: however many reads are cold, the log's sync finds
 * a thread. Reads begin in the order in which they were asked for.
 *
 * A read runs in a fiber of its own, so that interrupting one who waits for it
 * takes nothing from the others, and no place in the queue hangs on a fiber that
 * may be interrupted (I14). A read that nobody waits for any more before it has
 * begun is not made.
 */
import type { Context, Exit } from "effect"
import * as Effect from "effect/Effect"

/** Reads in the pool at once; by default it has four threads. */
const concurrentReads = 2

interface Startable {
  start(): void
}

export class ReadQueue {
  #free: number
  readonly #waiting = new Set<Startable>()
  #isStarting = false

  constructor(concurrent: number = concurrentReads) {
    this.#free = concurrent
  }

  /** Makes a read for one fiber. */
  run<A, E>(read: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.withFiber((fiber) => new QueuedRead(this, read, fiber.context, () => {}).result)
  }

  /** For `QueuedRead`. */
  add(read: Startable): void {
    this.#waiting.add(read)
    this.#startNext()
  }

  /** For `QueuedRead`: takes one back; false if it has begun. */
  withdraw(read: Startable): boolean {
    return this.#waiting.delete(read)
  }

  /** For `QueuedRead`: one has ended. */
  ended(): void {
    this.#free++
    this.#startNext()
  }

  /** In one loop, not by recursion: a read may end at once, and its end lets the next begin. */
  #startNext(): void {
    if (this.#isStarting) return
    this.#isStarting = true
    while (this.#free > 0) {
      const next = this.#waiting.values().next()
      if (next.done === true) break
      this.#waiting.delete(next.value)
      this.#free--
      next.value.start()
    }
    this.#isStarting = false
  }
}

/** One read, for any number of fibers. It is queued while somebody waits for it. */
export class QueuedRead<A, E> {
  readonly #queue: ReadQueue
  readonly #read: Effect.Effect<A, E>
  readonly #context: Context.Context<never>
  readonly #onEnd: () => void
  readonly #waiting = new Set<(exit: Exit.Exit<A, E>) => void>()
  #isAsked = false
  #exit: Exit.Exit<A, E> | undefined

  /** The read runs in the given context. `onEnd` is called when it has ended, or everyone has given it up. */
  constructor(queue: ReadQueue, read: Effect.Effect<A, E>, context: Context.Context<never>, onEnd: () => void) {
    this.#queue = queue
    this.#read = read
    this.#context = context
    this.#onEnd = onEnd
  }

  /** What is read. */
  readonly result: Effect.Effect<A, E> = Effect.callback((resume) => {
    if (this.#exit !== undefined) return resume(this.#exit)
    this.#waiting.add(resume)
    if (!this.#isAsked) {
      this.#isAsked = true
      this.#queue.add(this)
    }
    return Effect.sync(() => {
      this.#waiting.delete(resume)
      if (this.#waiting.size === 0 && this.#queue.withdraw(this)) {
        this.#isAsked = false
        this.#onEnd()
      }
    })
  })

  /** For `ReadQueue`. */
  start(): void {
    Effect.runForkWith(this.#context)(this.#read).addObserver((exit) => {
      this.#exit = exit
      this.#onEnd()
      this.#queue.ended()
      for (const resume of this.#waiting) resume(exit)
    })
  }
}
