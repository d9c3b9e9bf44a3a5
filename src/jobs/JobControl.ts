/**
 * The few words of shared memory between the event loop and one worker thread:
 * signs that take effect although the other side is busy.
 *
 * Words: 0 commands to the worker, as bits; 1 heartbeat, which the worker raises
 * at every slice; 2 whether it is parked; 3 files that its job has made; 4 how
 * long it rests, in microseconds, and 5 until when, in milliseconds modulo 2^32; 6
 * is never changed, to rest on; 7 whether the event loop is idle; 8 the number of the
 * job that is offered, its negative once the worker has begun it, and 0 once it has
 * been withdrawn. Each job has a number of its own, so that a job of which the
 * message is still on its way when another follows is not taken for that one.
 *
 * Where processors are few a worker rests for a moment after each stretch of
 * work. A thread that never sleeps can be put onto the event loop's processor and
 * keep it, for whole ticks of the kernel's clock, whatever its priority; one that
 * has just slept is put where there is room. With two processors and one busy
 * thread of the lowest priority the loop was held up for more than a millisecond
 * in 0.73 % of the time, and with the shortest rests in 0.08 %, at a tenth of the
 * work. The loop asks for longer ones while somebody reads, and for none while it
 * has nothing to do itself: then a merge takes three quarters of the time. A flush
 * rests only if it is asked to: writers wait for it, and without rests batches are
 * taken in 1.14 times as fast.
 */
const commandWord = 0
const heartbeatWord = 1
const parkedWord = 2
const madeWord = 3
const restTimeWord = 4
const restUntilWord = 5
const restWord = 6
const idleWord = 7
const jobWord = 8

const parkBit = 1
const abandonBit = 2

/** Milliseconds of work after which a worker rests, and of the shortest rest. */
const workTime = 0.5
const shortestRest = 0.05
/** Milliseconds for which the loop's word on rests holds. */
const restsHold = 1_000

/** Milliseconds of the clock that nobody sets: the same in all threads. */
const systemTime = (): number => Number(process.hrtime.bigint() / 1_000_000n)

export class JobControl {
  readonly memory: SharedArrayBuffer
  readonly #words: Int32Array
  #rested = 0
  #offered = 0

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(36)) {
    this.memory = memory
    this.#words = new Int32Array(memory)
  }

  /** On the loop, before a job is handed over: its number. The worker has none that it has begun. */
  offer(): number {
    Atomics.and(this.#words, commandWord, ~abandonBit)
    Atomics.store(this.#words, madeWord, 0)
    this.#offered++
    Atomics.store(this.#words, jobWord, this.#offered)
    return this.#offered
  }

  /** On the loop: true if the worker has not begun the job that was offered last, and never will. */
  withdraw(): boolean {
    return Atomics.compareExchange(this.#words, jobWord, this.#offered, 0) >= 0
  }

  /** On the loop: the worker stops at the end of its slice until it is told to go on. */
  park(parked: boolean): void {
    if (parked) Atomics.or(this.#words, commandWord, parkBit)
    else Atomics.and(this.#words, commandWord, ~parkBit)
    Atomics.notify(this.#words, commandWord)
  }

  /** On the loop: the job that has been begun is to end at the end of its slice, parked or not. */
  abandon(): void {
    Atomics.or(this.#words, commandWord, abandonBit)
    Atomics.notify(this.#words, commandWord)
  }

  /**
   * On the loop: how many milliseconds the worker rests, from its next rest on. It holds for a second: what the loop was
   * busy with then may be over.
   */
  restFor(milliseconds: number): void {
    Atomics.store(this.#words, restUntilWord, (systemTime() + restsHold) | 0)
    Atomics.store(this.#words, restTimeWord, Math.round(milliseconds * 1000))
  }

  /** On the loop: whether it is idle, and the worker need not rest. */
  idle(isIdle: boolean): void {
    Atomics.store(this.#words, idleWord, isIdle ? 1 : 0)
  }

  get heartbeat(): number {
    return Atomics.load(this.#words, heartbeatWord)
  }

  get isParked(): boolean {
    return Atomics.load(this.#words, parkedWord) !== 0
  }

  /** How many files the job has made: so many of its targets, which are taken in order. */
  get filesMade(): number {
    return Atomics.load(this.#words, madeWord)
  }

  /** In the worker: a sign of life. */
  beat(): void {
    Atomics.add(this.#words, heartbeatWord, 1)
  }

  /** In the worker, before it touches anything: false if the job has been withdrawn. From then on it can only be abandoned. */
  begin(job: number): boolean {
    return Atomics.compareExchange(this.#words, jobWord, job, -job) === job
  }

  /** In the worker, between two slices: waits while it is parked. True if the job has been abandoned. */
  checkpoint(): boolean {
    const words = this.#words
    this.beat()
    for (;;) {
      const command = Atomics.load(words, commandWord)
      if ((command & abandonBit) !== 0) return true
      if ((command & parkBit) === 0) return false
      Atomics.store(words, parkedWord, 1)
      Atomics.wait(words, commandWord, command)
      Atomics.store(words, parkedWord, 0)
      this.beat()
    }
  }

  /** In the worker, between two slices: leaves the processor to others for a moment if it has worked for some time. */
  rest(evenUnasked: boolean): void {
    const words = this.#words
    if (Atomics.load(words, idleWord) !== 0 || performance.now() - this.#rested < workTime) return
    const left = (Atomics.load(words, restUntilWord) - systemTime()) | 0
    // The difference comes round to above 0 again after 24 days.
    const asked = left > 0 && left <= restsHold ? Atomics.load(words, restTimeWord) / 1000 : 0
    if (asked > 0 || evenUnasked) Atomics.wait(words, restWord, 0, Math.max(shortestRest, asked))
    this.#rested = performance.now()
  }

  /**
   * In the worker, once a file has been made and not before: what could not be made may be another's. A thread that dies
   * between the two leaves an orphan, which the next recovery removes.
   */
  madeFile(): void {
    Atomics.add(this.#words, madeWord, 1)
  }
}
