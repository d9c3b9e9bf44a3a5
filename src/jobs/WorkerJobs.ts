/**
 * Runs background jobs in two worker threads, one for flushes and one for
 * merges, so that a flush never queues behind a compaction and the event loop
 * does neither.
 *
 * For the real disk: a thread makes its own calls to the system. Where there are
 * fewer than three processors a merge stops at the end of its slice while a
 * flush runs.
 *
 * A thread is started by its first job, that for flushes already while the first
 * memtable fills up, and ends with the scope, which waits for it only while it has
 * begun a job. Starting one takes 2 to 15 ms of the loop and, in the thread itself,
 * 0.15 to 0.3 s until its modules are loaded; it then holds about 45 MB. A store
 * that is opened and closed again, or only read, pays none of it.
 */
import { Effect, Layer } from "effect"
import type { Scope } from "effect"
import { existsSync } from "node:fs"
import { availableParallelism } from "node:os"
import { defaultAccess } from "../disk/Access.ts"
import { Disk } from "../disk/Disk.ts"
import type { JobDisk } from "../disk/JobDisk.ts"
import { makeInlineJobs } from "./InlineJobs.ts"
import { Jobs } from "./Jobs.ts"
import type { WorkerRestarted } from "./Jobs.ts"
import { makeJobWorker } from "./JobWorker.ts"
import type { JobWorkerOptions } from "./JobWorker.ts"
import { Rests } from "./WorkerSetup.ts"

/** Milliseconds; all have defaults. */
export interface WorkerJobsOptions extends Partial<JobWorkerOptions> {
  /** Whether merges wait while a flush runs. */
  readonly flushesFirst?: boolean
}

const defaultEntry = (): URL => new URL(`./entry${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url)

/** Undefined where there is no such module, as in a program that was bundled into one file. */
const findEntry = (entry: URL | undefined): URL | undefined => {
  try {
    const found = entry ?? defaultEntry()
    return existsSync(found) ? found : undefined
  } catch {
    return undefined
  }
}

/** The job runner; `disk` is for what a dead thread left. */
export const makeWorkerJobs = (
  disk: JobDisk,
  options: WorkerJobsOptions = {}
): Effect.Effect<Jobs["Service"], never, Scope.Scope> =>
  Effect.gen(function*() {
    const resolved: JobWorkerOptions = {
      entry: defaultEntry(),
      extra: undefined,
      priority: 19,
      rests: availableParallelism() < 4 ? Rests.always : Rests.never,
      access: defaultAccess,
      startTimeout: 60_000,
      hangTimeout: 30_000,
      abandonTimeout: 5_000,
      stopTimeout: 5_000,
      restartDelay: 50,
      largestRestartDelay: 5_000,
      ...options
    }
    const flushesFirst = options.flushesFirst ?? availableParallelism() < 3
    const listeners = new Set<(event: WorkerRestarted) => void>()
    const onRestart = (event: WorkerRestarted): void => {
      for (const listener of listeners) listener(event)
    }

    const compaction = makeJobWorker("compaction", disk, resolved, { onRestart, onBusy: () => {} })
    // A flush that gets no processor stops the writers in the end; a merge may well be late.
    // It rests only while somebody reads.
    const flushRests = resolved.rests === Rests.always ? Rests.asked : resolved.rests
    const flush = makeJobWorker("flush", disk, { ...resolved, rests: flushRests, priority: options.priority ?? 10 }, {
      onRestart,
      onBusy: (isBusy) => {
        if (flushesFirst) compaction.park(isBusy)
      }
    })
    yield* Effect.addFinalizer(() =>
      Effect.all([flush.close, compaction.close], { concurrency: "unbounded", discard: true })
    )

    return Jobs.of({
      flush: (job) =>
        flush.run({ _tag: "Flush", job }, [job.target]).pipe(
          Effect.catchTag(["StoreCorrupted", "StoreFenced", "UnsupportedFormat"], (error) => Effect.die(error)),
          Effect.flatMap(([meta]) =>
            meta === undefined ? Effect.die(new Error("A flush wrote no table.")) : Effect.succeed(meta)
          )
        ),
      merge: (job) => compaction.run({ _tag: "Merge", job }, job.targets),
      prepareFlush: flush.prepare,
      restFor: (milliseconds) => {
        flush.restFor(milliseconds)
        compaction.restFor(milliseconds)
      },
      observe: (listener) =>
        Effect.acquireRelease(
          Effect.sync(() => {
            listeners.add(listener)
          }),
          () => Effect.sync(() => listeners.delete(listener))
        )
    })
  })

/**
 * Runs jobs in threads of its own; each call gives another layer. Where the
 * threads' module is missing it runs them on the event loop, and warns.
 */
export const layerWorkerJobs = (options?: WorkerJobsOptions): Layer.Layer<Jobs, never, Disk> =>
  Layer.effect(
    Jobs,
    Effect.gen(function*() {
      const disk = yield* Disk
      const entry = findEntry(options?.entry)
      if (entry !== undefined) return yield* makeWorkerJobs(disk, { ...options, entry })
      yield* Effect.logWarning(
        "The module of the worker threads is missing: flushes and compactions run on the event loop. "
          + "Keep effect-lsm out of the bundle, or open the store with workers: 0."
      )
      return makeInlineJobs(disk)
    })
  )
