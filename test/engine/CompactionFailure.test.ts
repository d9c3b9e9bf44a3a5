import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { smallLevels } from "../../scripts/support/smallStrategies.ts"
import { tablePath } from "../../src/engine/FileNames.ts"
import type { TableMeta } from "../../src/table/TableMeta.ts"
import { SeededRandom, shapeProblems, SimulatedDisk } from "../../src/testing/index.ts"
import type { DiskCall } from "../../src/testing/index.ts"
import { structureOn } from "../../src/testing/shape/Structure.ts"
import {
  bytesOf,
  contentOf,
  contentOn,
  directory,
  entriesOf,
  filesOf,
  isManifest,
  isTable,
  nameIn,
  openStore,
  padded,
  runSeed,
  seeds,
  summaryOf,
  withStore
} from "./harness.ts"
import type { Store } from "./harness.ts"
import { HeldMerges } from "./HeldMerges.ts"
import { runWorkload, WorkloadHistory } from "./workload.ts"

/** Tables of the last level move only if they are stored like the others. */
const small = { compaction: smallLevels, compression: "none" } as const

/** Rounds of a few writes, each flushed, beside the compactions that come of them. */
const rounds = (store: Store, history: WorkloadHistory, seed: number, count: number) =>
  Effect.gen(function*() {
    for (let round = 0; round < count; round++) {
      const workload = { seed: seed * 100 + round, writers: 2, writesEach: 2, valueSize: 1_500 }
      yield* runWorkload(store, history, workload)
      yield* store.flush
    }
  })

describe("A failing call to the disk while tables are merged and moved", () => {
  /** A life in which the call fails; what is found in it, and after it. */
  const failAt = (seed: number, index: number | undefined) => {
    const disk = SimulatedDisk.make({ seed })
    const history = new WorkloadHistory()
    let failed: DiskCall | undefined
    const life = withStore(disk, (store) =>
      Effect.gen(function*() {
        const from = disk.calls
        if (index !== undefined) {
          disk.fail({
            from: from + index,
            when: (call) => {
              failed = call
              return true
            },
            code: index % 2 === 0 ? "EIO" : "ENOSPC"
          })
        }
        const exit = yield* Effect.exit(rounds(store, history, seed, 5))
        yield* Effect.sleep("1 minute")
        const { actors, readOnly } = yield* store.stats
        return {
          exit,
          readOnly,
          restarts: actors.reduce((sum, actor) => sum + actor.restarts, 0),
          calls: disk.calls - from,
          content: yield* contentOf(store)
        }
      }), small)
    return { disk, history, ...runSeed(life, seed), failed }
  }

  it.for(seeds(1))("I12: is retried and loses nothing, or stops writes and loses nothing (seed %i)", (seed) => {
    const whole = failAt(seed, undefined)
    assert.isTrue(Exit.isSuccess(whole.exit))
    assert.isAbove(whole.calls, 150)
    let retried = 0
    let stopped = 0
    for (let index = 0; index < whole.calls; index += 1) {
      const { content, disk, exit, failed, history, readOnly, restarts } = failAt(seed, index)
      const what = `seed ${seed}, call ${index} (${failed?.operation} ${failed?.path})`
      assert.deepStrictEqual(history.problemsAfter(entriesOf(content), history.mark(), "kill").slice(0, 3), [], what)
      if (readOnly) {
        stopped++
        assert.isTrue(failed !== undefined && !isTable(failed), what)
      } else {
        assert.isTrue(Exit.isSuccess(exit), what)
        retried += restarts
      }
      const again = runSeed(contentOn(disk, small), seed)
      assert.deepStrictEqual(history.problemsAfter(entriesOf(again), history.mark(), "kill").slice(0, 3), [], what)
      assert.deepStrictEqual(filesOf(disk), structureOn(disk, directory).files, what)
      assert.deepStrictEqual(shapeProblems(disk, directory), [], what)
    }
    assert.isAbove(retried, 50)
    assert.isAbove(stopped, 20)
  })

  it.for(seeds(4))(
    "I12: of the manifest, when it names what was merged, leaves inputs and content (seed %i)",
    (seed) => {
      for (const keep of ["none", "some", "all"] as const) {
        for (const operation of ["append", "sync"] as const) {
          const disk = SimulatedDisk.make({ seed })
          const history = new WorkloadHistory()
          const life = withStore(disk, (store) =>
            Effect.gen(function*() {
              yield* rounds(store, history, seed, 4)
              yield* Effect.sleep("1 second")
              const before = structureOn(disk, directory).tables.map((table) => tablePath(directory, table))
              disk.fail({ when: (call) => isManifest(call) && call.operation === operation, keep })
              const error = yield* Effect.flip(store.compact())
              assert.strictEqual(error._tag, "StoreReadOnly")
              yield* Effect.sleep("1 second")
              assert.includeMembers(disk.files().map((path) => `/${path}`), before)
              return { content: yield* contentOf(store), image: disk.crashImage("random", new SeededRandom(seed)) }
            }), small)
          const { content, image } = runSeed(life, seed)
          assert.deepStrictEqual(history.problemsAfter(entriesOf(content), history.mark(), "kill"), [])
          for (const each of [image, disk]) {
            const found = runSeed(contentOn(each, small), seed)
            assert.deepStrictEqual(summaryOf(found), summaryOf(content))
          }
        }
      }
    }
  )
})

