/**
 * Loads cities from many fibers, while others read at random and check every
 * answer: what was acknowledged before the question must be there, what was not
 * written before the answer must not.
 */
import { Effect, Fiber, Stream } from "effect"
import { LsmStore } from "../../src/index.ts"
import type { Durability } from "../../src/index.ts"
import { SeededRandom } from "../../src/testing/SeededRandom.ts"
import { cityKey, cityValue } from "./Cities.ts"
import { Latencies } from "./Latencies.ts"
import type { Ledger } from "./Ledger.ts"
import { mismatch } from "./Mismatch.ts"
import { scanCities } from "./scanCities.ts"

export const writerCount = 256
export const readerCount = 64

export interface LoadOptions {
  readonly ledger: Ledger
  /** What to load, in this order. */
  readonly numbers: Uint32Array
  readonly seed: number
  /** Called after each acknowledgement, before its fiber writes anything else. */
  readonly onAcknowledged: (number: number) => void
}

export interface LoadFigures {
  readonly milliseconds: number
  readonly syncWrites: number
  readonly gets: number
  readonly scans: number
  /** Of the gets made while a memtable waited for its flush or was being flushed. */
  readonly whileFlushing: ReadTimes
}

/** A stretch of every few thousand writes is "sync", the others "buffered". */
const levelAt = (place: number): Durability => place % 4096 < 512 ? "sync" : "buffered"

/** Latencies of gets. */
export class ReadTimes {
  /** From before the wait for a turn on the event loop, as a request that comes in waits, to the answer. */
  readonly withTurn = new Latencies()
  /** The get alone. */
  readonly alone = new Latencies()
}

/** One get of a random record, checked; timed if there is where to put it. */
export const checkedGet = Effect.fnUntraced(function*(ledger: Ledger, random: SeededRandom, times?: ReadTimes) {
  const store = yield* LsmStore
  const number = random.int(ledger.source.count)
  const cameAt = performance.now()
  yield* Effect.yieldNow
  const wasAcknowledged = ledger.isAcknowledged(number)
  const askedAt = performance.now()
  const answer = yield* store.get(cityKey(ledger.source, number))
  const answeredAt = performance.now()
  const problem = ledger.problemWith(number, wasAcknowledged, answer)
  if (problem !== undefined) return yield* mismatch(`${problem} by a get`)
  times?.withTurn.add(answeredAt - cameAt)
  times?.alone.add(answeredAt - askedAt)
})

export const loadCities = Effect.fnUntraced(function*({ ledger, numbers, onAcknowledged, seed }: LoadOptions) {
  const store = yield* LsmStore
  const { source } = ledger
  const whileFlushing = new ReadTimes()
  let next = 0
  let syncWrites = 0
  let gets = 0
  let scans = 0
  let unflushed = 0

  const writer = Effect.gen(function*() {
    while (next < numbers.length) {
      const place = next++
      const number = numbers[place]!
      const durability = levelAt(place)
      ledger.markIssued(number)
      yield* store.put(cityKey(source, number), cityValue(source, number), { durability })
      ledger.markAcknowledged(number)
      onAcknowledged(number)
      if (durability === "sync") syncWrites++
    }
  })
  const reader = (id: number) =>
    Effect.gen(function*() {
      const random = new SeededRandom(seed + id)
      for (;;) {
        yield* checkedGet(ledger, random, unflushed > 0 ? whileFlushing : undefined)
        gets++
      }
    })
  const scanner = Effect.gen(function*() {
    const random = new SeededRandom(seed)
    const prefixes = [...source.byPrefix]
    for (;;) {
      const [prefix, group] = random.pick(prefixes)
      yield* scanCities(ledger, prefix, group)
      yield* Effect.yieldNow
      scans++
    }
  })
  const watcher = Stream.runForEach(store.events, (event) =>
    Effect.sync(() => {
      if (event._tag === "MemtableRotated") unflushed++
      if (event._tag === "MemtableFlushed") unflushed--
    }))

  const watching = yield* Effect.forkChild(watcher)
  const since = performance.now()
  const checking = Effect.all([scanner, ...Array.from({ length: readerCount }, (_, id) => reader(id + 1))], {
    concurrency: "unbounded",
    discard: true
  })
  const writing = Effect.all(Array.from({ length: writerCount }, () => writer), {
    concurrency: "unbounded",
    discard: true
  })
  yield* Effect.raceFirst(checking, writing)
  const milliseconds = performance.now() - since
  yield* Fiber.interrupt(watching)
  const figures: LoadFigures = { milliseconds, syncWrites, gets, scans, whileFlushing }
  return figures
})
