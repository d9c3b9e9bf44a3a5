/**
 * The mixed workloads of the Yahoo! Cloud Serving Benchmark, with this
 * benchmark's records: popular ones are asked for far more often than others.
 * Reads are each store's fastest, and writes survive a killed process.
 */
import { Effect } from "effect"
import { randomNumbers, scratchKey } from "../records.ts"
import { fastestGet, Unsupported } from "../stores/Store.ts"
import type { Call, Manner } from "../stores/Store.ts"
import { driveFor, warmUpShare } from "./loops.ts"
import { measured } from "./measured.ts"
import { isSame, valueOf } from "./puts.ts"
import { WrongContent } from "./Workload.ts"
import type { Bench, Content, Outcome, Workload } from "./Workload.ts"
import { Zipf } from "./Zipf.ts"

const fibers = 64
const longestScan = 100
const drawnFrom = 2 ** 32

/** `"modify"`: a read, and then a write of the same record. */
type Kind = "read" | "update" | "insert" | "scan" | "modify"

interface Mix {
  readonly name: string
  readonly title: string
  /** What the other operations are. */
  readonly rare: Kind
  /** Their share. */
  readonly share: number
  readonly common: "read" | "scan"
  /** Whether the records that were put last are the popular ones. */
  readonly isLatest?: boolean
}

const mixes: ReadonlyArray<Mix> = [
  { name: "ycsb-a", title: "half gets, half updates", common: "read", rare: "update", share: 0.5 },
  { name: "ycsb-b", title: "95 % gets, 5 % updates", common: "read", rare: "update", share: 0.05 },
  { name: "ycsb-c", title: "gets alone", common: "read", rare: "read", share: 0 },
  {
    name: "ycsb-d",
    title: "95 % gets of late records, 5 % inserts",
    common: "read",
    rare: "insert",
    share: 0.05,
    isLatest: true
  },
  { name: "ycsb-e", title: "95 % ranges of up to 100, 5 % inserts", common: "scan", rare: "insert", share: 0.05 },
  {
    name: "ycsb-f",
    title: "half gets, half gets with an update after each",
    common: "read",
    rare: "modify",
    share: 0.5
  }
]

/** Which records are there, and which generation each may have. */
class Written {
  /** Of the records that are there when it begins; an update puts the next generation. */
  readonly #isUpdated: Uint8Array
  /** Records whose put was acknowledged, all of them up to this one. */
  records: number
  #begun: number
  readonly #acknowledged = new Set<number>()

  constructor(records: number) {
    this.#isUpdated = new Uint8Array(records)
    this.records = records
    this.#begun = records
  }

  insert(): number {
    return this.#begun++
  }

  inserted(record: number): void {
    this.#acknowledged.add(record)
    while (this.#acknowledged.delete(this.records)) this.records++
  }

  /** A put of the next generation, which is acknowledged before the workload ends. */
  update(record: number): void {
    if (record < this.#isUpdated.length) this.#isUpdated[record] = 1
  }

  get content(): Content {
    return {
      records: this.records,
      order: "random",
      isRight: (record, found) => isSame(found, valueOf(record, this.#isUpdated[record] ?? 0))
    }
  }
}

/** What one fiber is doing. */
interface Doing {
  readonly key: (record: number) => Uint8Array
  kind: Kind | "write"
  record: number
  visited: number
}

class Mixed<M extends Manner> {
  readonly #bench: Bench<M>
  readonly #mix: Mix
  readonly #get: (key: Uint8Array) => Call<M, Uint8Array | undefined>
  readonly #random = randomNumbers(1)
  readonly #zipf: Zipf
  readonly #written: Written
  readonly #doing: ReadonlyArray<Doing>
  /** Operations that were begun: a read and the write after it are one. */
  #operations = 0
  #wrong = 0

  constructor(bench: Bench<M>, mix: Mix) {
    this.#bench = bench
    this.#mix = mix
    this.#get = fastestGet(bench.store)
    this.#zipf = new Zipf(bench.records, () => this.#random(drawnFrom) / drawnFrom)
    this.#written = new Written(bench.records)
    this.#doing = Array.from({ length: fibers }, () => ({ key: scratchKey(), kind: "read", record: 0, visited: 0 }))
  }

  #choose(): number {
    const { records } = this.#written
    if (!this.#mix.isLatest) return this.#zipf.next()
    this.#zipf.growTo(records)
    return records - 1 - this.#zipf.next()
  }

  #call(fiber: number, range: NonNullable<Bench<M>["store"]["range"]>): Call<M, unknown> {
    const doing = this.#doing[fiber]!
    const { store } = this.#bench
    if (doing.kind === "modify") {
      doing.kind = "write"
      this.#written.update(doing.record)
      return store.put(doing.key(doing.record), valueOf(doing.record, 1))
    }
    this.#operations++
    doing.kind = this.#random(drawnFrom) / drawnFrom < this.#mix.share ? this.#mix.rare : this.#mix.common
    doing.record = doing.kind === "insert" ? this.#written.insert() : this.#choose()
    const key = doing.key(doing.record)
    switch (doing.kind) {
      case "read":
      case "modify":
        return this.#get(key)
      case "update":
        this.#written.update(doing.record)
        return store.put(key, valueOf(doing.record, 1))
      case "insert":
        return store.put(key, valueOf(doing.record))
      case "scan":
        doing.visited = 0
        return range(key, 1 + this.#random(longestScan), () => {
          doing.visited++
        })
    }
  }

  #done(fiber: number, result: unknown): void {
    const { kind, record, visited } = this.#doing[fiber]!
    if (kind === "insert") this.#written.inserted(record)
    else if (kind === "scan" ? visited === 0 : (kind === "read" || kind === "modify") && result === undefined)
      this.#wrong++
  }

  run(): Effect.Effect<Outcome, Unsupported | WrongContent> {
    const { milliseconds, store } = this.#bench
    const { range } = store
    if (range === undefined && this.#mix.common === "scan") {
      return Effect.fail(new Unsupported({ reason: "it has no ranges" }))
    }
    const noRange: NonNullable<typeof range> = () => {
      throw new TypeError("The mix has no ranges.")
    }
    const loop = {
      fibers,
      call: (fiber: number) => this.#call(fiber, range ?? noRange),
      done: (fiber: number, result: unknown) => this.#done(fiber, result),
      turnEvery: this.#mix.common === "scan" ? 4 : undefined
    }
    return Effect.gen({ self: this }, function*() {
      yield* driveFor(store.caller, milliseconds * warmUpShare, loop)
      this.#operations = 0
      const phase = yield* measured(Effect.map(driveFor(store.caller, milliseconds, loop), () => this.#operations))
      if (this.#wrong > 0) {
        return yield* new WrongContent({ reason: `${this.#wrong} reads found nothing of what was put.` })
      }
      return { phase, content: this.#written.content }
    })
  }
}

export const mixed: ReadonlyArray<Workload> = mixes.map((mix) => ({
  name: mix.name,
  title: `${mix.title}, ${fibers} in flight`,
  durability: "buffered",
  start: mix.share === 0 ? "loaded" : "loaded copy",
  operations: "operations",
  metric: "rate",
  run: (bench) => new Mixed(bench, mix).run()
}))
