import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { smallLevels, smallTiers } from "../../scripts/support/smallStrategies.ts"
import type { CompactionPick, CompactionStrategy, TreeShape } from "../../src/Compaction.ts"
import { tablePath } from "../../src/engine/FileNames.ts"
import { shapeProblems, SimulatedDisk } from "../../src/testing/index.ts"
import { structureOn } from "../../src/testing/shape/Structure.ts"
import {
  bytesOf,
  contentOf,
  currentOn,
  directory,
  entriesOf,
  isManifest,
  nameIn,
  padded,
  runSeed,
  seeds,
  withStore
} from "./harness.ts"
import { HeldMerges } from "./HeldMerges.ts"
import { runWorkload, WorkloadHistory } from "./workload.ts"

const stopTables = 3

/** The most tables that level 0 ever had, by the manifest. */
const watchLevel0 = (disk: SimulatedDisk): () => number => {
  let most = 0
  disk.onCall((call, phase) => {
    if (phase !== "after" || call.operation !== "sync" || !isManifest(call) || currentOn(disk) === undefined)
      return
    most = Math.max(most, structureOn(disk, directory).tables.filter(({ level }) => level === 0).length)
  })
  return () => most
}

/** Writers that fill some memtables. */
const workload = { writers: 5, writesEach: 18, valueSize: 6_000 }
const total = workload.writers * workload.writesEach

/** Runs the writers to their end under the strategy; every write must complete. */
const writeUnder = (compaction: CompactionStrategy, seed: number) => {
  const disk = SimulatedDisk.make({ seed, delay: Effect.sleep("1 milli") })
  const mostInLevel0 = watchLevel0(disk)
  const history = new WorkloadHistory()
  const content = runSeed(
    withStore(disk, (store) =>
      Effect.gen(function*() {
        yield* runWorkload(store, history, { ...workload, seed })
        yield* store.flush
        assert.isAbove((yield* store.stats).flushes, 2 * stopTables)
        assert.isFalse((yield* store.stats).readOnly)
        return yield* contentOf(store)
      }), { compaction }),
    seed
  )
  assert.strictEqual(history.figures.acknowledged, total)
  assert.deepStrictEqual(history.problemsAfter(entriesOf(content), history.mark(), "kill"), [])
  assert.deepStrictEqual(shapeProblems(disk, directory), [])
  return mostInLevel0()
}

describe("Level 0", () => {
  for (const strategy of [smallLevels, smallTiers]) {
    it.for(seeds(6))(`I13: never has more tables than its bound, under ${strategy.name} (seed %i)`, (seed) => {
      const most = writeUnder({ ...strategy, slowdownTables: 2, stopTables }, seed)
      assert.isAtMost(most, stopTables)
      assert.isAbove(most, 1)
    })
  }

  it.for(seeds(6))("I13: when full holds writers up, and they go on when it is merged (seed %i)", (seed) => {
    const disk = SimulatedDisk.make({ seed, delay: Effect.sleep("1 milli") })
    const mostInLevel0 = watchLevel0(disk)
    const merges = new HeldMerges(disk)
    const history = new WorkloadHistory()
    const program = withStore(merges, (store) =>
      Effect.gen(function*() {
        const writers = yield* Effect.forkChild(runWorkload(store, history, { ...workload, seed }))
        yield* Effect.sleep("10 minutes")
        const acknowledged = history.figures.acknowledged
        assert.isBelow(acknowledged, total)
        const stuck = yield* store.stats
        assert.strictEqual(stuck.immutables.count, 2)
        yield* Effect.sleep("10 minutes")
        assert.strictEqual(history.figures.acknowledged, acknowledged)
        assert.strictEqual(mostInLevel0(), stopTables)
        // Nobody who reads is held up.
        assert.deepStrictEqual(history.problemsAfter(entriesOf(yield* contentOf(store)), history.mark(), "kill"), [])
        yield* merges.letGo
        yield* Fiber.join(writers)
        yield* store.flush
        const { immutables, stalls } = yield* store.stats
        assert.strictEqual(immutables.count, 0)
        assert.isAbove(stalls.count, 0)
        return yield* contentOf(store)
      }), { compaction: { ...smallLevels, slowdownTables: 2, stopTables } })
    const content = runSeed(program, seed)
    assert.strictEqual(history.figures.acknowledged, total)
    assert.deepStrictEqual(history.problemsAfter(entriesOf(content), history.mark(), "kill"), [])
    assert.strictEqual(mostInLevel0(), stopTables)
  })

  it.for(seeds(4))("I13: when full while merges fail holds writers up until they succeed (seed %i)", (seed) => {
    const disk = SimulatedDisk.make({ seed, delay: Effect.sleep("1 milli") })
    const mostInLevel0 = watchLevel0(disk)
    const history = new WorkloadHistory()
    const program = withStore(disk, (store) =>
      Effect.gen(function*() {
        // Only a merge reads tables here.
        const fault = disk.fail({
          when: ({ operation, path }) => operation === "openRead" && path.endsWith(".sst") && isMerging(disk, path),
          times: Infinity
        })
        const writers = yield* Effect.forkChild(runWorkload(store, history, { ...workload, seed }))
        yield* Effect.sleep("10 minutes")
        assert.isAbove(fault.fired, 3)
        assert.isBelow(history.figures.acknowledged, total)
        fault.heal()
        yield* Fiber.join(writers)
        assert.isFalse((yield* store.stats).readOnly)
      }), { compaction: { ...smallLevels, slowdownTables: 2, stopTables } })
    runSeed(program, seed)
    assert.strictEqual(history.figures.acknowledged, total)
    assert.strictEqual(mostInLevel0(), stopTables)
  })
})

