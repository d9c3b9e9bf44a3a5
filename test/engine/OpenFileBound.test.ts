import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Stream } from "effect"
import type { CompactionStrategy } from "../../src/Compaction.ts"
import { Disk, DiskError } from "../../src/index.ts"
import { makeInlineJobs } from "../../src/jobs/InlineJobs.ts"
import { Jobs } from "../../src/jobs/Jobs.ts"
import { SeededRandom, SimulatedDisk } from "../../src/testing/index.ts"
import { CountedDisk } from "./CountedDisk.ts"
import { bytesOf, contentOf, isTable, runSeed, seeds, textOf, withStore } from "./harness.ts"
import type { Store } from "./harness.ts"

const bound = 8

/** Leaves every table where it is, unless a compaction is asked for. */
const leaveAll: CompactionStrategy = {
  name: "leave all",
  pick: () => undefined,
  debt: () => 0,
  slowdownTables: 1_000,
  stopTables: 1_000,
  tableSize: 4_096,
  bottomLevel: 1
}

const options = { maxOpenFiles: bound, compaction: leaveAll, durability: "buffered" } as const

/** A store's disk that counts the descriptors of its tables, but not those that its jobs open for themselves. */
const setUp = () => {
  const disk = SimulatedDisk.make()
  const counted = new CountedDisk(disk.service, (path) => path.endsWith(".sst"))
  const layer = Layer.mergeAll(
    Layer.succeed(Disk, counted.service),
    Layer.succeed(Jobs, makeInlineJobs(disk.service))
  )
  return { disk, counted, stored: { layer } }
}

/** Writes the keys in many small tables, some of them again and again, and tells what they hold in the end. */
const fill = (store: Store, random: SeededRandom, tables: number) =>
  Effect.gen(function*() {
    const model = new Map<string, string>()
    for (let table = 0; table < tables; table++) {
      for (let i = 0; i < 6; i++) {
        const key = `key/${random.int(50)}`
        const value = `${table}.${i}`
        if (random.bool(0.2)) {
          yield* store.delete(bytesOf(key))
          model.delete(key)
        } else {
          yield* store.put(bytesOf(key), bytesOf(value))
          model.set(key, value)
        }
      }
      yield* store.flush
    }
    return model
  })

const entriesOf = (model: ReadonlyMap<string, string>) => [...model].sort(([a], [b]) => a < b ? -1 : 1)

const scanned = (store: Store, reverse: boolean) =>
  Effect.map(Stream.runCollect(store.scan({ prefix: bytesOf("key/"), reverse })), (entries) => {
    const found = entries.map(([key, value]) => [textOf(key), textOf(value)])
    return reverse ? found.reverse() : found
  })

const reader = (store: Store, model: ReadonlyMap<string, string>, random: SeededRandom) =>
  Effect.gen(function*() {
    for (let i = 0; i < 15; i++) {
      if (random.bool(0.2)) {
        assert.deepStrictEqual(yield* scanned(store, random.bool()), entriesOf(model))
      } else {
        const keys = Array.from({ length: 1 + random.int(4) }, () => `key/${random.int(50)}`)
        const values = yield* store.getMany(keys.map(bytesOf))
        assert.deepStrictEqual(
          values.map((value) => value === undefined ? undefined : textOf(value)),
          keys.map((key) => model.get(key))
        )
      }
    }
  })

describe("A store with more tables than open files", () => {
  it.for(seeds(8))("I8, I13: reads as the model says, and holds the bound (seed %i)", (seed) => {
    const { counted, stored } = setUp()
    const random = new SeededRandom(seed)
    const blockCacheSize = random.pick([0, 2_000, 1 << 20])
    const program = Effect.gen(function*() {
      const model = yield* withStore(stored, (store) =>
        Effect.gen(function*() {
          const written = yield* fill(store, random, 20)
          assert.isAbove((yield* store.stats).tables.count, 2 * bound)
          const readers = yield* Effect.forEach(
            [1, 2, 3],
            () => Effect.forkChild(reader(store, written, random.fork()))
          )
          // Tables go while readers may have to open them again.
          for (let i = 0; i < 4; i++) {
            yield* store.put(bytesOf(`other/${i}`), bytesOf("x"))
            yield* store.flush
            if (i % 2 === 1) yield* store.compact()
          }
          yield* Effect.forEach(readers, Fiber.join, { discard: true })
          yield* fill(store, random, 12)
          return new Map(Array.from(yield* contentOf(store), ([key, value]) => [key, textOf(value)]))
        }), { ...options, blockCacheSize })
      assert.strictEqual(counted.open, 0)
      for (const readOnly of [false, true]) {
        const found = yield* withStore(stored, contentOf, { ...options, readOnly })
        assert.deepStrictEqual(new Map(Array.from(found, ([key, value]) => [key, textOf(value)])), model)
      }
      assert.isAtMost(counted.most, bound)
      assert.strictEqual(counted.open, 0)
    })
    runSeed(program, seed)
  })

  it.for(seeds(3))("fails a read with what an opening failed with, and not the next one (seed %i)", (seed) => {
    const { counted, disk, stored } = setUp()
    const random = new SeededRandom(seed)
    const program = withStore(stored, (store) =>
      Effect.gen(function*() {
        const model = yield* fill(store, random, 20)
        const fault = disk.fail({ when: (call) => isTable(call) && call.operation === "openRead", code: "EMFILE" })
        const error = yield* Effect.flip(scanned(store, false))
        assert.instanceOf(error, DiskError)
        if (error instanceof DiskError) {
          assert.deepStrictEqual([error.code, error.path.endsWith(".sst")], ["EMFILE", true])
        }
        assert.strictEqual(fault.fired, 1)
        assert.deepStrictEqual(yield* scanned(store, false), entriesOf(model))
      }), { ...options, blockCacheSize: 0 })
    runSeed(program, seed)
    assert.isAtMost(counted.most, bound)
    assert.strictEqual(counted.open, 0)
  })
})
