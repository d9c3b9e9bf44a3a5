/**
 * One measurement of price, in a process of its own: the same gets and puts of
 * one store through its public face, as effects, and by the engine's own calls
 * below it, in turn. The records are few enough for the cache to hold them all.
 */
import { Effect, Layer, Schema } from "effect"
import * as NodeDisk from "../../src/disk/NodeDisk.ts"
import { levelOf } from "../../src/engine/CommitRequest.ts"
import { openEngine } from "../../src/engine/Engine.ts"
import type { Engine, Writer } from "../../src/engine/Engine.ts"
import { Found, Lookup } from "../../src/engine/PointReads.ts"
import { makeStoreReads } from "../../src/engine/StoreReads.ts"
import { makeStoreWrites } from "../../src/engine/StoreWrites.ts"
import { ValueSlab } from "../../src/engine/ValueSlab.ts"
import { layerWorkerJobs } from "../../src/jobs/WorkerJobs.ts"
import { resolveOptions } from "../../src/StoreOptions.ts"
import { StoreReadMode } from "../../src/table/ReadPolicy.ts"
import type { Measurement } from "./childProtocol.ts"
import { median } from "./medians.ts"
import { randomNumbers, scratchKey } from "./records.ts"
import { effectCaller } from "./stores/effectCaller.ts"
import { driveFor, untilOver } from "./workloads/loops.ts"
import { valueOf } from "./workloads/puts.ts"

const rounds = 3
const durability = "buffered"

const Input = Schema.Struct({ directory: Schema.String, records: Schema.Number, milliseconds: Schema.Number })
type Input = typeof Input.Type

/** Nanoseconds of a call through the public face, and of one below it. */
const Price = Schema.Struct({ call: Schema.String, effect: Schema.Number, bare: Schema.Number })
export type Price = typeof Price.Type

export const priceMeasurement: Measurement<Input, ReadonlyArray<Price>> = {
  name: "price",
  input: Input,
  result: Schema.Array(Price)
}

/** Nanoseconds of each of the calls that `work` counts. */
const timeEach = (work: Effect.Effect<number>): Effect.Effect<number> =>
  Effect.suspend(() => {
    const began = performance.now()
    return Effect.map(work, (calls) => (performance.now() - began) / calls * 1e6)
  })

/** Measures both in turn, a first time for nothing, and gives the medians. */
const compare = (call: string, effect: Effect.Effect<number>, bare: Effect.Effect<number>) =>
  Effect.gen(function*() {
    const times: { readonly [way in "effect" | "bare"]: Array<number> } = { effect: [], bare: [] }
    yield* timeEach(effect)
    yield* timeEach(bare)
    for (let round = 0; round < rounds; round++) {
      times.effect.push(yield* timeEach(effect))
      times.bare.push(yield* timeEach(bare))
    }
    const price: Price = { call, effect: median(times.effect), bare: median(times.bare) }
    return price
  })

/** What a `get` comes to once its arguments are checked and it waits for nothing. */
const bareGets = ({ state }: Engine, { milliseconds, records }: Input): Effect.Effect<number> => {
  const lookup = new Lookup(state.counters)
  const slab = new ValueSlab()
  const key = scratchKey()
  const random = randomNumbers(1)
  return Effect.sync(() => {
    const goesOn = untilOver(milliseconds)
    let calls = 0
    let bytes = 0
    for (; goesOn(); calls++) {
      const found = lookup.run(state.view.value, key(random(records)), state.visible)
      if (found !== Found.value) throw new TypeError("A record is not in memory.")
      bytes += slab.copy(lookup.buffer, lookup.offset, lookup.length).length
    }
    return bytes > 0 ? calls : 0
  })
}

/** What a `put` comes to without an effect and a fiber of its own: its caller is called back. */
const barePuts = (
  { wal: { mailbox } }: Writer,
  { milliseconds, records }: Input,
  inFlight: number
): Effect.Effect<number> =>
  Effect.callback((resume) => {
    const goesOn = untilOver(milliseconds)
    const random = randomNumbers(1)
    const key = scratchKey()
    const level = levelOf[durability]
    let calls = 0
    let underWay = inFlight
    const next = (): void => {
      if (!goesOn()) {
        if (--underWay === 0) resume(Effect.succeed(calls))
        return
      }
      calls++
      const record = random(records)
      void mailbox.offerPut(key(record), valueOf(record), level, next)
    }
    for (let place = 0; place < inFlight; place++) next()
  })

const run = Effect.fnUntraced(function*(engine: Engine, input: Input) {
  const { milliseconds, records } = input
  const { writer } = engine
  if (writer === undefined) return yield* Effect.die(new TypeError("The store takes no writes."))
  const { get } = makeStoreReads(engine.state)
  const { flush, put } = makeStoreWrites(engine)
  const random = randomNumbers(1)

  const effectGets = Effect.suspend(() => {
    const key = scratchKey()
    return driveFor(effectCaller, milliseconds, { fibers: 1, call: () => get(key(random(records))), done: () => {} })
  })
  const effectPuts = (fibers: number) =>
    Effect.suspend(() => {
      const keys = Array.from({ length: fibers }, () => scratchKey())
      return driveFor(effectCaller, milliseconds, {
        fibers,
        call: (fiber) => {
          const record = random(records)
          return put(keys[fiber]!(record), valueOf(record), { durability })
        },
        done: () => {}
      })
    })

  for (let record = 0; record < records; record++) {
    yield* put(scratchKey()(record), valueOf(record), { durability: "async" })
  }
  const inMemtable = yield* compare("get, from the memtable", effectGets, bareGets(engine, input))
  yield* flush
  const inTables = yield* compare("get, from cached tables", effectGets, bareGets(engine, input))
  const one = yield* compare("put, 1 in flight", effectPuts(1), barePuts(writer, input, 1))
  const many = yield* compare("put, 256 in flight", effectPuts(256), barePuts(writer, input, 256))
  return [inMemtable, inTables, one, many]
})

export const priceRun = (input: Input) =>
  Effect.scoped(Effect.gen(function*() {
    const engine = yield* openEngine(yield* resolveOptions({ directory: input.directory }))
    return yield* run(engine, input)
  })).pipe(
    Effect.provide(Layer.provideMerge(layerWorkerJobs(), NodeDisk.layer)),
    Effect.provideService(StoreReadMode, "sync")
  )
