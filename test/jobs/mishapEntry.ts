/** Worker thread: serves jobs as the real one does, over the real disk, until the planned mishap. */
import { Effect } from "effect"
import { closeSync, openSync } from "node:fs"
import { parentPort, workerData } from "node:worker_threads"
import type { AppendFile, ReadFile } from "../../src/disk/Disk.ts"
import { makeSyncDisk } from "../../src/disk/SyncDisk.ts"
import { JobControl } from "../../src/jobs/JobControl.ts"
import type { JobOffer, StopRequest } from "../../src/jobs/WorkerMessage.ts"
import { serveJobs } from "../../src/jobs/WorkerThread.ts"
import { WorkerSignals } from "./WorkerSignals.ts"
import type { MishapPlan } from "./WorkerSignals.ts"

const isSetup = (data: unknown): data is { readonly extra: MishapPlan; readonly control: SharedArrayBuffer } =>
  data instanceof Object && "extra" in data && data.extra instanceof Object && "memory" in data.extra

const setup: unknown = workerData
if (!isSetup(setup)) throw new Error("The worker has no plan.")
const plan = setup.extra
const signals = new WorkerSignals(plan.memory)
const control = new JobControl(setup.control)

const strike = (): Effect.Effect<void> => {
  signals.strike()
  switch (plan.mishap) {
    case "exit":
      return Effect.sync(() => process.exit(3))
    case "throw":
      return Effect.callback(() => {
        setImmediate(() => {
          throw new Error("nobody catches this")
        })
      })
    case "spin":
      for (;;);
    case "halt":
      signals.untilReleased(() => {})
      return Effect.void
    case "stick":
      return Effect.sync(() => closeSync(openSync(plan.pipe ?? "", "r")))
    case "wait":
      signals.untilReleased(() => control.beat())
      return Effect.void
    case "defer":
    case "load":
      return Effect.void
  }
}

/** Counts a call, and lets the mishap happen before it. */
const before = <A, E>(operation: string, path: string, call: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    if (operation !== (plan.operation ?? operation) || !path.includes(plan.about ?? path)) {
      signals.countOther()
      return call
    }
    return signals.count() === plan.call ? Effect.andThen(strike(), call) : call
  })

const appendFile = (file: AppendFile): AppendFile => ({
  path: file.path,
  append: (chunks) => before("append", file.path, file.append(chunks)),
  sync: before("sync", file.path, file.sync),
  close: before("close", file.path, file.close)
})

const readFile = (file: ReadFile): ReadFile => ({
  path: file.path,
  size: file.size,
  read: (offset, length) => before("read", file.path, file.read(offset, length)),
  readSync: (offset, length) =>
    Effect.runSync(before("read", file.path, Effect.sync(() => file.readSync(offset, length)))),
  close: before("close", file.path, file.close)
})

if (plan.mishap === "load") {
  signals.untilReleased(() => {})
  signals.strike()
}

if (plan.mishap === "defer") {
  parentPort?.on("message", (message: JobOffer | StopRequest) => {
    if (message._tag !== plan.operation) return
    signals.strike()
    signals.untilReleased(() => {})
  })
}

serveJobs((access) => {
  const disk = makeSyncDisk(access)
  return {
    createAppend: (path, options) =>
      before("createAppend", path, Effect.map(disk.createAppend(path, options), appendFile)),
    openRead: (path) => before("openRead", path, Effect.map(disk.openRead(path), readFile)),
    remove: (path) => before("remove", path, disk.remove(path))
  }
})
