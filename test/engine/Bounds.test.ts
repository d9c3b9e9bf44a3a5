import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { WriteBatch } from "../../src/index.ts"
import type { StoreStats } from "../../src/index.ts"
import type { DiskOperation } from "../../src/testing/DiskCall.ts"
import { boundProblems, settledProblems, SimulatedDisk } from "../../src/testing/index.ts"
import {
  bytesOf,
  contentOf,
  entriesOf,
  filesOf,
  isTable,
  padded,
  repeatUntil,
  runSeed,
  seeds,
  withStore
} from "./harness.ts"
import type { Store } from "./harness.ts"
import { runWorkload, WorkloadHistory } from "./workload.ts"

const memtableSize = 64 * 1024
const largestBatch = 5 * 4_100

const checkBounds = (stats: StoreStats, maxImmutables: number): void =>
  assert.deepStrictEqual(boundProblems(stats, { memtableSize, maxImmutables, largestBatch }), [])

const lookAtBounds = (store: Store, maxImmutables: number, isOver: () => boolean) => {
  let looks = 0
  const look = Effect.flatMap(store.stats, (stats) => {
    checkBounds(stats, maxImmutables)
    // Now and then time must be able to pass, for writers that are slowed.
    return ++looks % 16 === 0 ? Effect.sleep("1 milli") : Effect.void
  })
  return Effect.forkChild(repeatUntil(isOver, look))
}

describe("Memory and segments", () => {
  for (const maxImmutables of [1, 3]) {
    it.for(seeds(6))(`I13: stay within ${maxImmutables} waiting memtables beside fast writers (seed %i)`, (seed) => {
      const program = withStore(SimulatedDisk.make(), (store) =>
        Effect.gen(function*() {
          let isOver = false
          const watcher = yield* lookAtBounds(store, maxImmutables, () => isOver)
          const workload = {
            seed,
            writers: 8,
            writesEach: 15,
            valueSize: 4_000,
            levels: ["buffered", "async"] as const
          }
          yield* runWorkload(store, new WorkloadHistory(), workload)
          isOver = true
          assert.isAbove(yield* Fiber.join(watcher), 10)
          assert.isAbove((yield* store.stats).rotations, 4)
        }), { maxImmutables })
      runSeed(program, seed)
    })
  }

  for (const operation of ["createAppend", "sync"] satisfies ReadonlyArray<DiskOperation>) {
    it.for(seeds(4))(
      `I13: stay bounded while ${operation} of tables fails, and every write completes after (seed %i)`,
      (seed) => {
        const disk = SimulatedDisk.make({ delay: Effect.sleep("1 milli") })
        const history = new WorkloadHistory()
        const total = 6 * 15
        const fault = disk.fail({
          when: (call) => isTable(call) && call.operation === operation,
          times: Infinity,
          code: "ENOSPC"
        })
        const program = withStore(disk, (store) =>
          Effect.gen(function*() {
            const options = { seed, writers: 6, writesEach: 15, valueSize: 6_000 }
            const workload = yield* Effect.forkChild(runWorkload(store, history, options))
            yield* Effect.sleep("1 minute")
            const stuck = yield* store.stats
            checkBounds(stuck, 2)
            assert.strictEqual(stuck.immutables.count, 2)
            const acknowledged = history.figures.acknowledged
            assert.isBelow(acknowledged, total)
            yield* Effect.sleep("1 minute")
            assert.strictEqual(history.figures.acknowledged, acknowledged)
            assert.deepStrictEqual(yield* store.stats.pipe(Effect.map(({ log }) => log.records)), stuck.log.records)

            fault.heal()
            yield* Fiber.join(workload)
            assert.strictEqual(history.figures.acknowledged, total)
            yield* store.flush
            const healed = yield* store.stats
            assert.strictEqual(healed.immutables.count, 0)
            assert.isAtMost(healed.log.segments, 2)
            assert.isAbove(healed.stalls.count, 0)
            assert.deepStrictEqual(yield* settledProblems(store), [])
            // The last retired segment's file goes after the swap that a flush waits for.
            yield* Effect.sleep("1 second")
            assert.isAtMost(filesOf(disk).filter((name) => name.endsWith(".seg")).length, 2)
            assert.deepStrictEqual(
              history.problemsAfter(entriesOf(yield* contentOf(store)), history.mark(), "kill"),
              []
            )
          }))
        runSeed(program, seed)
      }
    )
  }

  it.for(seeds(4))("I13: hold beside a batch larger than a memtable, which is taken whole (seed %i)", (seed) => {
    const program = withStore(SimulatedDisk.make(), (store) =>
      Effect.gen(function*() {
        const large = WriteBatch.make()
        for (let key = 0; key < 60; key++) large.put(bytesOf(`large/${key}`), padded("large", 4_000))
        const small = Effect.forEach(Array.from({ length: 40 }, (_, key) => key), (key) =>
          store.put(bytesOf(`small/${key}`), padded("small", 2_000), { durability: "buffered" }))
        yield* Effect.all([small, store.write(large), small], { concurrency: "unbounded" })
        assert.strictEqual((yield* contentOf(store)).size, 100)
        yield* store.flush
        const { immutables, log, memtable } = yield* store.stats
        assert.strictEqual(immutables.count, 0)
        assert.isAtMost(memtable.bytes, memtableSize)
        assert.isAtMost(log.segments, 2)
        assert.deepStrictEqual(yield* settledProblems(store), [])
      }))
    runSeed(program, seed)
  })

  it.for(seeds(3))("I13: segments and immutables return to a constant however often it rotates (seed %i)", (seed) => {
    const disk = SimulatedDisk.make()
    const program = withStore(disk, (store) =>
      Effect.gen(function*() {
        for (let round = 0; round < 5; round++) {
          yield* runWorkload(store, new WorkloadHistory(), { seed: seed * 5 + round, writers: 4, writesEach: 8 })
          yield* store.flush
          yield* store.compact()
          const { immutables, log, tables } = yield* store.stats
          assert.strictEqual(immutables.count, 0)
          assert.isAtMost(log.segments, 2)
          assert.strictEqual(tables.count, 1)
        }
      }))
    runSeed(program, seed)
  })
})
