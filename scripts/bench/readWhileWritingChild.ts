/**
 * One measurement of readwhilewriting, in a process of its own: loads, lets the
 * background settle, reads alone for the harness's own floor, and then reads
 * beside writers that go as fast as they can. Every value read is verified.
 */
import { Effect, Exit, Schema } from "effect"
import * as NodeDisk from "../../src/disk/NodeDisk.ts"
import { LsmStore } from "../../src/index.ts"
import { NodeLsmStore } from "../../src/node/index.ts"
import { makeBigLockStore } from "./bigLock.ts"
import type { PutAndGet } from "./bigLock.ts"
import type { Measurement } from "./childProtocol.ts"
import { Histogram } from "./Histogram.ts"
import { makePacer } from "./Pacer.ts"
import { sharedClock } from "./PacerClock.ts"
import { ProcessFigures, watchProcess } from "./ProcessFigures.ts"
import { makeKey, randomNumbers, scratchKey } from "./records.ts"
import { untilSettled } from "./settled.ts"
import { VersionedValues } from "./VersionedValues.ts"

/** Milliseconds between two gets. */
const interval = 0.2
/** How long the harness's floor is measured. */
const floorMilliseconds = 3000
const write = { durability: "buffered" } as const

export const variants = ["workers", "inline", "biglock"] as const

const Latencies = Schema.Struct({
  count: Schema.Number,
  p50: Schema.Number,
  p99: Schema.Number,
  p999: Schema.Number,
  worst: Schema.Number
})

/** All times are milliseconds. */
const Result = Schema.Struct({
  loadPerSecond: Schema.Number,
  putsPerSecond: Schema.Number,
  /** From the intended time to the value. */
  gets: Latencies,
  /** From the intended time to the turn of the loop that began the get. */
  late: Latencies,
  /** Of the gets that were not answered in the turn that began them: from that turn to the value. */
  waits: Latencies,
  /** Gets without any writers. */
  floor: Latencies,
  /** How late a thread that only sleeps was at most: the machine's part in the worst latency. */
  overslept: Schema.Number,
  stalls: Schema.optionalKey(Schema.Struct({ count: Schema.Number, milliseconds: Schema.Number })),
  process: ProcessFigures
})
export type ReadWhileWritingResult = typeof Result.Type

const Input = Schema.Struct({
  variant: Schema.Literals(variants),
  directory: Schema.String,
  records: Schema.Number,
  fibers: Schema.Number,
  milliseconds: Schema.Number
})
type Input = typeof Input.Type

export const readWhileWritingMeasurement: Measurement<Input, ReadWhileWritingResult> = {
  name: "readwhilewriting",
  input: Input,
  result: Result
}

class WrongRead extends Schema.TaggedError<WrongRead>()("WrongRead", { reason: Schema.String }) {
  override get message(): string {
    return this.reason
  }
}

const latenciesOf = (histogram: Histogram): typeof Latencies.Type => ({
  count: histogram.count,
  p50: histogram.percentile(0.5),
  p99: histogram.percentile(0.99),
  p999: histogram.percentile(0.999),
  worst: histogram.worst
})

/** Puts every record once; returns how many of them a second. */
const load = (store: PutAndGet, values: VersionedValues, { fibers, records }: Input) =>
  Effect.gen(function*() {
    const began = performance.now()
    let next = 0
    const writer = (fiber: number) => {
      const key = scratchKey()
      let record = 0
      return Effect.whileLoop({
        while: () => next < records,
        body: () => {
          record = next++
          return store.put(key(record), values.begin(record, fiber), write)
        },
        step: () => values.acknowledge(record)
      })
    }
    yield* Effect.all(Array.from({ length: fibers }, (_, fiber) => writer(fiber)), {
      concurrency: "unbounded",
      discard: true
    })
    return records / (performance.now() - began) * 1000
  })

/** Puts random records until it is told to stop; each fiber has records of its own. */
const makeWriters = (store: PutAndGet, values: VersionedValues, { fibers, records }: Input) => {
  const random = randomNumbers(1)
  const each = Math.floor(records / fibers)
  const figures = { puts: 0, isOver: false }
  const writer = (fiber: number) => {
    const key = scratchKey()
    let record = 0
    return Effect.whileLoop({
      while: () => !figures.isOver,
      body: () => {
        record = random(each) * fibers + fiber
        return store.put(key(record), values.begin(record, fiber), write)
      },
      step: () => {
        values.acknowledge(record)
        figures.puts++
      }
    })
  }
  const run = Effect.all(Array.from({ length: fibers }, (_, fiber) => writer(fiber)), {
    concurrency: "unbounded",
    discard: true
  })
  return { figures, run }
}

