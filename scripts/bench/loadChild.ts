/**
 * One measurement of load, in a process of its own: puts all records in random
 * order, lets the background settle, compacts, and verifies a sample.
 */
import { Effect, Schema, Stream } from "effect"
import { readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { levelled } from "../../src/compaction/Levelled.ts"
import { LsmStore } from "../../src/index.ts"
import type { EngineEvent, StoreStats } from "../../src/index.ts"
import { NodeLsmStore } from "../../src/node/index.ts"
import { grouped } from "../support/table.ts"
import { reportProgress } from "./childProtocol.ts"
import type { Measurement } from "./childProtocol.ts"
import { peakResident, writtenBytes } from "./processMemory.ts"
import { userBytes } from "./records.ts"
import { untilSettled } from "./settled.ts"
import { effectCaller } from "./stores/effectCaller.ts"
import { contentOf, putRecords } from "./workloads/puts.ts"
import { verifySample } from "./workloads/verify.ts"

const write = { durability: "buffered" } as const
const maxImmutables = 3
const MiB = 1024 * 1024
/** Records that are read back. */
const sampleSize = 100_000

const Level = Schema.Struct({
  level: Schema.Number,
  tables: Schema.Number,
  bytes: Schema.Number,
  entries: Schema.Number
})
type Level = typeof Level.Type

const Bound = Schema.Struct({ most: Schema.Number, bound: Schema.Number })

/** Sizes are bytes, times milliseconds. */
const Result = Schema.Struct({
  loading: Schema.Number,
  settling: Schema.Number,
  compacting: Schema.Number,
  /** Until the background had settled, and in all. */
  peakResident: Schema.Number,
  peakResidentWithCompact: Schema.Number,
  immutables: Bound,
  level0: Bound,
  stalls: Schema.Struct({ count: Schema.Number, milliseconds: Schema.Number }),
  userBytes: Schema.Number,
  /** Records in the log, and the tables of flushes and compactions. */
  logBytes: Schema.Number,
  flushedBytes: Schema.Number,
  compactedBytes: Schema.Number,
  /** All that the process gave to the operating system: also the zeros by which the log is lengthened ahead. */
  written: Schema.optionalKey(Schema.Number),
  levels: Schema.Array(Level),
  spaceSettled: Schema.Number,
  spaceCompacted: Schema.Number,
  levelsCompacted: Schema.Array(Level),
  verified: Schema.Number
})
export type LoadResult = typeof Result.Type

const Input = Schema.Struct({
  workers: Schema.Literals([0, 2]),
  directory: Schema.String,
  records: Schema.Number,
  fibers: Schema.Number
})
type Input = typeof Input.Type

export const loadMeasurement: Measurement<Input, LoadResult> = { name: "load", input: Input, result: Result }

const directoryBytes = (directory: string): number =>
  readdirSync(directory).reduce((total, name) => total + statSync(join(directory, name)).size, 0)

/** What the store's events and a look at its figures now and then tell. */
class Observed {
  immutables = 0
  level0 = 0
  flushedBytes = 0
  compactedBytes = 0

  count(event: EngineEvent): void {
    if (event._tag === "MemtableFlushed") this.flushedBytes += event.bytes
    if (event._tag === "TablesCompacted") this.compactedBytes += event.bytesWritten
  }

  see(stats: StoreStats): void {
    this.immutables = Math.max(this.immutables, stats.immutables.count)
    this.level0 = Math.max(this.level0, stats.levels[0]?.tables ?? 0)
  }
}

const showProgress = (store: LsmStore["Service"], observed: Observed) =>
  Effect.gen(function*() {
    let puts = 0
    let at = performance.now()
    for (;;) {
      for (let i = 0; i < 8; i++) {
        yield* Effect.sleep(250)
        observed.see(yield* store.stats)
      }
      const stats = yield* store.stats
      const now = performance.now()
      const levels = stats.levels.filter(({ tables }) => tables > 0)
        .map(({ bytes, level, tables }) => `L${level} ${tables} (${grouped(bytes / MiB)} MiB)`)
      yield* reportProgress(
        `${grouped(stats.log.records)} records, ${grouped((stats.log.records - puts) / (now - at) * 1000)}/s, `
          + `${grouped(process.memoryUsage.rss() / MiB)} MiB resident, ${stats.immutables.count} immutables, `
          + levels.join(", ")
      )
      puts = stats.log.records
      at = now
    }
  })

const timed = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<number, E> =>
  Effect.suspend(() => {
    const began = performance.now()
    return Effect.map(effect, () => performance.now() - began)
  })

const run = Effect.fnUntraced(function*(store: LsmStore["Service"], input: Input) {
  const { directory, fibers, records } = input
  const observed = new Observed()
  const observe = (event: EngineEvent) =>
    Effect.map(store.stats, (stats) => {
      observed.count(event)
      observed.see(stats)
    })
  yield* Effect.forkScoped(Stream.runForEach(store.events, observe), { startImmediately: true })
  const writtenBefore = writtenBytes()
  yield* Effect.forkScoped(showProgress(store, observed))

  const putting = { caller: effectCaller, put: (key: Uint8Array, value: Uint8Array) => store.put(key, value, write) }
  const loading = yield* timed(putRecords(putting, { fibers, count: records }))
  const settling = yield* timed(Effect.andThen(store.flush, untilSettled(store)))
  const settled = yield* store.stats
  const written = writtenBytes()
  const { compactedBytes, flushedBytes } = observed
  const spaceSettled = directoryBytes(directory)
  const peak = peakResident()

  const compacting = yield* timed(Effect.andThen(store.compact(), untilSettled(store)))
  const compacted = yield* store.stats
  const spaceCompacted = directoryBytes(directory)
  const reading = { caller: effectCaller, get: (key: Uint8Array) => store.get(key) }
  const verified = yield* verifySample(reading, contentOf(records), sampleSize)

  const result: LoadResult = {
    loading,
    settling,
    compacting,
    peakResident: peak,
    peakResidentWithCompact: peakResident(),
    immutables: { most: observed.immutables, bound: maxImmutables },
    level0: { most: observed.level0, bound: levelled().stopTables },
    stalls: { count: settled.stalls.count, milliseconds: settled.stalls.milliseconds },
    userBytes: userBytes(records),
    logBytes: settled.log.bytes,
    flushedBytes,
    compactedBytes,
    ...(written === undefined || writtenBefore === undefined ? undefined : { written: written - writtenBefore }),
    levels: settled.levels,
    spaceSettled,
    spaceCompacted,
    levelsCompacted: compacted.levels,
    verified
  }
  return result
}, Effect.scoped)

export const loadRun = (input: Input) =>
  Effect.flatMap(LsmStore, (store) => run(store, input)).pipe(
    Effect.provide(NodeLsmStore.layer({ directory: input.directory, workers: input.workers, maxImmutables }))
  )