/** A table that the manifest names already is opened once more by a merge alone. */
const isMerging = (disk: SimulatedDisk, path: string): boolean =>
  structureOn(disk, directory).tables.some((table) => path === tablePath(directory, table))

describe("A strategy that is of no help", () => {
  const some = (shape: TreeShape) => shape.levels.flat()
  const copies = (shape: TreeShape) => structuredClone(some(shape))
  const strategies: { readonly [name: string]: (shape: TreeShape) => CompactionPick | undefined } = {
    "picks nothing": () => undefined,
    "throws": () => {
      throw new Error("no idea")
    },
    "picks no tables": () => ({ _tag: "Merge", inputs: [], outputLevel: 1, tableSize: 4096 }),
    "picks a level that there is not": (shape) => ({
      _tag: "Merge",
      inputs: some(shape),
      outputLevel: 7,
      tableSize: 4096
    }),
    "picks tables that are not there": (shape) => ({
      _tag: "Merge",
      inputs: copies(shape),
      outputLevel: 6,
      tableSize: 4096
    }),
    "drops tables that are not there": (shape) => ({
      _tag: "Drop",
      tables: copies(shape)
    }),
    "picks tables apart": ({ levels: [level0 = []] }) => ({
      _tag: "Merge",
      inputs: [level0[0]!, level0.at(-1)!],
      outputLevel: 0,
      tableSize: 4096
    }),
    "picks a table size of nothing": (shape) => ({ _tag: "Merge", inputs: some(shape), outputLevel: 6, tableSize: 0 })
  }
  for (const [name, pick] of Object.entries(strategies)) {
    it.for(seeds(3))(`I13: as it ${name} keeps no write waiting (seed %i)`, (seed) => {
      const strategy = {
        ...smallLevels,
        name,
        slowdownTables: 2,
        stopTables,
        pick: (shape: TreeShape) => shape.levels[0]!.length < 3 ? undefined : pick(shape)
      }
      assert.isAtMost(writeUnder(strategy, seed), stopTables)
    })
  }

  it.for(seeds(4))("I8, I13: as it drops what a snapshot reads keeps no write waiting (seed %i)", (seed) => {
    const strategy: CompactionStrategy = {
      ...smallLevels,
      slowdownTables: 2,
      stopTables,
      pick: ({ levels: [level0 = []] }) => level0.length < 2 ? undefined : { _tag: "Drop", tables: level0.slice(1) }
    }
    const program = withStore(SimulatedDisk.make({ seed }), (store) =>
      Effect.gen(function*() {
        const put = (at: number) => store.put(bytesOf(`key/${at}`), padded(String(at), 100))
        const count = 4 * stopTables
        const scope = yield* Scope.make()
        for (let at = 0; at < count; at++) {
          yield* put(at)
          if (at === 0) yield* Scope.provide(store.snapshot, scope)
          yield* store.flush
        }
        assert.strictEqual(nameIn(yield* store.get(bytesOf("key/0"))), "0")
        yield* Scope.close(scope, Exit.void)
        yield* put(count)
        yield* store.flush
        assert.strictEqual(nameIn(yield* store.get(bytesOf(`key/${count}`))), String(count))
      }), { compaction: strategy })
    runSeed(program, seed)
  })
})
