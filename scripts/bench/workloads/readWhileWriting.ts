/**
 * readwhilewriting: gets at a fixed rate beside writers that go as fast as they
 * can in the same process. It reads alone first, for the harness's own floor.
 * Every value read is verified: whole, of its record, and no older than what was
 * acknowledged when the get began.
 */
import { Effect } from "effect"
import { Histogram } from "../Histogram.ts"
import { makePacer } from "../Pacer.ts"
import { sharedClock } from "../PacerClock.ts"
import { watchProcess } from "../ProcessFigures.ts"
import { makeKey, randomNumbers, scratchKey } from "../records.ts"
import { fastestGet, Unsupported } from "../stores/Store.ts"
import type { Manner, Stalls, Store } from "../stores/Store.ts"
import { VersionedValues } from "../VersionedValues.ts"
import { measured } from "./measured.ts"
import { valueOf } from "./puts.ts"
import { WrongContent } from "./Workload.ts"
import type { Bench, Content, Outcome, Workload } from "./Workload.ts"

/** Milliseconds between two gets. */
const interval = 0.2
/** How long it runs, in times of the other workloads, and the gets alone before it. */
const length = 6
const floorLength = 0.5
/** A writer that holds the event loop lets it turn after so many single puts. */
const putsPerTurn = 16

const latenciesOf = (name: string, histogram: Histogram): Record<string, number> => ({
  [`${name}P50`]: histogram.percentile(0.5),
  [`${name}P99`]: histogram.percentile(0.99),
  [`${name}P999`]: histogram.percentile(0.999),
  [`${name}Worst`]: histogram.worst
})

/** A store's answers to a get of a random record every interval, however long the gets before it take. */
class Reader<M extends Manner> {
  readonly #store: Store<M>
  readonly #get: ReturnType<typeof fastestGet<M>>
  readonly #values: VersionedValues
  readonly #records: number
  /** From the intended time to the value. */
  readonly gets = new Histogram()
  /** From the intended time to the turn of the loop that began the get. */
  readonly late = new Histogram()
  /** Of the gets that were not answered in the turn that began them: from that turn to the value. */
  readonly waits = new Histogram()
  readonly #random = randomNumbers(2)
  #underWay = 0
  #wrong: string | undefined

  constructor(store: Store<M>, values: VersionedValues, records: number) {
    this.#store = store
    this.#get = fastestGet(store)
    this.#values = values
    this.#records = records
  }

