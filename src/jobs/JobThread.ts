/**
 * One worker thread from its start to its end, seen from the event loop.
 *
 * It serves one job at a time, which it has begun only once it says so: until then
 * the loop may take the job back. It ends when it is stopped, when it dies of an
 * error, or when it gives no sign of life for too long while it has a job and is
 * not parked; however it ends, whoever waits for it learns of it, and the process
 * goes on. While it has a job it keeps the process alive, and idle it does not.
 */
import { Worker } from "node:worker_threads"
import type { Access } from "../disk/Access.ts"
import { JobControl } from "./JobControl.ts"
import { portable } from "./WorkerMessage.ts"
import type { JobOffer, JobReply, JobRequest, StopRequest } from "./WorkerMessage.ts"
import { Rests } from "./WorkerSetup.ts"
import type { WorkerSetup } from "./WorkerSetup.ts"

/** What became of a job: the worker's reply, or the worker's end. */
export type JobOutcome = JobReply | { readonly _tag: "Died"; readonly reason: string }

export interface JobThreadOptions {
  readonly entry: URL
  /** For the entry of a test. */
  readonly extra: unknown
  /** As the system counts: 0 the process's own, 19 the lowest. */
  readonly priority: number
  readonly rests: Rests
  /** Who may read the tables that it makes. */
  readonly access: Access
  /** Milliseconds in which a thread that has been started gives its first sign of life. */
  readonly startTimeout: number
  /** Milliseconds without a sign of life after which a busy worker counts as hung. */
  readonly hangTimeout: number
  /** The same for one whose job has been abandoned. */
  readonly abandonTimeout: number
  /** Milliseconds that the end of a stopped thread is waited for: one that is stuck in a system call can't be ended. */
  readonly stopTimeout: number
}

/** Milliseconds between two looks at the event loop while the thread has a job, and the share of them in which an idle one works. */
const lookInterval = 100
const idleShare = 0.05

/** A heart is listened to so many times before it counts as still: a process that was halted is given time to go on. */
const listenings = 8

/**
 * JavaScript objects in the thread's heap; blocks, filters and arenas are outside it. What a job makes is soon garbage:
 * with 16 MB for young objects two threads took 27 to 42 MB more, and were no faster.
 */
const resourceLimits = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 6 }

export class JobThread {
  readonly control = new JobControl()
  readonly #options: JobThreadOptions
  readonly #onDeath: (reason: string) => void
  #worker: Worker | undefined
  /** Why it is ending; undefined while it serves. */
  #ending: string | undefined
  #hasEnded = false
  #done: ((outcome: JobOutcome, filesMade: number) => void) | undefined
  readonly #waitingForEnd: Array<() => void> = []
  #heart: NodeJS.Timeout | undefined
  #look: NodeJS.Timeout | undefined
  #stopTimer: NodeJS.Timeout | undefined