describe("A store that is closed while tables are merged", () => {
  it.for(seeds(4))("I14: abandons the merge at once, and leaves inputs and nothing half written (seed %i)", (seed) => {
    const disk = SimulatedDisk.make({ seed })
    const history = new WorkloadHistory()
    const merges = new HeldMerges(disk)
    const life = Effect.gen(function*() {
      const scope = yield* Scope.make()
      const store = yield* Scope.provide(openStore(merges, small), scope)
      yield* rounds(store, history, seed, 4)
      yield* merges.untilBegun
      const asked = yield* Effect.forkChild(Effect.exit(store.compact()))
      yield* Effect.yieldNow
      const before = structureOn(disk, directory).tables
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Effect.flip(yield* Fiber.join(asked)))._tag, "StoreClosed")
      assert.deepStrictEqual(structureOn(disk, directory).tables, before)
    })
    runSeed(life, seed)
    assert.deepStrictEqual(filesOf(disk), structureOn(disk, directory).files)
    assert.deepStrictEqual(
      history.problemsAfter(entriesOf(runSeed(contentOn(disk, small), seed)), history.mark(), "kill"),
      []
    )
  })

  it.for(seeds(4))(
    "I14: at any time leaves no file open and none that the manifest does not name (seed %i)",
    (seed) => {
      const random = new SeededRandom(seed)
      let isAbandoned = 0
      for (let turn = 0; turn < 25; turn++) {
        const disk = SimulatedDisk.make({ seed: turn })
        const history = new WorkloadHistory()
        const life = Effect.gen(function*() {
          const scope = yield* Scope.make()
          const store = yield* Scope.provide(openStore(disk, small), scope)
          yield* rounds(store, history, seed * 100 + turn, 4)
          const asked = yield* Effect.forkChild(Effect.exit(store.compact()))
          for (let turns = random.int(250); turns > 0; turns--) yield* Effect.yieldNow
          yield* Scope.close(scope, Exit.void)
          const exit = yield* Fiber.join(asked)
          if (Exit.isSuccess(exit)) return
          isAbandoned++
          assert.strictEqual((yield* Effect.flip(exit))._tag, "StoreClosed")
        })
        runSeed(life, seed)
        assert.deepStrictEqual(disk.openHandles, [])
        assert.deepStrictEqual(filesOf(disk), structureOn(disk, directory).files)
        assert.deepStrictEqual(shapeProblems(disk, directory), [])
        assert.deepStrictEqual(
          history.problemsAfter(entriesOf(runSeed(contentOn(disk, small), seed)), history.mark(), "kill"),
          []
        )
      }
      assert.isAbove(isAbandoned, 5)
    }
  )
})

/** Flips a bit in the first block of the table. */
const damage = (disk: SimulatedDisk, table: TableMeta): void => {
  const path = tablePath(directory, table)
  const bytes = disk.readFile(path).slice()
  bytes[100] = bytes[100]! ^ 1
  disk.writeFile(path, bytes)
}

describe("A table that is damaged where a merge reads it", () => {
  it.for(seeds(4))(
    "I15: lets writes go on up to the bound of level 0, then stops them; reads answer (seed %i)",
    (seed) => {
      const disk = SimulatedDisk.make({ seed })
      const level0Tables = () => structureOn(disk, directory).tables.filter(({ level }) => level === 0).length
      const life = withStore(disk, (store) =>
        Effect.gen(function*() {
          yield* store.put(bytesOf("damaged"), padded("damaged", 3_000))
          yield* store.flush
          damage(disk, structureOn(disk, directory).tables[0]!)
          const written: Array<string> = []
          const write = Effect.gen(function*() {
            for (let at = 0;; at++) {
              for (const key of [`key/${at}`, "damaged"]) yield* store.put(bytesOf(key), padded(key, 300))
              written.push(`key/${at}`)
              yield* store.flush
            }
          })
          const error = yield* Effect.flip(write)
          assert.strictEqual(error._tag, "StoreReadOnly")
          assert.include(error.message, "compaction can't go on")
          assert.strictEqual(level0Tables(), smallLevels.stopTables)
          assert.isAtLeast(written.length, smallLevels.stopTables - 1)
          for (const key of [...written, "damaged"]) {
            assert.strictEqual(nameIn(yield* store.get(bytesOf(key))), key)
          }
        }), { ...small, blockCacheSize: 0 })
      runSeed(life, seed)
    }
  )

  it.for(seeds(4))("I15: elsewhere than where level 0 goes changes nothing for writers (seed %i)", (seed) => {
    const disk = SimulatedDisk.make({ seed })
    const life = withStore(disk, (store) =>
      Effect.gen(function*() {
        yield* store.put(bytesOf("zzz"), padded("damaged", 3_000))
        yield* store.flush
        yield* store.compact()
        damage(disk, structureOn(disk, directory).tables[0]!)
        for (let at = 0; at < 30; at++) {
          yield* store.put(bytesOf(`key/${at}`), padded(`key/${at}`, 300))
          yield* store.flush
        }
        assert.strictEqual((yield* Effect.flip(store.get(bytesOf("zzz"))))._tag, "StoreCorrupted")
        for (let at = 0; at < 30; at++) assert.strictEqual(nameIn(yield* store.get(bytesOf(`key/${at}`))), `key/${at}`)
        assert.isFalse((yield* store.stats).readOnly)
      }), { ...small, blockCacheSize: 0 })
    runSeed(life, seed)
  })
})
