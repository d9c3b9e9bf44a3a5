/**
 * A worker that is always there: runs jobs one after the other in a thread, and
 * replaces the thread when it dies.
 *
 * A thread is started when a job needs one. The first one after a death waits a
 * while, longer with every death that no finished job lies between. A job that
 * its thread takes along to its death fails with a `DiskError` of the operation
 * `"worker"`; its files are removed then, and whoever asked for it asks again
 * under new names (I12).
 */
import { Effect, Semaphore } from "effect"
import type { JobDisk } from "../disk/JobDisk.ts"
import { DiskError } from "../StoreError.ts"
import type { TableMeta } from "../table/TableMeta.ts"
import type { NewFile, WorkerRestarted } from "./Jobs.ts"
import { JobThread } from "./JobThread.ts"
import type { JobOutcome, JobThreadOptions } from "./JobThread.ts"
import { removeMade } from "./removeMade.ts"
import { errorOf } from "./WorkerMessage.ts"
import type { JobError, JobRequest } from "./WorkerMessage.ts"

export interface JobWorkerOptions extends JobThreadOptions {
  /** Milliseconds before a thread follows one that died: at first, and at most. */
  readonly restartDelay: number
  readonly largestRestartDelay: number
}

export interface JobWorkerListeners {
  readonly onRestart: (event: WorkerRestarted) => void
  /** Its thread has begun a job, or has ended it. */
  readonly onBusy: (isBusy: boolean) => void
}

export interface JobWorker {
  /** Ends only when nobody uses the targets any more, however it ends. */
  readonly run: (
    request: JobRequest,
    targets: ReadonlyArray<NewFile>
  ) => Effect.Effect<ReadonlyArray<TableMeta>, JobError>
  /** Starts the first thread, if no job has. */
  readonly prepare: () => void
  /** Makes its jobs wait from the end of a slice on, or lets them go on. */
  readonly park: (parked: boolean) => void
  /** How many milliseconds it rests after each stretch of work. */
  readonly restFor: (milliseconds: number) => void
  /** Ends the thread, and every job with it. */
  readonly close: Effect.Effect<void>
}

export const makeJobWorker = (
  name: WorkerRestarted["worker"],
  disk: JobDisk,
  options: JobWorkerOptions,
  listeners: JobWorkerListeners
): JobWorker => {
  const oneAtATime = Semaphore.makeUnsafe(1)
  let thread: JobThread | undefined
  let restarts = 0
  let deathsInARow = 0
  let startAt = 0
  let isParked = false
  let rest = 0
  let isClosed = false

  const onDeath = (reason: string): void => {
    restarts++
    deathsInARow++
    const delayMilliseconds = Math.min(
      options.largestRestartDelay,
      options.restartDelay * 2 ** Math.min(deathsInARow - 1, 20)
    )
    startAt = performance.now() + delayMilliseconds
    listeners.onRestart({ worker: name, reason, restarts, delayMilliseconds })
  }

  const serving = (): JobThread => {
    if (thread?.isServing === true) return thread
    thread = new JobThread(`lsm-${name}`, options, onDeath)
    thread.control.park(isParked)
    thread.control.restFor(rest)
    return thread
  }

  /** The host's clock: threads are real even where the store's time is not. */
  const untilStart = Effect.callback<void>((resume) => {
    const delay = startAt - performance.now()
    if (thread?.isServing === true || !(delay > 0)) return resume(Effect.void)
    const timer = setTimeout(() => resume(Effect.void), delay)
    return Effect.sync(() => clearTimeout(timer))
  })

  /** A job that failed or was abandoned has removed what it had made, as far as the disk let it. */
  const noteMade = (outcome: JobOutcome, filesMade: number, targets: ReadonlyArray<NewFile>): void => {
    if (outcome._tag !== "Written" && outcome._tag !== "Died") return
    for (const target of targets.slice(0, filesMade)) target.isMade = true
  }

  const workerError = (path: string, code: string): DiskError => new DiskError({ operation: "worker", path, code })

  const finish = (
    outcome: JobOutcome,
    targets: ReadonlyArray<NewFile>
  ): Effect.Effect<ReadonlyArray<TableMeta>, JobError> => {
    if (outcome._tag !== "Died") deathsInARow = 0
    switch (outcome._tag) {
      case "Written":
        return Effect.succeed(outcome.tables)
      case "Failed":
        return Effect.fail(errorOf(outcome.error))
      case "Abandoned":
        return Effect.interrupt
      case "Defect":
        return Effect.die(Object.assign(new Error(outcome.message), { stack: outcome.stack }))
      case "Died":
        return Effect.andThen(
          removeMade(disk, targets),
          Effect.fail(workerError(targets[0]?.path ?? "", "EDIED"))
        )
    }
  }

  /** Waits for the outcome; interrupted, it lets the job go and waits all the same, and leaves no file. */
  const outcomeOf = (used: JobThread, request: JobRequest, targets: ReadonlyArray<NewFile>) =>
    Effect.callback<JobOutcome>((resume) => {
      let outcome: JobOutcome | undefined
      let ended = (): void => {}
      listeners.onBusy(true)
      used.run(request, (reached, filesMade) => {
        outcome = reached
        noteMade(reached, filesMade, targets)
        listeners.onBusy(false)
        resume(Effect.succeed(reached))
        ended()
      })
      const letGo = Effect.callback<void>((go) => {
        if (outcome !== undefined) return go(Effect.void)
        ended = () => go(Effect.void)
        used.abandon()
      })
      return Effect.andThen(letGo, removeMade(disk, targets))
    })

  return {
    run: (request, targets) =>
      oneAtATime.withPermits(1)(Effect.uninterruptibleMask((restore) =>
        Effect.gen(function*() {
          yield* restore(untilStart)
          if (isClosed) return yield* workerError(targets[0]?.path ?? "", "ECLOSED")
          const used = serving()
          return yield* finish(yield* restore(outcomeOf(used, request, targets)), targets)
        })
      )),
    prepare: () => {
      if (thread === undefined && !isClosed) serving()
    },
    park: (parked) => {
      isParked = parked
      thread?.control.park(parked)
    },
    restFor: (milliseconds) => {
      rest = milliseconds
      thread?.control.restFor(milliseconds)
    },
    close: Effect.uninterruptible(Effect.callback((resume) => {
      isClosed = true
      if (thread === undefined) resume(Effect.void)
      else thread.stop(() => resume(Effect.void))
    }))
  }
}