/** A store's answers to a get of a random record every interval, however long the gets before it take. */
class Reader {
  readonly #store: PutAndGet
  readonly #values: VersionedValues
  readonly #records: number
  readonly #gets = new Histogram()
  readonly #late = new Histogram()
  readonly #waits = new Histogram()
  readonly #random = randomNumbers(2)
  #underWay = 0
  #wrong: string | undefined

  constructor(store: PutAndGet, values: VersionedValues, records: number) {
    this.#store = store
    this.#values = values
    this.#records = records
  }

  /** Begins a get that was meant for an earlier time than now. */
  begin(intended: number, now: number): void {
    this.#late.add(now - intended)
    const record = this.#random(this.#records)
    const version = this.#values.acknowledged(record)
    this.#underWay++
    let isSameTurn = true
    Effect.runCallback(this.#store.get(makeKey(record)), {
      onExit: (exit) => {
        const ended = sharedClock()
        this.#gets.add(ended - intended)
        if (!isSameTurn) this.#waits.add(ended - now)
        this.#underWay--
        if (Exit.isFailure(exit)) this.#wrong ??= String(exit.cause)
        else if (!this.#values.isRight(record, version, exit.value)) {
          this.#wrong ??= `Record ${record} has a wrong value, or an older one than was acknowledged.`
        }
      }
    })
    isSameTurn = false
  }

  /** Waits for the gets that are under way. */
  readonly end = Effect.gen({ self: this }, function*() {
    while (this.#underWay > 0) yield* Effect.sleep(1)
    if (this.#wrong !== undefined) return yield* new WrongRead({ reason: this.#wrong })
    return { gets: latenciesOf(this.#gets), late: latenciesOf(this.#late), waits: latenciesOf(this.#waits) }
  })
}

const measure = Effect.fnUntraced(function*(store: PutAndGet, lsm: LsmStore["Service"] | undefined, input: Input) {
  const values = new VersionedValues(input.records, input.fibers)
  const loadPerSecond = yield* load(store, values, input)
  if (lsm !== undefined) yield* untilSettled(lsm)

  const pacer = yield* makePacer(interval)
  const alone = new Reader(store, values, input.records)
  yield* pacer.run(floorMilliseconds, (intended, now) => alone.begin(intended, now))
  const { gets: floor } = yield* alone.end

  const stallsBefore = lsm === undefined ? undefined : (yield* lsm.stats).stalls
  const { figures, run } = makeWriters(store, values, input)
  const beside = new Reader(store, values, input.records)
  const watched = yield* watchProcess
  const started = performance.now()
  const reading = Effect.gen(function*() {
    const overslept = yield* pacer.run(input.milliseconds, (intended, now) => beside.begin(intended, now))
    const putsPerSecond = figures.puts / (performance.now() - started) * 1000
    const process = yield* watched
    figures.isOver = true
    return { putsPerSecond, overslept, process, ...(yield* beside.end) }
  })
  const [found] = yield* Effect.all([reading, run], { concurrency: "unbounded" })
  const stalls = lsm === undefined ? undefined : (yield* lsm.stats).stalls
  const result: ReadWhileWritingResult = {
    loadPerSecond,
    floor,
    ...found,
    ...(stalls === undefined || stallsBefore === undefined ? undefined : {
      stalls: {
        count: stalls.count - stallsBefore.count,
        milliseconds: stalls.milliseconds - stallsBefore.milliseconds
      }
    })
  }
  return result
}, Effect.scoped)

export const readWhileWritingRun = (input: Input) => {
  if (input.variant === "biglock") {
    return Effect.scoped(Effect.flatMap(makeBigLockStore(input.directory), (store) => measure(store, undefined, input)))
      .pipe(Effect.provide(NodeDisk.layer))
  }
  const options = { directory: input.directory, ...(input.variant === "inline" ? { workers: 0 as const } : undefined) }
  return Effect.flatMap(LsmStore, (store) => measure(store, store, input)).pipe(
    Effect.provide(NodeLsmStore.layer(options))
  )
}
