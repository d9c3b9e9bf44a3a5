/**
 * What a test and its worker threads tell each other through shared memory, and
 * what befalls the threads: at the call of that number, of all threads together
 * and the threads that replace them, one thing happens once.
 */
import { Effect } from "effect"

export type Mishap =
  /** The thread exits. */
  | "exit"
  /** It throws what nobody catches. */
  | "throw"
  /** It computes for ever. */
  | "spin"
  /** It waits until the test releases it, without a sign of life. */
  | "halt"
  /** It waits in a system call until somebody writes to the pipe. */
  | "stick"
  /** It waits likewise, with signs of life. */
  | "wait"
  /** It waits likewise before it serves, whatever the call, and tells when it goes on. */
  | "load"
  /** It waits likewise before it looks at messages of the kind that the plan names as its operation. */
  | "defer"

export interface MishapPlan {
  readonly memory: SharedArrayBuffer
  readonly mishap: Mishap
  /** The number of the call, from 0, among those of the operation. */
  readonly call: number
  /** Only calls of this operation are counted; all, if it is absent. */
  readonly operation?: string | undefined
  /** Only calls about paths that have this in them are counted. */
  readonly about?: string | undefined
  /** The path of a pipe to stick at. */
  readonly pipe?: string | undefined
}

const callsWord = 0
const struckWord = 1
const releasedWord = 2
const turnsWord = 3
const otherCallsWord = 4

export class WorkerSignals {
  readonly memory: SharedArrayBuffer
  readonly #words: Int32Array

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(32)) {
    this.memory = memory
    this.#words = new Int32Array(memory)
  }

  /** In a thread: the number of this call. */
  count(): number {
    return Atomics.add(this.#words, callsWord, 1)
  }

  /** In a thread: a call that no mishap is planned for. */
  countOther(): void {
    Atomics.add(this.#words, otherCallsWord, 1)
    Atomics.notify(this.#words, otherCallsWord)
  }

  get calls(): number {
    return Atomics.load(this.#words, callsWord)
  }

  get otherCalls(): number {
    return Atomics.load(this.#words, otherCallsWord)
  }

  /** In a thread: the mishap has come. */
  strike(): void {
    Atomics.store(this.#words, struckWord, 1)
    Atomics.notify(this.#words, struckWord)
  }

  /** In a thread: waits until the test releases it; `turn` is called every 10 ms. */
  untilReleased(turn: () => void): void {
    while (Atomics.load(this.#words, releasedWord) === 0) {
      Atomics.wait(this.#words, releasedWord, 0, 10)
      turn()
      Atomics.add(this.#words, turnsWord, 1)
      Atomics.notify(this.#words, turnsWord)
    }
  }

  /** In the test. */
  release(): void {
    Atomics.store(this.#words, releasedWord, 1)
    Atomics.notify(this.#words, releasedWord)
  }

  /** In the test: waits until the mishap has come. */
  readonly struck: Effect.Effect<void> = Effect.suspend(() => this.#until(struckWord, 1))

  /** In the test: waits until a thread that waits has turned so often. */
  turns(count: number): Effect.Effect<void> {
    return this.#until(turnsWord, count)
  }

  /** In the test: waits until threads have made so many calls that no mishap is planned for. */
  untilOtherCalls(count: number): Effect.Effect<void> {
    return this.#until(otherCallsWord, count)
  }

  #until(word: number, least: number): Effect.Effect<void> {
    return Effect.promise(async () => {
      for (;;) {
        const value = Atomics.load(this.#words, word)
        if (value >= least) return
        await Atomics.waitAsync(this.#words, word, value).value
      }
    })
  }
}