  /** `name` is what the system shows. `onDeath` is told once if it ends without having been stopped. */
  constructor(name: string, options: JobThreadOptions, onDeath: (reason: string) => void) {
    this.#options = options
    this.#onDeath = onDeath
    const setup: WorkerSetup = {
      control: this.control.memory,
      priority: options.priority,
      rests: options.rests,
      access: options.access,
      extra: options.extra
    }
    try {
      const worker = new Worker(options.entry, { name, workerData: setup, execArgv: [], resourceLimits })
      this.#worker = worker
      worker.unref()
      worker.on("message", (reply: JobReply) => this.#settle(reply))
      worker.on("messageerror", () => this.#die("a reply of it could not be read"))
      worker.on("error", (error) => this.#note(`it died of an error: ${wordsOf(error)}`))
      worker.on("exit", (code) => this.#end(`it exited with code ${code}`))
    } catch (error) {
      this.#note(`it could not be started: ${wordsOf(error)}`)
      setImmediate(() => this.#end("it could not be started"))
    }
  }

  /** Whether it can be given a job. */
  get isServing(): boolean {
    return this.#ending === undefined
  }

  /**
   * Hands a job over, or tells that the thread has died. `done` is called once, never at once, with the number of files
   * that the job has made.
   */
  run(request: JobRequest, done: (outcome: JobOutcome, filesMade: number) => void): void {
    // It may have died since it was chosen, and nothing more comes from it then.
    if (!this.isServing) return void setImmediate(() => done({ _tag: "Died", reason: this.#ending ?? stopped }, 0))
    this.#done = done
    const number = this.control.offer()
    this.#worker?.ref()
    this.#listen(this.#options.hangTimeout)
    if (this.#options.rests !== Rests.never) this.#watchLoop()
    try {
      this.#worker?.postMessage({ _tag: "Offer", number, request: portable(request) } satisfies JobOffer)
    } catch (error) {
      this.#die(`a job could not be handed over: ${wordsOf(error)}`)
    }
  }

  /** The job that it has is to end: at once if it has not begun it, else at the end of its slice. It is still told how. */
  abandon(): void {
    if (this.#done === undefined) return
    if (this.#isFree()) return this.#settle({ _tag: "Abandoned" })
    this.control.abandon()
    if (this.isServing) this.#listen(this.#options.abandonTimeout)
  }

  /**
   * Ends the thread: asks it to, which ends its job too, and after the stop's timeout ends it from here. One that has begun
   * no job, above all one that is still loading its modules, is only asked, and not waited for: it touches no file any
   * more, keeps no process alive, and to terminate a thread as it starts can bring the process down (nodejs/node#56312).
   */
  stop(ended: () => void): void {
    if (this.#hasEnded) return ended()
    this.#waitingForEnd.push(ended)
    const isServing = this.isServing
    this.#note(stopped)
    if (this.#isFree()) {
      this.#ask()
      return this.#end(stopped)
    }
    if (!isServing) return
    clearInterval(this.#heart)
    this.control.abandon()
    if (!this.#ask()) return this.#die(undefined)
    this.#stopTimer = setTimeout(() => {
      this.#stopTimer = undefined
      this.#die(undefined)
    }, this.#options.stopTimeout)
  }

  /** Whether it has begun no job that has not ended, nor ever will begin the one that it was given. */
  #isFree(): boolean {
    return this.#done === undefined || this.control.withdraw()
  }

  /** Looks at the heartbeat from now on, and ends the thread if it stands still for so long. */
  #listen(timeout: number): void {
    clearInterval(this.#heart)
    const { startTimeout } = this.#options
    let last = this.control.heartbeat
    let still = 0
    this.#heart = setInterval(() => {
      const beats = this.control.heartbeat
      still = beats === last && !this.control.isParked ? still + 1 : 0
      last = beats
      const patience = beats === 0 ? Math.max(timeout, startTimeout) : timeout
      if (still >= patience / timeout * listenings) this.#die(`it gave no sign of life for ${patience} ms`)
    }, timeout / listenings)
    this.#heart.unref()
  }

  /** Tells the worker whether the event loop is idle, until its job has ended. */
  #watchLoop(): void {
    this.control.idle(false)
    let before = performance.eventLoopUtilization()
    this.#look = setInterval(() => {
      const now = performance.eventLoopUtilization()
      this.control.idle(performance.eventLoopUtilization(now, before).utilization < idleShare)
      before = now
    }, lookInterval)
    this.#look.unref()
  }

  #settle(outcome: JobOutcome): void {
    const done = this.#done
    this.#done = undefined
    clearInterval(this.#heart)
    clearInterval(this.#look)
    this.#worker?.unref()
    done?.(outcome, this.control.filesMade)
  }

  /** The first reason is the one that is told. */
  #note(reason: string): void {
    this.#ending ??= reason
  }

  #die(reason: string | undefined): void {
    this.#note(reason ?? stopped)
    if (this.#stopTimer !== undefined || this.#hasEnded) return
    clearInterval(this.#heart)
    if (this.#isFree() && this.control.heartbeat === 0) return this.#leave()
    this.#stopTimer = setTimeout(() => this.#end("it could not be ended"), this.#options.stopTimeout)
    // Its exit is what is waited for.
    void this.#worker?.terminate()
  }

  /** Waits no longer for a thread that is still loading; one day it may learn that it is to end. */
  #leave(): void {
    this.#ask()
    setImmediate(() => this.#end("it could not be ended"))
  }

  #ask(): boolean {
    try {
      this.#worker?.postMessage({ _tag: "Stop" } satisfies StopRequest)
      return true
    } catch {
      return false
    }
  }

  #end(reason: string): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#note(reason)
    clearTimeout(this.#stopTimer)
    const why = this.#ending ?? reason
    if (why !== stopped) this.#onDeath(why)
    this.#settle({ _tag: "Died", reason: why })
    for (const ended of this.#waitingForEnd.splice(0)) ended()
  }
}

const stopped = "the store was closed"

const wordsOf = (error: unknown): string => error instanceof Error ? error.message : String(error)
