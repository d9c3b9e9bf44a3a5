/**
 * Job runners that report when a merge begins and when it has ended, so that an
 * end in between is known to have struck it half done, and the deaths of worker
 * threads.
 */
import { Effect, Layer } from "effect"
import type { Disk } from "../../src/disk/Disk.ts"
import { layerInlineJobs } from "../../src/jobs/InlineJobs.ts"
import { Jobs } from "../../src/jobs/Jobs.ts"
import { layerWorkerJobs } from "../../src/jobs/WorkerJobs.ts"
import type { Mortality } from "./mortalEntry.ts"
import type { Plan } from "./Plan.ts"

const mergeBegins = 1
const mergeEnds = 2
const threadDies = 3

export interface ReportedJobs {
  /** Merges that were begun. */
  readonly merges: number
  /** One was begun and had not ended. */
  readonly isMerging: boolean
  readonly threadDeaths: number
}

export const readJobs = (reports: Uint32Array): ReportedJobs => {
  const merges = reports.filter((report) => report !== threadDies)
  return {
    merges: merges.filter((report) => report === mergeBegins).length,
    isMerging: merges.at(-1) === mergeBegins,
    threadDeaths: reports.length - merges.length
  }
}

const runner = ({ incarnation, seed, threadDiesOnceIn, workers }: Plan): Layer.Layer<Jobs, never, Disk> => {
  if (workers === 0) return layerInlineJobs
  if (threadDiesOnceIn === 0) return layerWorkerJobs()
  const extra: Mortality = { seed: seed + incarnation, onceIn: threadDiesOnceIn }
  // To start takes a thread of low priority long where others are busy, and these start often.
  return layerWorkerJobs({ entry: new URL("mortalEntry.ts", import.meta.url), extra, restartDelay: 1, priority: 0 })
}

export const reportedJobs = (plan: Plan, report: (value: number) => void): Layer.Layer<Jobs, never, Disk> =>
  Layer.effect(
    Jobs,
    Effect.gen(function*() {
      const jobs = yield* Jobs
      yield* jobs.observe(() => report(threadDies))
      return Jobs.of({
        ...jobs,
        merge: (job) =>
          Effect.suspend(() => {
            report(mergeBegins)
            return Effect.ensuring(jobs.merge(job), Effect.sync(() => report(mergeEnds)))
          })
      })
    })
  ).pipe(Layer.provide(runner(plan)))
