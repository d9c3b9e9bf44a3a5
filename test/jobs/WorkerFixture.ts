/** Jobs in real threads over the real disk, and what befalls the threads. */
import { Effect, Exit, Scope } from "effect"
import { once } from "node:events"
import { readdirSync, readFileSync } from "node:fs"
import type { Worker } from "node:worker_threads"
import { Disk } from "../../src/disk/Disk.ts"
import * as NodeDisk from "../../src/disk/NodeDisk.ts"
import { makeInlineJobs } from "../../src/jobs/InlineJobs.ts"
import type { FlushJob, Jobs, MergeJob, WorkerRestarted } from "../../src/jobs/Jobs.ts"
import { makeWorkerJobs } from "../../src/jobs/WorkerJobs.ts"
import type { WorkerJobsOptions } from "../../src/jobs/WorkerJobs.ts"
import type { DiskError } from "../../src/StoreError.ts"
import { temporaryDirectory } from "../disk/temporaryDirectory.ts"
import { put } from "../table/TableFixture.ts"
import type { TableError } from "../table/TableFixture.ts"
import { prepareFlush, prepareMerge } from "./JobFixture.ts"
import type { MergeCase } from "./JobFixture.ts"
import { WorkerSignals } from "./WorkerSignals.ts"
import type { MishapPlan } from "./WorkerSignals.ts"

export const nodeDisk = Effect.provide(Disk, NodeDisk.layer)

export interface Workers {
  readonly jobs: Jobs["Service"]
  readonly restarts: Array<WorkerRestarted>
}

/** Worker threads for the scope, and what they report. */
export const startWorkers = (options: WorkerJobsOptions = {}): Effect.Effect<Workers, never, Scope.Scope> =>
  Effect.gen(function*() {
    const jobs = yield* makeWorkerJobs(yield* nodeDisk, { restartDelay: 1, ...options })
    const restarts: Array<WorkerRestarted> = []
    yield* jobs.observe((event) => restarts.push(event))
    return { jobs, restarts }
  })

/** A mishap's options, at the test's own priority: a thread that gets no processor looks as if it hung. */
export const mishapOptions = (plan: Omit<MishapPlan, "memory">, { memory }: WorkerSignals): WorkerJobsOptions => ({
  entry: new URL("./mishapEntry.ts", import.meta.url),
  extra: { ...plan, memory },
  priority: 0
})

/** What waits for a thread waits for longer than a test lasts. */
export const patience: WorkerJobsOptions = {
  startTimeout: 600_000,
  hangTimeout: 600_000,
  abandonTimeout: 600_000,
  stopTimeout: 600_000
}

/** However the test ends, no thread waits for it. */
const releaseAtEnd = (signals: WorkerSignals): Effect.Effect<void, never, Scope.Scope> =>
  Effect.addFinalizer(() => Effect.sync(() => signals.release()))

/** The same with a mishap. */
export const startWorkersWith = (
  plan: Omit<MishapPlan, "memory">,
  options: WorkerJobsOptions = {}
): Effect.Effect<Workers & { readonly signals: WorkerSignals }, never, Scope.Scope> =>
  Effect.gen(function*() {
    const signals = new WorkerSignals()
    const workers = yield* startWorkers({ ...mishapOptions(plan, signals), ...options })
    yield* releaseAtEnd(signals)
    return { ...workers, signals }
  })

/** The same, to be closed by the test, with patience. */
export const startWorkersToClose = (
  plan: Omit<MishapPlan, "memory">
): Effect.Effect<
  Workers & { readonly signals: WorkerSignals; readonly close: Effect.Effect<void> },
  never,
  Scope.Scope
> =>
  Effect.gen(function*() {
    const signals = new WorkerSignals()
    yield* releaseAtEnd(signals)
    const scope = yield* Scope.make()
    const workers = yield* Scope.provide(startWorkers({ ...mishapOptions(plan, signals), ...patience }), scope)
    return { ...workers, signals, close: Scope.close(scope, Exit.void) }
  })

const records = (step: number) =>
  Array.from({ length: 300 }, (_, i) => put(`key-${10_000 + i * step}`, step * 1_000 + i, "v".repeat(300)))

const mergeCase: MergeCase = {
  runs: [records(3), records(2)],
  older: [],
  pinned: [],
  tableSize: 40_000,
  targets: 20,
  keysPerTable: 100
}

/** A merge of 12 calls or more on the disk, in a directory of its own. */
export const someMerge = (directory: string): Effect.Effect<MergeJob, DiskError> =>
  Effect.flatMap(nodeDisk, (disk) => prepareMerge(disk, directory, mergeCase))

export const someFlush = (directory: string): FlushJob => prepareFlush(directory, records(1))

export type JobKind = "flush" | "merge"

/** Runs a job of the kind over a directory that has been prepared for it. */
export interface SomeJob {
  readonly run: (jobs: Jobs["Service"]) => Effect.Effect<void, TableError>
  readonly directory: string
}

export const someJob = (kind: JobKind): Effect.Effect<SomeJob, DiskError, Scope.Scope> =>
  Effect.gen(function*() {
    const directory = yield* temporaryDirectory
    if (kind === "flush") {
      const job = someFlush(directory)
      return { directory, run: (jobs) => Effect.asVoid(jobs.flush(job)) }
    }
    const job = yield* someMerge(directory)
    return { directory, run: (jobs) => Effect.asVoid(jobs.merge(job)) }
  })

/** The files of a directory with all that is in them. */
export const contentOf = (directory: string): ReadonlyMap<string, string> =>
  new Map(readdirSync(directory).toSorted().map((name) => [name, readFileSync(`${directory}/${name}`, "base64")]))

/** What a job leaves in its directory when it is run on the event loop. */
export const inlineContent = (kind: JobKind): Effect.Effect<ReadonlyMap<string, string>, TableError, Scope.Scope> =>
  Effect.gen(function*() {
    const job = yield* someJob(kind)
    yield* job.run(makeInlineJobs(yield* nodeDisk))
    return contentOf(job.directory)
  })

/** Names and priorities of the worker threads that this process has. */
export const workerThreads = (): ReadonlyArray<string> =>
  readdirSync("/proc/self/task").flatMap((task) => {
    try {
      const name = readFileSync(`/proc/self/task/${task}/comm`, "utf8").trim()
      // Behind the name in brackets, the third field being the first; the priority is the nineteenth.
      const fields = readFileSync(`/proc/self/task/${task}/stat`, "utf8").replace(/.*\) /s, "").split(" ")
      return name.startsWith("lsm-") ? [`${name} ${fields[16]}`] : []
    } catch {
      return []
    }
  }).toSorted()

const running = new Set<Worker>()
process.on("worker", (worker) => {
  running.add(worker)
  worker.once("exit", () => running.delete(worker))
})

/** Returns once this process has no thread any more: one that has begun no job ends only after the close. */
export const noWorkerThreads: Effect.Effect<void> = Effect.promise(async () => {
  // The process tells of a thread only after the stretch in which it is started.
  await new Promise(setImmediate)
  await Promise.all(Array.from(running, (worker) => once(worker, "exit")))
})