  /** Begins a get that was meant for an earlier time than now. */
  readonly begin = (intended: number, now: number): void => {
    this.late.add(now - intended)
    const record = this.#random(this.#records)
    const version = this.#values.acknowledged(record)
    this.#underWay++
    let isSameTurn = true
    this.#store.caller.begin(
      () => this.#get(makeKey(record)),
      (found) => {
        const ended = sharedClock()
        this.gets.add(ended - intended)
        if (!isSameTurn) this.waits.add(ended - now)
        this.#underWay--
        if (!this.#values.isRight(record, version, found)) {
          this.#wrong ??= `Record ${record} has a wrong value, or an older one than was acknowledged.`
        }
      },
      (reason) => {
        this.#underWay--
        this.#wrong ??= reason
      }
    )
    isSameTurn = false
  }

  /** Waits for the gets that are under way. */
  readonly end = Effect.gen({ self: this }, function*() {
    while (this.#underWay > 0) yield* Effect.sleep(1)
    if (this.#wrong !== undefined) return yield* new WrongContent({ reason: this.#wrong })
  })
}

/** Puts random records until it is told to stop; each writer has records of its own, and one call under way. */
class Writers<M extends Manner> {
  puts = 0
  isOver = false
  readonly run: Effect.Effect<void, Unsupported>

  constructor({ fibers: singly, records, store }: Bench<M>, values: VersionedValues) {
    const batch = store.batchBeside
    const fibers = batch > 1 ? 1 : singly
    const random = randomNumbers(1)
    const each = Math.floor(records / fibers)
    const writers = Array.from({ length: fibers }, (_, fiber) => ({
      record: () => random(each) * fibers + fiber,
      keys: Array.from({ length: batch }, () => scratchKey()),
      written: Array.from({ length: batch }, () => 0)
    }))
    const { write } = store
    this.run = batch > 1 && write === undefined
      ? Effect.fail(new Unsupported({ reason: "it has no batches" }))
      : store.caller.drive({
        fibers,
        more: () => !this.isOver,
        call: (fiber) => {
          const { keys, record, written } = writers[fiber]!
          if (batch === 1 || write === undefined) {
            const only = record()
            written[0] = only
            return store.put(keys[0]!(only), values.begin(only, fiber))
          }
          const taken = new Set<number>()
          while (taken.size < batch) taken.add(record())
          for (const [place, one] of [...taken].entries()) written[place] = one
          return write(
            keys.map((key, place) => key(written[place]!)),
            written.map((one, place) => values.begin(one, place))
          )
        },
        done: (fiber) => {
          for (const record of writers[fiber]!.written) values.acknowledge(record)
          this.puts += batch
        },
        turnEvery: batch > 1 ? 1 : putsPerTurn
      })
  }
}

const stallsOf = <M extends Manner>({ stalls }: Store<M>): Effect.Effect<Stalls | undefined> =>
  stalls ?? Effect.undefined

const run = <M extends Manner>(bench: Bench<M>): Effect.Effect<Outcome, Unsupported | WrongContent> =>
  Effect.scoped(Effect.gen(function*() {
    const { fibers, milliseconds, records, store } = bench
    const values = new VersionedValues(records, store.batchBeside > 1 ? store.batchBeside : fibers, valueOf)
    yield* store.settled
    const pacer = yield* makePacer(interval)
    const alone = new Reader(store, values, records)
    yield* pacer.run(milliseconds * floorLength, alone.begin)
    yield* alone.end

    const before = yield* stallsOf(store)
    const writers = new Writers(bench, values)
    const beside = new Reader(store, values, records)
    const watched = yield* watchProcess
    let overslept = 0
    const reading = Effect.gen(function*() {
      const phase = yield* measured(Effect.map(pacer.run(milliseconds * length, beside.begin), (late) => {
        overslept = late
        return writers.puts
      }))
      const process = yield* watched
      writers.isOver = true
      return { phase, process }
    })
    const [{ phase, process }] = yield* Effect.all([reading, writers.run], { concurrency: "unbounded" })
    yield* beside.end
    const after = yield* stallsOf(store)

    const figures = {
      ...latenciesOf("get", beside.gets),
      ...latenciesOf("late", beside.late),
      waited: beside.waits.count / beside.gets.count,
      ...latenciesOf("wait", beside.waits),
      ...latenciesOf("floor", alone.gets),
      loopP99: process.loopP99,
      loopWorst: process.loopWorst,
      collecting: process.collecting,
      collectingWorst: process.collectingWorst,
      processor: process.cpu,
      mainThread: process.mainThreadCpu,
      ...(process.othersCpu === undefined ? undefined : { otherProcesses: process.othersCpu }),
      overslept,
      ...(before === undefined || after === undefined ? undefined : {
        stalls: after.count - before.count,
        stalled: after.milliseconds - before.milliseconds
      })
    }
    const content: Content = {
      records,
      order: "random",
      isRight: (record, value) => values.isRight(record, values.acknowledged(record), value)
    }
    return { phase, content, figures }
  }))

export const readWhileWriting: Workload = {
  name: "readwhilewriting",
  title: `puts over random records as fast as they go, beside a get every ${interval} ms`,
  durability: "buffered",
  start: "loaded copy",
  operations: "puts",
  metric: "rate",
  shows: ["getP50", "getP99", "getP999", "getWorst", "loopWorst", "floorP99"],
  run
}
