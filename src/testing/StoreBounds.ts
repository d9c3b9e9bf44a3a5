/**
 * What a store may hold at most, and what is left of it at rest (I13): memory and
 * segments stay under their bounds, and once faults stop all that waits goes on.
 */
import { Effect, Fiber, Option, Result, Stream } from "effect"
import type { Scope } from "effect"
import type { LsmStore } from "../LsmStore.ts"
import type { WriteError } from "../StoreError.ts"
import type { StoreStats } from "../StoreStats.ts"
import type { Problem } from "./Problem.ts"

/** The options that bound a store, and the largest batch that is written to it. */
export interface StoreBounds {
  readonly memtableSize: number
  readonly maxImmutables: number
  /** In bytes, as a batch's `byteLength`. */
  readonly largestBatch: number
  /** The compaction strategy's `stopTables`. Without one unless told. */
  readonly level0Tables?: number
}

/** Segments of a store that is at rest: the active one, and the one made ready. */
const segmentsAtRest = 2

/** Segments that openings leave where they are; with more they write a table. */
const keptSegments = 8

const overBound = (
  figures: ReadonlyArray<readonly [what: string, found: number, most: number]>
): ReadonlyArray<Problem> =>
  figures.filter(([, found, most]) => found > most).map(([what, found, most]) => ({
    invariant: "I13",
    message: `there are ${found} ${what}, and at most ${most} are allowed`
  }))

/**
 * What is above its bound in these figures. Each bound on bytes may be passed by
 * one largest batch.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { LsmStore } from "effect-lsm"
 * import { boundProblems } from "effect-lsm/testing"
 *
 * const bounds = { memtableSize: 65_536, maxImmutables: 2, largestBatch: 100 }
 * const stats = LsmStore.use((store) => store.stats)
 * const figures = await Effect.runPromise(stats.pipe(Effect.provide(LsmStore.layerMemory())))
 *
 * boundProblems(figures, bounds) // => []
 * ```
 */
export const boundProblems = (stats: StoreStats, bounds: StoreBounds): ReadonlyArray<Problem> => {
  const { largestBatch, level0Tables = Number.POSITIVE_INFINITY, maxImmutables, memtableSize } = bounds
  const one = memtableSize + largestBatch
  return overBound([
    ["memtables that wait for their flush", stats.immutables.count, maxImmutables],
    ["bytes in the memtable", stats.memtable.bytes, one],
    ["bytes that wait for their flush", stats.immutables.bytes, maxImmutables * one],
    ["bytes that wait for the log", stats.log.queuedBytes, one],
    ["segments", stats.log.segments - stats.replayed.segments, maxImmutables + segmentsAtRest],
    ["segments that were replayed", stats.replayed.segments, keptSegments],
    ["tables in level 0", stats.levels[0]?.tables ?? 0, level0Tables]
  ])
}

/** What is under way still in a store to which nobody writes. */
const restProblems = (stats: StoreStats): ReadonlyArray<Problem> => [
  ...overBound([
    ["memtables that are not flushed", stats.immutables.count, 0],
    ["segments after a flush", stats.log.segments, segmentsAtRest],
    ["bytes that wait for the log", stats.log.queuedBytes, 0],
    ["snapshots that nobody has released", stats.snapshots.count, 0]
  ]),
  ...stats.actors.flatMap(({ name, queued, state }) =>
    queued === 0 && (state === "idle" || state === "stopped")
      ? []
      : [{ invariant: "I13", message: `the ${name} is ${state}, with ${queued} messages queued` }]
  )
]

/** A look at a store's figures, again and again. */
export interface BoundsWatch {
  readonly looks: number
  readonly problems: ReadonlyArray<Problem>
}

/** At most so many problems are kept. */
const keptProblems = 100

/**
 * Holds the store's figures against the bounds, now and at each of its events, for
 * as long as the scope is open. What is returned grows.
 */
export const watchBounds = (
  store: LsmStore["Service"],
  bounds: StoreBounds
): Effect.Effect<BoundsWatch, never, Scope.Scope> =>
  Effect.gen(function*() {
    const problems: Array<Problem> = []
    const watch = { looks: 0, problems }
    const look = Effect.map(store.stats, (stats) => {
      watch.looks++
      if (problems.length < keptProblems) problems.push(...boundProblems(stats, bounds))
    })
    yield* look
    yield* Effect.forkScoped(Stream.runForEach(store.events, () => look))
    return watch
  })

/** How long a store may take to come to rest. */
export interface SettledOptions {
  /** How often it is looked at, a second apart on the clock, before it is given up. Default 3600. */
  readonly looks?: number
}

/**
 * Waits for a store to which nobody writes any more, and whose disk is well, to
 * come to rest, and tells what has not: `sync` and `flush` must succeed, all
 * memtables be flushed, segments be back at their constant, queues be empty, and no
 * snapshot be held. In a store that has stopped taking writes none of it can be.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { LsmStore } from "effect-lsm"
 * import { runSimulation, settledProblems } from "effect-lsm/testing"
 *
 * const program = Effect.scoped(Effect.gen(function*() {
 *   const store = yield* LsmStore
 *   yield* store.put(Uint8Array.of(1), Uint8Array.of(2))
 *   yield* store.snapshot
 *   return yield* settledProblems(store)
 * })).pipe(Effect.provide(LsmStore.layerMemory()))
 * const problems = Effect.runSync(runSimulation(program, { seed: 1 }))
 *
 * problems.map(({ message }) => message) // => ["there are 1 snapshots that nobody has released, and at most 0 are allowed"]
 * ```
 */
export const settledProblems = (
  store: LsmStore["Service"],
  options: SettledOptions = {}
): Effect.Effect<ReadonlyArray<Problem>> =>
  Effect.gen(function*() {
    const { looks = 3_600 } = options
    for (const [name, call] of [["sync", store.sync], ["flush", store.flush]] as const) {
      const problem = yield* unfinished(name, call, looks)
      if (problem !== undefined) return [problem]
    }
    for (let look = 1;; look++) {
      const problems = restProblems(yield* store.stats)
      if (problems.length === 0 || look >= looks) return problems
      yield* Effect.sleep(betweenLooks)
    }
  })

const betweenLooks = "1 second"

/** Looks are counted rather than time, which a simulation may let pass while others could go on. */
const unfinished = (
  name: string,
  call: Effect.Effect<void, WriteError>,
  looks: number
): Effect.Effect<Problem | undefined> =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(Effect.result(call))
    for (let look = 0; look < looks; look++) {
      const ended = yield* Effect.timeoutOption(Fiber.join(fiber), betweenLooks)
      if (Option.isNone(ended)) continue
      const message = Result.isFailure(ended.value) ? `${name} failed: ${ended.value.failure.message}` : undefined
      return message === undefined ? undefined : { invariant: "I13", message }
    }
    yield* Fiber.interrupt(fiber)
    return { invariant: "I13", message: `${name} does not end` }
  })
