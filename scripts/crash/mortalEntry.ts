/**
 * Worker thread of a crash test: serves jobs as the real one does, and dies now
 * and then, before a call to the disk or after it, by an exit or by an error that
 * nobody catches. Every next thread is likely to live longer, so that a merge of
 * many calls gets done in the end.
 */
import { Effect } from "effect"
import { threadId, workerData } from "node:worker_threads"
import type { AppendFile } from "../../src/disk/Disk.ts"
import { makeSyncDisk } from "../../src/disk/SyncDisk.ts"
import { serveJobs } from "../../src/jobs/WorkerThread.ts"
import { SeededRandom } from "../../src/testing/SeededRandom.ts"

export interface Mortality {
  readonly seed: number
  /** The first thread dies at one in so many calls. */
  readonly onceIn: number
}

const isSetup = (data: unknown): data is { readonly extra: Mortality } =>
  data instanceof Object && "extra" in data && data.extra instanceof Object && "onceIn" in data.extra

const setup: unknown = workerData
if (!isSetup(setup)) throw new Error("The worker is not told when to die.")
const { onceIn, seed } = setup.extra
const random = new SeededRandom(seed ^ Math.imul(threadId, 0x9e3779b1))

const exit = Effect.sync(() => process.exit(3))
const fail = Effect.callback<never>(() => {
  setImmediate(() => {
    throw new Error("nobody catches this")
  })
})

const mortal = <A, E>(call: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    if (random.int(onceIn * threadId) > 0) return call
    const death = random.pick([exit, fail])
    return random.bool(0.5) ? death : Effect.andThen(call, death)
  })

const mortalFile = (file: AppendFile): AppendFile => ({
  path: file.path,
  append: (chunks) => mortal(file.append(chunks)),
  sync: mortal(file.sync),
  close: mortal(file.close)
})

serveJobs((access) => {
  const disk = makeSyncDisk(access)
  return {
    createAppend: (path, options) => mortal(Effect.map(disk.createAppend(path, options), mortalFile)),
    openRead: (path) => mortal(disk.openRead(path)),
    remove: (path) => mortal(disk.remove(path))
  }
})
