import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { StoreStats } from "../../src/index.ts"
import { boundProblems, settledProblems, SimulatedDisk, watchBounds } from "../../src/testing/index.ts"
import type { StoreBounds } from "../../src/testing/index.ts"
import { bytesOf, isSegment, isTable, padded, runSeed, seeds, withStore } from "../engine/harness.ts"
import { runWorkload, WorkloadHistory } from "../engine/workload.ts"

const bounds: StoreBounds = { memtableSize: 64 * 1024, maxImmutables: 2, largestBatch: 20_000, level0Tables: 12 }

const figures: StoreStats = runSeed(withStore(SimulatedDisk.make(), (store) => store.stats), 0)
const { immutables, log, memtable } = figures
const one = bounds.memtableSize + bounds.largestBatch

describe("The bounds of a store", () => {
  it("I13: hold in a store that nobody uses", () => {
    assert.deepStrictEqual(boundProblems(figures, bounds), [])
  })

  it.each<readonly [string, (by: number) => Partial<StoreStats>]>([
    ["memtables that wait", (by) => ({ immutables: { ...immutables, count: 2 + by } })],
    ["bytes that wait", (by) => ({ immutables: { ...immutables, bytes: 2 * one + by } })],
    ["bytes in the memtable", (by) => ({ memtable: { ...memtable, bytes: one + by } })],
    ["bytes that wait for the log", (by) => ({ log: { ...log, queuedBytes: one + by } })],
    ["segments", (by) => ({ log: { ...log, segments: 4 + by } })],
    ["tables in level 0", (by) => ({
      levels: figures.levels.map((level) => level.level === 0 ? { ...level, tables: 12 + by } : level)
    })]
  ])("I13: are exceeded by one of %s too many", (_, change) => {
    assert.deepStrictEqual(boundProblems({ ...figures, ...change(0) }, bounds), [])
    const problems = boundProblems({ ...figures, ...change(1) }, bounds)
    assert.deepStrictEqual(problems.map(({ invariant }) => invariant), ["I13"])
  })

  it.for(seeds(4))("I13: are looked at for as long as the scope is open (seed %i)", (seed) => {
    const workload = { seed, writers: 4, writesEach: 15, valueSize: 4_000 }
    const watched = (narrow: Partial<StoreBounds>) =>
      runSeed(
        withStore(SimulatedDisk.make(), (store) =>
          Effect.gen(function*() {
            const watch = yield* watchBounds(store, { ...bounds, ...narrow })
            yield* runWorkload(store, new WorkloadHistory(), workload)
            yield* store.flush
            return watch
          })),
        seed
      )
    const sound = watched({})
    assert.isAbove(sound.looks, 5)
    assert.deepStrictEqual(sound.problems, [])
    assert.isNotEmpty(watched({ memtableSize: 1_000, largestBatch: 0 }).problems)
  })
})

describe("A store at rest", () => {
  const settled = (disk: SimulatedDisk, looks?: number) =>
    withStore(disk, (store) =>
      Effect.gen(function*() {
        for (let turn = 0; turn < 10; turn++) {
          yield* store.put(bytesOf(`key/${turn}`), padded("value", 3_000), { durability: "async" })
        }
        return yield* settledProblems(store, looks === undefined ? {} : { looks })
      }))

  it.for(seeds(5))("I13: has nothing under way (seed %i)", (seed) => {
    const disk = SimulatedDisk.make({ seed })
    assert.deepStrictEqual(runSeed(settled(disk), seed, { earlyWakeChance: 0.05 }), [])
  })

  it.for(seeds(5))("I13: is reached once a disk is well again (seed %i)", (seed) => {
    const disk = SimulatedDisk.make({ seed })
    disk.fail({ when: (call) => isTable(call) && call.operation === "sync", times: 3 })
    assert.deepStrictEqual(runSeed(settled(disk), seed), [])
  })

  it("I13: is not reached while a flush fails", () => {
    const disk = SimulatedDisk.make()
    const fault = disk.fail({ when: (call) => isTable(call) && call.operation === "sync", times: Infinity })
    const program = Effect.scoped(
      Effect.gen(function*() {
        const problems = yield* settled(disk, 10)
        fault.heal()
        return problems
      })
    )
    assert.deepStrictEqual(runSeed(program, 0), [{ invariant: "I13", message: "flush does not end" }])
  })

  it("I13: is not reached by a store that takes no writes", () => {
    const disk = SimulatedDisk.make()
    const program = withStore(disk, (store) => {
      disk.fail({ when: (call) => isSegment(call) && call.operation === "sync" })
      return Effect.andThen(Effect.exit(store.put(bytesOf("key"), bytesOf("value"))), settledProblems(store))
    })
    const problems = runSeed(program, 0)
    assert.strictEqual(problems.length, 1)
    assert.match(problems[0]?.message ?? "", /^sync failed/)
  })

  it("I13: holds no snapshot", () => {
    const program = withStore(SimulatedDisk.make(), (store) =>
      Effect.gen(function*() {
        yield* store.snapshot
        return yield* settledProblems(store, { looks: 3 })
      }))
    assert.strictEqual(runSeed(program, 0).length, 1)
  })
})
