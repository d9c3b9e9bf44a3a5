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
import { makeKey, makeValues, randomNumbers, scratchKey, userBytes } from "./records.ts"
import { untilSettled } from "./settled.ts"

const write = { durability: "buffered" } as const
const maxImmutables = 3
const MiB = 1024 * 1024
/** Records that are read back. */
const sampleSize = 100_000
const sampleFibers = 64

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

class WrongRecord extends Schema.TaggedError<WrongRecord>()("WrongRecord", { record: Schema.Number }) {
  override get message(): string {
    return `Record ${this.record} does not have the value that was put.`
  }
}

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

const putAll = (store: LsmStore["Service"], values: ReadonlyArray<Uint8Array>, { fibers, records }: Input) => {
  const progress = { puts: 0 }
  let next = 0
  const writer = () => {
    const key = scratchKey()
    return Effect.whileLoop({
      while: () => next < records,
      body: () => {
        const record = next++
        return store.put(key(record), values[record % values.length]!, write)
      },
      step: () => {
        progress.puts++
      }
    })
  }
  const run = Effect.all(Array.from({ length: fibers }, writer), { concurrency: "unbounded", discard: true })
  return { progress, run }
}

const showProgress = (store: LsmStore["Service"], progress: { readonly puts: number }, observed: Observed) =>
  Effect.gen(function*() {
    let puts = progress.puts
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
        `${grouped(progress.puts)} records, ${grouped((progress.puts - puts) / (now - at) * 1000)}/s, `
          + `${grouped(process.memoryUsage.rss() / MiB)} MiB resident, ${stats.immutables.count} immutables, `
          + levels.join(", ")
      )
      puts = progress.puts
      at = now
    }
  })

/** Reads random records and compares each with what was put. */
const verifySample = (store: LsmStore["Service"], values: ReadonlyArray<Uint8Array>, records: number) => {
  const random = randomNumbers(3)
  let left = sampleSize
  const reader = Effect.gen(function*() {
    while (left-- > 0) {
      const record = random(records)
      const found = yield* store.get(makeKey(record))
      const value = values[record % values.length]!
      if (found === undefined || Buffer.compare(found, value) !== 0) return yield* new WrongRecord({ record })
    }
  })
  return Effect.all(Array.from({ length: sampleFibers }, () => reader), { concurrency: "unbounded", discard: true })
}

const timed = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<number, E> =>
  Effect.suspend(() => {
    const began = performance.now()
    return Effect.map(effect, () => performance.now() - began)
  })

const run = Effect.fnUntraced(function*(store: LsmStore["Service"], input: Input) {
  const { directory, records } = input
  const values = makeValues()
  const observed = new Observed()
  const observe = (event: EngineEvent) =>
    Effect.map(store.stats, (stats) => {
      observed.count(event)
      observed.see(stats)
    })
  yield* Effect.forkScoped(Stream.runForEach(store.events, observe), { startImmediately: true })
  const writtenBefore = writtenBytes()
  const { progress, run: putting } = putAll(store, values, input)
  yield* Effect.forkScoped(showProgress(store, progress, observed))

  const loading = yield* timed(putting)
  const settling = yield* timed(Effect.andThen(store.flush, untilSettled(store)))
  const settled = yield* store.stats
  const written = writtenBytes()
  const { compactedBytes, flushedBytes } = observed
  const spaceSettled = directoryBytes(directory)
  const peak = peakResident()

  const compacting = yield* timed(Effect.andThen(store.compact(), untilSettled(store)))
  const compacted = yield* store.stats
  const spaceCompacted = directoryBytes(directory)
  yield* verifySample(store, values, records)

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
    verified: sampleSize
  }
  return result
}, Effect.scoped)

export const loadRun = (input: Input) =>
  Effect.flatMap(LsmStore, (store) => run(store, input)).pipe(
    Effect.provide(NodeLsmStore.layer({ directory: input.directory, workers: input.workers, maxImmutables }))
  )
