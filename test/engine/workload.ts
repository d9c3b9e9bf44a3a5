/**
 * Concurrent writers at every level, with readers, syncs, flushes and compactions
 * among them, all recorded in a history.
 *
 * Each write puts a key of its own first and, if it is a batch, another one
 * last, so that it shows whether it is there, whole or in part; between them a
 * batch changes keys that it shares with others.
 */
import { assert } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { WriteBatch } from "../../src/index.ts"
import type { Durability, KeyRange, WriteError } from "../../src/index.ts"
import { SeededRandom, StoreHistory } from "../../src/testing/index.ts"
import { bytesOf, contentOf, padded } from "./harness.ts"
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

/** A history that counts the writes of a workload, for their names. */
export class WorkloadHistory extends StoreHistory {
  #writes = 0

  nextWrite(): number {
    return this.#writes++
  }
}

const keyOf = (id: number, place: "first" | "last"): string => `write/${String(id).padStart(5, "0")}/${place}`

/** One write, drawn by chance. */
export const writeOnce = (
  store: Store,
  history: WorkloadHistory,
  random: SeededRandom,
  options: WorkloadOptions
): Effect.Effect<void, WriteError> =>
  Effect.suspend(() => {
    const { hugeChance = 0, levels = ["sync", "buffered", "async"], sharedKeys = 12, valueSize = 3_000 } = options
    // Few records are the rule; many go another way into the memtable, and very many yet another.
    const records = random.bool(0.1) ? 16 + random.int(20) : random.bool(hugeChance) ? 1_500 : random.int(3)
    const shared = random.bool(0.25) ? undefined : Array.from({ length: records }, () => ({
      key: `shared/${random.int(sharedKeys)}`,
      isDelete: random.bool(0.2)
    }))
    const largest = Math.ceil(valueSize / Math.max(1, records / 2))
    const durability = random.pick(levels)
    const size = 50 + random.int(largest)
    const id = history.nextWrite()
    const valueOf = (key: string) => padded(`${id}@${key}`, size)
    const [first, last] = [keyOf(id, "first"), keyOf(id, "last")]
    if (shared === undefined) return store.put(bytesOf(first), valueOf(first), { durability })
    const batch = WriteBatch.make().put(bytesOf(first), valueOf(first))
    for (const { isDelete, key } of shared) {
      if (isDelete) batch.delete(bytesOf(key))
      else batch.put(bytesOf(key), valueOf(key))
    }
    return Effect.asVoid(store.write(batch.put(bytesOf(last), valueOf(last)), { durability }))
  })

/** Lets others go first: time stands still while anybody spins, so that a sleep might never end. */
const pause = (turns: number): Effect.Effect<void> => Effect.asVoid(Effect.repeat(Effect.yieldNow, { times: turns }))

/** Some of the keys that writes are of, or those that they share. */
const rangeOf = (random: SeededRandom): KeyRange => {
  const from = random.int(60)
  const to = from + random.int(40)
  const first = bytesOf(keyOf(from, "first"))
  return random.pick([{ prefix: bytesOf("shared/") }, { gte: first, lt: bytesOf(keyOf(to, "first")) }, { gt: first }])
}

const structuralStep = (store: Store, random: SeededRandom): Effect.Effect<void, WriteError> =>
  Effect.suspend(() => {
    switch (random.int(4)) {
      case 0:
        return store.sync
      case 1:
        return random.bool() ? store.compact() : store.compact(rangeOf(random))
      default:
        return store.flush
    }
  })

/** Runs the workload to its end. All that was read in it must be possible. */
export const runWorkload = (
  store: Store,
  history: WorkloadHistory,
  options: WorkloadOptions
): Effect.Effect<void, WriteError> =>
  Effect.gen(function*() {
    const observed = history.observe(store)
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
      fibers.push(yield* repeat(options.writesEach, (own) => writeOnce(observed, history, own, options)))
    }
    const { looks = 0, structural = 0 } = options
    if (structural > 0) fibers.push(yield* repeat(structural, (own) => structuralStep(observed, own)))
    if (looks > 0) fibers.push(yield* repeat(looks, () => contentOf(observed)))
    yield* Fiber.joinAll(fibers)
    assert.deepStrictEqual(history.problems(), [])
  })
