/**
 * The child's side of the comparison: opens one store, runs one workload, and
 * verifies what the store holds then.
 */
import { Effect, Schema } from "effect"
import { readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { reportProgress } from "../childProtocol.ts"
import type { Measurement } from "../childProtocol.ts"
import { AnonymousPeak, countThreads, peakResident } from "../processMemory.ts"
import { userBytes } from "../records.ts"
import { contenderNamed } from "../stores/contenders.ts"
import { Unsupported } from "../stores/Store.ts"
import type { Manner, OpenOptions, Store } from "../stores/Store.ts"
import { cpuSince } from "./measured.ts"
import { putRecords, writeRecords } from "./puts.ts"
import { verifyCount, verifySample } from "./verify.ts"
import { onlyReads } from "./Workload.ts"
import type { Bench, Outcome, Workload, WrongContent } from "./Workload.ts"
import { workloadNamed } from "./workloads.ts"

const MiB = 1024 * 1024
/** Of the memtable or write buffer, and of the cache, for all stores that have the option. */
const budget = 32 * MiB
/** What is reported where a child that stays open is to be killed. */
export const staysOpen = "stays open"
/** Of a store that can't be opened again, and loads by single puts. */
const loadingFibers = 256

const Input = Schema.Struct({
  contender: Schema.String,
  workload: Schema.String,
  directory: Schema.String,
  records: Schema.Number,
  milliseconds: Schema.Number,
  fibers: Schema.Number,
  workers: Schema.Literals([0, 2]),
  syncMicroseconds: Schema.optionalKey(Schema.Number)
})
export type RunInput = typeof Input.Type

/** What a run found: figures by the names in `comparison/metrics.ts`, or why there are none. */
const Result = Schema.Union([
  Schema.Struct({
    figures: Schema.Record(Schema.String, Schema.Number),
    verified: Schema.Number,
    counted: Schema.optionalKey(Schema.Number)
  }),
  Schema.Struct({ unsupported: Schema.String })
])
export type RunResult = typeof Result.Type

export const workloadMeasurement: Measurement<RunInput, RunResult> = { name: "workload", input: Input, result: Result }

/** What the files of a directory take on disk, which for one with holes is less than their length. */
const bytesOnDisk = (directory: string): number =>
  readdirSync(directory).reduce((total, name) => total + statSync(join(directory, name)).blocks * 512, 0)

interface Measured {
  readonly figures: Record<string, number>
  readonly verified: number
  readonly counted: number | undefined
}

/** Loads a store that can't be opened again, as the parent has loaded the others. */
const loadHere = <M extends Manner>({ records, store }: Bench<M>) =>
  Effect.andThen(
    store.write === undefined
      ? putRecords(store, { fibers: loadingFibers, count: records })
      : writeRecords(store, records),
    store.settled
  )

const figuresOf = (
  { phase: { cpuBefore, milliseconds, operations }, figures }: Outcome,
  settling: number | undefined
): Record<string, number> => ({
  operations,
  milliseconds,
  rate: operations / milliseconds * 1000,
  cpu: cpuSince(cpuBefore) * 1000 / operations,
  ...(settling === undefined ? undefined : { settling }),
  ...figures
})

/** Runs a workload in an open store, and verifies what the store holds then. */
export const runOpen = <M extends Manner>(
  workload: Workload,
  bench: Bench<M>,
  isLoaded: boolean,
  memory: AnonymousPeak,
  threads: () => number
): Effect.Effect<Measured, Unsupported | WrongContent> =>
  Effect.gen(function*() {
    const { store } = bench
    if (!isLoaded) yield* loadHere(bench)
    // What opening has left to do is not to run beside what is measured.
    else if (workload.start !== "empty" && workload.metric !== "opening") yield* store.settled
    const outcome = yield* workload.run(bench)
    if (workload.staysOpen === true) {
      yield* reportProgress(staysOpen)
      return yield* Effect.never
    }
    const began = performance.now()
    if (workload.settles === true) yield* store.settled
    const settling = workload.settles === true ? performance.now() - began : undefined
    const figures = figuresOf(outcome, settling)
    const anonymous = memory.end()
    figures["resident"] = peakResident()
    figures["threads"] = threads()
    if (anonymous !== undefined) figures["memory"] = anonymous
    const verified = yield* verifySample(store, outcome.content)
    // What only reads has the number of entries of the run that put them.
    const counted = onlyReads(workload) ? undefined : yield* verifyCount(store, outcome.content)
    return { figures, verified, counted }
  })

const cacheOf = ({ cacheShare }: Workload, records: number): number =>
  cacheShare === undefined ? budget : Math.round(userBytes(records) * cacheShare)

export const workloadRun = (input: RunInput): Effect.Effect<RunResult, WrongContent> => {
  const contender = contenderNamed(input.contender)
  const workload = workloadNamed(input.workload)
  const isOwn = contender.budgets === "own"
  const options: OpenOptions = {
    directory: input.directory,
    durability: contender.durability ?? workload.durability,
    memtable: isOwn ? undefined : budget,
    cache: isOwn ? undefined : cacheOf(workload, input.records),
    workers: contender.workers ?? input.workers,
    syncMicroseconds: input.syncMicroseconds
  }
  const isLoaded = workload.start === "empty" || contender.reopens

  const run = Effect.gen(function*() {
    if (workload.metric === "opening" && !contender.reopens) {
      return yield* new Unsupported({ reason: "it can't be opened again" })
    }
    const open = yield* Effect.promise(contender.load)
    const memory = new AnonymousPeak()
    const threads = countThreads()
    const began = performance.now()
    const store = yield* open(options)
    const opening = performance.now() - began
    const within = <M extends Manner>(opened: Store<M>) =>
      runOpen(workload, { ...input, store: opened }, isLoaded, memory, threads)
    const found = yield* store.manner === "effect" ? within(store) : within(store)
    if (workload.metric === "opening") found.figures["opening"] = opening + found.figures["milliseconds"]!
    return found
  })
  return Effect.scoped(run).pipe(
    Effect.map(({ counted, figures, verified }): RunResult => ({
      figures: { ...figures, disk: bytesOnDisk(input.directory) },
      verified,
      ...(counted === undefined ? undefined : { counted })
    })),
    Effect.catchTag("Unsupported", ({ reason }) => Effect.succeed<RunResult>({ unsupported: reason }))
  )
}
