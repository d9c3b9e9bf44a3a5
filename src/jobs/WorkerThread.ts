/**
 * What runs in a worker thread: one job at a time, over synchronous file calls,
 * with a sign of life after every slice.
 *
 * A failure of a job is answered; whatever else goes wrong ends the thread, and
 * the event loop sees that.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { parentPort, workerData } from "node:worker_threads"
import type { Access } from "../disk/Access.ts"
import type { JobDisk } from "../disk/JobDisk.ts"
import { JobControl } from "./JobControl.ts"
import { makeTableJobs } from "./TableJobs.ts"
import { failureReply, writtenReply } from "./WorkerMessage.ts"
import type { JobOffer, StopRequest } from "./WorkerMessage.ts"
import { isWorkerSetup, Rests } from "./WorkerSetup.ts"

/** Serves the jobs that the event loop sends, over this disk, until the thread is ended from there. */
export const serveJobs = (makeDisk: (access: Access) => JobDisk): void => {
  const port = parentPort
  const setup: unknown = workerData
  if (port === null || !isWorkerSetup(setup))
    throw new Error("This module is started by the store, as a worker thread.")

  const disk = makeDisk(setup.access)
  const control = new JobControl(setup.control)
  const jobs = makeTableJobs(
    {
      ...disk,
      createAppend: (path, options) =>
        Effect.map(disk.createAppend(path, options), (file) => {
          control.madeFile()
          return file
        })
    },
    {
      pause: Effect.suspend(() => {
        if (setup.rests !== Rests.never) control.rest(setup.rests === Rests.always)
        return control.checkpoint() ? Effect.interrupt : Effect.void
      }),
      readMode: "sync"
    }
  )

  port.on("message", (message: JobOffer | StopRequest) => {
    // With nothing left to listen to the thread comes to its end.
    if (message._tag === "Stop") return port.close()
    // Nobody waits for a job that was withdrawn, and the directory may be another store's by now: it touches no file.
    if (!control.begin(message.number)) return
    const { request } = message
    const job = request._tag === "Flush"
      ? Effect.map(jobs.flush(request.job), (table) => [table])
      : jobs.merge(request.job)
    Effect.runFork(job).addObserver((exit) => {
      port.postMessage(Exit.isSuccess(exit) ? writtenReply(exit.value) : failureReply(exit.cause))
    })
  })
  control.beat()
}
