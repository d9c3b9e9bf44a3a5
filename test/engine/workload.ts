/**
 * Concurrent writers at every level, with syncs, flushes and compactions among
 * them, that keep a history of what they did.
 */
import { Effect, Fiber } from "effect"
import type { Durability, KeyRange, WriteError } from "../../src/index.ts"
import { SeededRandom } from "../../src/testing/index.ts"
import { batchOf, firstKey, valueOf } from "./CommitHistory.ts"
import type { CommitHistory, Write } from "./CommitHistory.ts"
import { bytesOf, contentOf } from "./harness.ts"
import type { Store } from "./harness.ts"

export interface WorkloadOptions {
  readonly seed: number
  readonly writers: number
  readonly writesEach: number
  readonly levels?: ReadonlyArray<Durability>
  /** Largest value. */
  readonly valueSize?: number
  /** How often a batch has more records than fit into a memtable. */
  readonly hugeChance?: number
  /** Keys that batches share. */
  readonly sharedKeys?: number
  /** How often a fiber beside the writers syncs, flushes or compacts. */
  readonly structural?: number
  /** How often a reader looks at everything. */
  readonly looks?: number
}

/** One write, drawn by chance, recorded from its beginning to its acknowledgement. */
export const writeOnce = (
  store: Store,
  history: CommitHistory,
  random: SeededRandom,
  options: WorkloadOptions
): Effect.Effect<Write, WriteError> =>
  Effect.suspend(() => {
    const { hugeChance = 0, levels = ["sync", "buffered", "async"], sharedKeys = 12, valueSize = 3_000 } = options
    // Few records are the rule; many go another way into the memtable, and very many yet another.
    const records = random.bool(0.1) ? 16 + random.int(20) : random.bool(hugeChance) ? 1_500 : random.int(3)
    const shared = random.bool(0.25) ? undefined : Array.from({ length: records }, () => ({
      key: `shared/${random.int(sharedKeys)}`,
      isDelete: random.bool(0.2)
    }))
    const largest = Math.ceil(valueSize / Math.max(1, records / 2))
    const write = history.begin(random.pick(levels), 50 + random.int(largest), shared)
    const level = { durability: write.level }
    const commit: Effect.Effect<number | undefined, WriteError> = write.isBatch
      ? Effect.map(store.write(batchOf(write), level), ({ sequence }) => sequence)
      : Effect.as(store.put(bytesOf(firstKey(write)), valueOf(write, firstKey(write)), level), undefined)
    return Effect.map(commit, (sequence) => {
      history.end(write, sequence)
      return write
    })
  })

/** Lets others go first: time stands still while anybody spins, so that a sleep might never end. */
const pause = (turns: number): Effect.Effect<void> => Effect.asVoid(Effect.repeat(Effect.yieldNow, { times: turns }))

/** Some of the keys that writes are of, or those that they share. */
const rangeOf = (random: SeededRandom): KeyRange => {
  const from = random.int(60)
  const to = from + random.int(40)
  const first = (id: number) => bytesOf(firstKey({ id }))
  return random.pick([{ prefix: bytesOf("shared/") }, { gte: first(from), lt: first(to) }, { gt: first(from) }])
}

const structuralStep = (
  store: Store,
  history: CommitHistory,
  random: SeededRandom
): Effect.Effect<void, WriteError> =>
  Effect.suspend(() => {
    const before = history.mark()
    const durable = Effect.sync(() => history.madeDurable(before))
    switch (random.int(4)) {
      case 0:
        return Effect.andThen(store.sync, durable)
      case 1:
        return random.bool() ? store.compact() : store.compact(rangeOf(random))
      default:
        return Effect.andThen(store.flush, durable)
    }
  })

/** Runs the workload to its end. */
export const runWorkload = (
  store: Store,
  history: CommitHistory,
  options: WorkloadOptions
): Effect.Effect<void, WriteError> =>
  Effect.gen(function*() {
    const random = new SeededRandom(options.seed)
    const repeat = <E>(times: number, step: (own: SeededRandom) => Effect.Effect<unknown, E>) => {
      const own = random.fork()
      return Effect.forkChild(Effect.repeat(
        Effect.suspend(() => Effect.andThen(step(own), own.bool(0.2) ? pause(own.int(20)) : Effect.void)),
        { times: times - 1 }
      ))
    }
    const fibers = []
    for (let writer = 0; writer < options.writers; writer++) {
      fibers.push(yield* repeat(options.writesEach, (own) => writeOnce(store, history, own, options)))
    }
    const { looks = 0, structural = 0 } = options
    if (structural > 0) fibers.push(yield* repeat(structural, (own) => structuralStep(store, history, own)))
    if (looks > 0) {
      const look = Effect.map(contentOf(store), (content) => history.sawKeys(content.keys()))
      fibers.push(yield* repeat(looks, () => look))
    }
    yield* Fiber.joinAll(fibers)
  })
