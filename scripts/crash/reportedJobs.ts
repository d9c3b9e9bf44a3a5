/** Job runners that report when a merge begins and when it has ended: a kill in between struck it half done. */
import { Effect, Layer } from "effect"
import type { Disk } from "../../src/disk/Disk.ts"
import { layerInlineJobs } from "../../src/jobs/InlineJobs.ts"
import { Jobs } from "../../src/jobs/Jobs.ts"
import { layerWorkerJobs } from "../../src/jobs/WorkerJobs.ts"

export const mergeBegins = 1
const mergeEnds = 2

export const reportedJobs = (workers: 0 | 2, report: (value: number) => void): Layer.Layer<Jobs, never, Disk> =>
  Layer.effect(
    Jobs,
    Effect.map(Jobs, (jobs) => ({
      ...jobs,
      merge: (job) =>
        Effect.suspend(() => {
          report(mergeBegins)
          return Effect.ensuring(jobs.merge(job), Effect.sync(() => report(mergeEnds)))
        })
    }))
  ).pipe(Layer.provide(workers === 0 ? layerInlineJobs : layerWorkerJobs()))
