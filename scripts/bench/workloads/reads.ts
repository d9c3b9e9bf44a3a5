/** Point reads of what was loaded. */
import { Effect } from "effect"
import { randomNumbers, scratchKey } from "../records.ts"
import { fastestGet, Unsupported } from "../stores/Store.ts"
import type { Manner, Store } from "../stores/Store.ts"
import { driveFor, warmUpShare } from "./loops.ts"
import { measured } from "./measured.ts"
import { contentOf } from "./puts.ts"
import { wholeCache, WrongContent } from "./Workload.ts"
import type { Bench, Outcome, Workload } from "./Workload.ts"

const keysTogether = 100

interface Reads {
  readonly fibers: number
  /** Records beyond those in the store: keys that it does not have. */
  readonly isMissing?: boolean
}

const readFor = <M extends Manner>(
  { milliseconds, records, store }: Bench<M>,
  get: NonNullable<Store<M>["get"]>,
  { fibers, isMissing = false }: Reads
): Effect.Effect<Outcome, WrongContent> => {
  const keys = Array.from({ length: fibers }, () => scratchKey())
  const random = randomNumbers(1)
  const first = isMissing ? records : 0
  let wrong = 0
  const loop = {
    fibers,
    call: (fiber: number) => get(keys[fiber]!(first + random(records))),
    done: (_: number, found: Uint8Array | undefined) => {
      if ((found === undefined) !== isMissing) wrong++
    }
  }
  return Effect.gen(function*() {
    yield* driveFor(store.caller, milliseconds * warmUpShare, loop)
    const phase = yield* measured(driveFor(store.caller, milliseconds, loop))
    if (wrong > 0) {
      return yield* new WrongContent({ reason: `${wrong} gets found ${isMissing ? "what was never put" : "nothing"}.` })
    }
    return { phase, content: contentOf(records) }
  })
}

const readTogether = <M extends Manner>(
  { milliseconds, records, store }: Bench<M>,
  getMany: NonNullable<Store<M>["getMany"]>
): Effect.Effect<Outcome, WrongContent> => {
  const scratch = Array.from({ length: keysTogether }, () => scratchKey())
  const random = randomNumbers(1)
  let wrong = 0
  const loop = {
    fibers: 1,
    call: () => getMany(scratch.map((key) => key(random(records)))),
    done: (_: number, found: ReadonlyArray<Uint8Array | undefined>) => {
      if (found.length !== keysTogether || found.includes(undefined)) wrong++
    },
    turnEvery: 1
  }
  return Effect.gen(function*() {
    yield* driveFor(store.caller, milliseconds * warmUpShare, loop)
    const phase = yield* measured(
      Effect.map(driveFor(store.caller, milliseconds, loop), (calls) => calls * keysTogether)
    )
    if (wrong > 0) return yield* new WrongContent({ reason: `${wrong} calls of getMany lacked a value.` })
    return { phase, content: contentOf(records) }
  })
}

const common = {
  durability: "buffered",
  start: "loaded",
  operations: "gets",
  metric: "rate",
  cacheShare: wholeCache
} as const

const noAsynchronousGet = Effect.fail(new Unsupported({ reason: "all of its gets hold the event loop" }))

const readRandom = (fibers: number): Workload => ({
  ...common,
  name: `readrandom-${fibers}`,
  title: `gets of random records, ${fibers} in flight, with a cache for all of them`,
  run: (bench) => bench.store.get === undefined ? noAsynchronousGet : readFor(bench, bench.store.get, { fibers })
})

export const reads: ReadonlyArray<Workload> = [
  {
    ...common,
    name: "readrandom-sync",
    title: "gets of random records by a call that answers at once, with a cache for all of them",
    run: (bench) =>
      bench.store.getSync === undefined
        ? Effect.fail(new Unsupported({ reason: "it has no such call" }))
        : readFor(bench, bench.store.getSync, { fibers: 1 })
  },
  ...[1, 256].map(readRandom),
  {
    ...common,
    name: "readrandom-quarter",
    title: "gets of random records, with a cache of a quarter of them",
    cacheShare: 0.25,
    run: (bench) => readFor(bench, fastestGet(bench.store), { fibers: 1 })
  },
  {
    ...common,
    name: "readmissing",
    title: "gets of keys that are not there",
    run: (bench) => readFor(bench, fastestGet(bench.store), { fibers: 1, isMissing: true })
  },
  {
    ...common,
    name: "getmany",
    title: `gets of ${keysTogether} random records together`,
    run: (bench) =>
      bench.store.getMany === undefined
        ? Effect.fail(new Unsupported({ reason: "it has no such call" }))
        : readTogether(bench, bench.store.getMany)
  }
]

export const bigRead: Workload = {
  ...common,
  name: "big-readrandom",
  title: "gets of ten times as many records, with a cache of a tenth of them",
  start: "big",
  scale: 10,
  cacheShare: 0.1,
  isBig: true,
  run: (bench) => readFor(bench, fastestGet(bench.store), { fibers: 1 })
}
