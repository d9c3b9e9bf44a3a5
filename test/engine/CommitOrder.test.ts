import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { WriteBatch } from "../../src/index.ts"
import type { Durability, Entry } from "../../src/index.ts"
import { Bank, SeededRandom, SimulatedDisk } from "../../src/testing/index.ts"
import type { Problem } from "../../src/testing/index.ts"
import {
  bytesOf,
  contentOf,
  contentOn,
  isSegment,
  nameIn,
  padded,
  repeatUntil,
  runSeed,
  seeds,
  summaryOf,
  summaryOn,
  withStore
} from "./harness.ts"
import type { Store } from "./harness.ts"
import { runWorkload, WorkloadHistory } from "./workload.ts"

const levels: ReadonlyArray<Durability> = ["sync", "buffered", "async"]

/** Moves money between accounts, in batches, and lets readers add it up. */
const useBank = (store: Store, seed: number) =>
  Effect.gen(function*() {
    const random = new SeededRandom(seed)
    const bank = new Bank({ groups: 1, accounts: 3, valueSize: 1_000 })
    const transfer = Effect.suspend(() => store.write(bank.transfer(random), { durability: random.pick(levels) }))
    yield* store.write(bank.opening())

    const problems: Array<Problem> = []
    let isOver = false
    const add = (found: ReadonlyArray<Problem>) => void problems.push(...found)
    const readers = [
      Effect.map(bank.audit(store), add),
      Effect.scoped(Effect.gen(function*() {
        const snapshot = yield* store.snapshot
        add(yield* bank.audit(snapshot))
        const entries: Array<Entry> = []
        for (const account of bank.accounts) {
          entries.push([account, (yield* snapshot.get(account)) ?? bytesOf("nothing")])
          yield* Effect.yieldNow
        }
        add(bank.problems(entries))
      }))
    ]
    const fibers = yield* Effect.forEach(readers, (reader) => Effect.forkChild(repeatUntil(() => isOver, reader)))
    const writers = yield* Effect.forEach(
      [0, 1],
      () => Effect.forkChild(Effect.repeat(transfer, { times: 39 }))
    )
    yield* Fiber.joinAll(writers)
    isOver = true
    for (const count of yield* Fiber.joinAll(fibers)) assert.isAbove(count, 3)
    assert.isAbove((yield* store.stats).rotations, 2)
    return problems
  })

describe("The one order of commits", () => {
  it.for(seeds(12))("I3: a batch is seen whole or not at all (seed %i)", (seed) => {
    assert.deepStrictEqual(runSeed(withStore(SimulatedDisk.make(), (store) => useBank(store, seed)), seed), [])
  })

  it.for(seeds(12))("I3: every scan beside writers sees a prefix of commit order (seed %i)", (seed) => {
    const history = new WorkloadHistory()
    const program = withStore(SimulatedDisk.make(), (store) =>
      Effect.gen(function*() {
        let isOver = false
        const observed = history.observe(store)
        const look = Effect.asVoid(contentOf(observed))
        const reader = yield* Effect.forkChild(repeatUntil(() => isOver, look))
        yield* runWorkload(store, history, { seed, writers: 6, writesEach: 10, structural: 3 })
        isOver = true
        assert.isAbove(yield* Fiber.join(reader), 3)
      }))
    runSeed(program, seed)
    assert.deepStrictEqual(history.problems(), [])
  })

  it.for(seeds(12))("I3: the visible sequence only rises (seed %i)", (seed) => {
    const sequences: Array<number> = []
    const program = withStore(SimulatedDisk.make(), (store) =>
      Effect.gen(function*() {
        let isOver = false
        const look = Effect.map(store.stats, ({ sequence }) => void sequences.push(sequence))
        const reader = yield* Effect.forkChild(repeatUntil(() => isOver, look))
        yield* runWorkload(store, new WorkloadHistory(), { seed, writers: 6, writesEach: 8, structural: 2 })
        isOver = true
        yield* Fiber.join(reader)
      }))
    runSeed(program, seed)
    assert.isAbove(new Set(sequences).size, 5)
    assert.deepStrictEqual(sequences, [...sequences].sort((a, b) => a - b))
  })

  it.for(seeds(12))("I3: writers of one key leave the same value in memory and in the log (seed %i)", (seed) => {
    const disk = SimulatedDisk.make()
    const keys = ["hot/0", "hot/1"]
    const program = withStore(disk, (store) =>
      Effect.gen(function*() {
        const random = new SeededRandom(seed)
        const write = (writer: number, turn: number) => {
          const value = padded(`${writer}/${turn}`, 100)
          const durability = random.pick(levels)
          const batch = WriteBatch.make().put(bytesOf(keys[0]!), value).put(bytesOf(keys[1]!), value)
          return random.bool()
            ? store.write(batch, { durability })
            : store.put(bytesOf(keys[turn % 2]!), value, { durability })
        }
        yield* Effect.forEach([0, 1, 2, 3, 4, 5, 6, 7], (writer) =>
          Effect.forEach([0, 1, 2, 3, 4], (turn) => write(writer, turn)), { concurrency: "unbounded" })
        yield* store.sync
        return { inMemory: summaryOf(yield* contentOf(store)), image: disk.crashImage("synced") }
      }))
    const { image, inMemory } = runSeed(program, seed)
    assert.deepStrictEqual(runSeed(summaryOn(image), seed), inMemory)
  })

  it.for(seeds(12))("I3: a sync write is not visible before its group is synced (seed %i)", (seed) => {
    const disk = SimulatedDisk.make()
    const seen: Array<{ readonly value: string; readonly synced: string | undefined }> = []
    const key = bytesOf("key")
    const program = withStore(disk, (store) =>
      Effect.gen(function*() {
        let isOver = false
        const images = new Map<string, SimulatedDisk>()
        const look = Effect.map(store.get(key), (found) => {
          const value = nameIn(found)
          if (value !== undefined && !images.has(value)) images.set(value, disk.crashImage("synced"))
        })
        const reader = yield* Effect.forkChild(repeatUntil(() => isOver, look))
        for (let turn = 0; turn < 6; turn++) {
          const value = padded(String(turn), 50)
          // Groups of few and of many records take different ways.
          const batch = WriteBatch.make()
          for (let at = 0; at < 20; at++) batch.put(bytesOf(`key/${at}`), value)
          yield* turn % 2 === 0 ? store.put(key, value) : store.write(batch.put(key, value))
        }
        isOver = true
        yield* Fiber.join(reader)
        yield* look
        return images
      }))
    for (const [value, image] of runSeed(program, seed)) {
      const content = runSeed(contentOn(image), seed)
      seen.push({ value, synced: nameIn(content.get("key")) })
    }
    assert.isNotEmpty(seen)
    for (const { synced, value } of seen) assert.isAtLeast(Number(synced), Number(value))
  })

  it.for(seeds(6))("I5: a sync write is acknowledged only after a sync of its segment (seed %i)", (seed) => {
    const disk = SimulatedDisk.make()
    const program = withStore(disk, (store) =>
      Effect.gen(function*() {
        for (let turn = 0; turn < 5; turn++) {
          const from = disk.calls
          yield* store.put(bytesOf("key"), bytesOf("value"), { durability: "sync" })
          const operations = disk.trace.slice(from).filter(isSegment).map(({ operation }) => operation)
          assert.deepStrictEqual(operations, ["append", "sync"])
        }
      }))
    runSeed(program, seed)
  })
})
