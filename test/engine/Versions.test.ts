import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope, Stream } from "effect"
import { oddPicks, smallLevels, smallTiers } from "../../scripts/support/smallStrategies.ts"
import { levelled } from "../../src/compaction/Levelled.ts"
import { WriteBatch } from "../../src/index.ts"
import type { ReadError, Snapshot } from "../../src/index.ts"
import { StoreReadMode } from "../../src/table/ReadPolicy.ts"
import { SeededRandom, SimulatedDisk } from "../../src/testing/index.ts"
import {
  bytesOf,
  contentOf,
  currentOn,
  filesOf,
  nameIn,
  openStore,
  padded,
  runSeed,
  seeds,
  textOf,
  withStore
} from "./harness.ts"
import type { Store, TestOptions } from "./harness.ts"

const keys = Array.from({ length: 25 }, (_, at) => `key/${String(at).padStart(2, "0")}`)

/** The content, as names of values. */
type Model = Map<string, string>

const namesIn = (entries: Iterable<readonly [string, Uint8Array]>): Model =>
  new Map(Array.from(entries, ([key, value]) => [key, nameIn(value) ?? ""]))

/** A few puts and deletes as one batch, in the model and in the store. */
const writeSome = (store: Store, model: Model, random: SeededRandom, turn: number) =>
  Effect.suspend(() => {
    const batch = WriteBatch.make()
    for (let at = 0; at <= random.int(4); at++) {
      const key = random.pick(keys)
      if (random.bool(0.35)) {
        batch.delete(bytesOf(key))
        model.delete(key)
      } else {
        const name = `${turn}.${at}`
        batch.put(bytesOf(key), padded(name, 20 + random.int(4_000)))
        model.set(key, name)
      }
    }
    return store.write(batch, { durability: "buffered" })
  })

const inOrder = (model: Model): Model => new Map([...model].sort(([a], [b]) => a < b ? -1 : 1))

/** Every way to read the snapshot says what the model said. */
const checkSnapshot = (snapshot: Snapshot, expected: Model) =>
  Effect.gen(function*() {
    const entries = (yield* Stream.runCollect(snapshot.scan())).map(([key, value]) => [textOf(key), value] as const)
    assert.deepStrictEqual([...namesIn(entries)], [...expected])
    const backward = yield* Stream.runCollect(snapshot.scan({ reverse: true }))
    assert.deepStrictEqual(backward.map(([key]) => textOf(key)), [...expected.keys()].toReversed())
    const values = yield* snapshot.getMany(keys.map(bytesOf))
    assert.deepStrictEqual(values.map(nameIn), keys.map((key) => expected.get(key)))
    for (const key of keys.slice(0, 5)) {
      assert.strictEqual(nameIn(yield* snapshot.get(bytesOf(key))), expected.get(key))
      assert.strictEqual(yield* snapshot.has(bytesOf(key)), expected.has(key))
    }
  })

const snapshotsBesideEverything = (seed: number) =>
  withStore(SimulatedDisk.make(), (store) =>
    Effect.gen(function*() {
      const random = new SeededRandom(seed)
      const model: Model = new Map()
      let looked = 0
      const holders: Array<Fiber.Fiber<void, ReadError>> = []
      for (let turn = 0; turn < 70; turn++) {
        const { sequence } = yield* writeSome(store, model, random, turn)
        if (turn % 7 === 3) {
          const expected = inOrder(model)
          const own = random.fork()
          const scope = yield* Scope.make()
          const snapshot = yield* Scope.provide(store.snapshot, scope)
          assert.strictEqual(snapshot.sequence, sequence)
          const hold = Effect.gen(function*() {
            for (let looks = 0; looks < 3; looks++) {
              for (let turns = own.int(60); turns > 0; turns--) yield* Effect.yieldNow
              yield* checkSnapshot(snapshot, expected)
              looked++
            }
          })
          holders.push(yield* Effect.forkChild(Effect.ensuring(hold, Scope.close(scope, Exit.void))))
        }
        if (random.bool(0.15)) yield* store.flush
        if (random.bool(0.05)) yield* store.compact(random.bool() ? {} : { gt: bytesOf(random.pick(keys)) })
      }
      const pinned = yield* store.stats
      if (pinned.snapshots.count > 0) assert.isAtMost(pinned.snapshots.oldest!.sequence, pinned.sequence)
      yield* Fiber.joinAll(holders)
      const { flushes, rotations, snapshots } = yield* store.stats
      assert.isAbove(rotations, 2)
      assert.isAbove(flushes, 2)
      assert.strictEqual(snapshots.count, 0)
      assert.isUndefined(snapshots.oldest)
      return looked
    }), { blockCacheSize: 0, compaction: [smallLevels, smallTiers, oddPicks][seed % 3] })

describe("Snapshots", () => {
  for (const mode of ["sync", "async"] as const) {
    it.for(seeds(12))(
      `I8, I9: show the state at their sequence whatever runs, blocks read ${mode} (seed %i)`,
      (seed) => {
        const looks = runSeed(Effect.provideService(snapshotsBesideEverything(seed), StoreReadMode, mode), seed)
        assert.strictEqual(looks, 30)
      }
    )
  }

  it.for(seeds(6))("I8: keep what they need through flush and compaction, and no longer (seed %i)", (seed) => {
    const disk = SimulatedDisk.make()
    const program = withStore(disk, (store) =>
      Effect.gen(function*() {
        const put = (value: string) => store.put(bytesOf("key"), padded(value, 100))
        yield* put("one")
        const scope = yield* Scope.make()
        const snapshot = yield* Scope.provide(store.snapshot, scope)
        yield* put("two")
        yield* store.delete(bytesOf("key"))
        yield* store.flush
        yield* store.compact()
        assert.strictEqual(nameIn(yield* snapshot.get(bytesOf("key"))), "one")
        assert.isUndefined(yield* store.get(bytesOf("key")))
        assert.isAbove((yield* store.stats).tables.entries, 0)
        yield* Scope.close(scope, Exit.void)
        yield* store.compact()
        assert.strictEqual((yield* store.stats).tables.count, 0)
      }))
    runSeed(program, seed)
    assert.isEmpty(filesOf(disk).filter((name) => name.endsWith(".sst")))
  })

  it.for(seeds(10))("I8: a file goes when its last reader has ended, and not before (seed %i)", (seed) => {
    const disk = SimulatedDisk.make()
    const closed = new Set<string>()
    const wrong: Array<string> = []
    disk.onCall(({ operation, path }, phase) => {
      if (phase !== "before" || !path.endsWith(".sst")) return
      if (operation === "createAppend" || operation === "openRead") closed.delete(path)
      if (operation === "close") closed.add(path)
      if (operation === "remove") {
        if (!closed.has(path)) wrong.push(`${path} was removed while it was open`)
      }
    })
    const program = withStore(disk, (store) =>
      Effect.gen(function*() {
        for (let round = 0; round < 4; round++) {
          for (const key of keys) yield* store.put(bytesOf(key), padded(`${round}`, 400))
          yield* store.flush
          const reads = keys.map((key) =>
            Effect.map(store.get(bytesOf(key)), (value) => assert.strictEqual(nameIn(value), `${round}`))
          )
          yield* Effect.all([...reads, store.compact(), ...reads], { concurrency: "unbounded", discard: true })
        }
        yield* Effect.sleep("1 second")
        assert.lengthOf(filesOf(disk).filter((name) => name.endsWith(".sst")), 1)
      }), { blockCacheSize: 0 })
    runSeed(Effect.provideService(program, StoreReadMode, "async"), seed)
    assert.deepStrictEqual(wrong, [])
  })
})

describe("The newest version", () => {
  it.for(seeds(4))("I9: of a deleted key stays deleted wherever its tombstone and its values lie (seed %i)", (seed) => {
    const random = new SeededRandom(seed)
    // The value's way down, then the tombstone's.
    const steps = ["nothing", "rotation", "flush", "compact", "reopen"] as const
    for (const below of steps) {
      for (const above of steps) {
        const disk = SimulatedDisk.make()
        const program = Effect.gen(function*() {
          let scope = yield* Scope.make()
          let store = yield* Scope.provide(openStore(disk), scope)
          const take = (step: typeof steps[number]) =>
            Effect.gen(function*() {
              if (step === "rotation") {
                for (let at = 0; at < 14; at++) yield* store.put(bytesOf("filler"), padded("filler", 5_000))
              }
              if (step === "flush") yield* store.flush
              if (step === "compact") yield* Effect.andThen(store.flush, store.compact())
              if (step === "reopen") {
                yield* Scope.close(scope, Exit.void)
                scope = yield* Scope.make()
                store = yield* Scope.provide(openStore(disk), scope)
              }
            })
          yield* store.put(bytesOf("key"), padded("value", 50 + random.int(200)))
          yield* take(below)
          yield* store.delete(bytesOf("key"))
          yield* take(above)
          assert.isUndefined(yield* store.get(bytesOf("key")), `${below}, ${above}`)
          assert.isFalse(yield* store.has(bytesOf("key")))
          assert.isFalse((yield* contentOf(store)).has("key"))
          yield* take("compact")
          yield* take("reopen")
          assert.isUndefined(yield* store.get(bytesOf("key")), `${below}, ${above}`)
          yield* Scope.close(scope, Exit.void)
        })
        runSeed(program, seed)
      }
    }
  })
})

describe("The content", () => {
  it.for(seeds(12))(
    "I9, I10: is the model's through flush, compaction, restart and other options (seed %i)",
    (seed) => {
      const disk = SimulatedDisk.make()
      const random = new SeededRandom(seed)
      const model: Model = new Map()
      const session = (options: TestOptions) =>
        withStore(disk, (store) =>
          Effect.gen(function*() {
            const check = Effect.gen(function*() {
              assert.deepStrictEqual([...namesIn(yield* contentOf(store))], [...inOrder(model)])
              const values = yield* store.getMany(keys.map(bytesOf))
              assert.deepStrictEqual(values.map(nameIn), keys.map((key) => model.get(key)))
            })
            yield* check
            for (let turn = 0; turn < 15; turn++) {
              yield* writeSome(store, model, random, turn)
              const step = random.int(8)
              if (step === 0) yield* store.flush
              if (step === 1) yield* store.compact()
              if (step === 3) yield* store.compact({ gte: bytesOf(random.pick(keys)) })
              if (step === 2) yield* store.sync
              if (random.bool(0.3)) yield* check
            }
            yield* check
          }), options)
      for (let sessions = 0; sessions < 5; sessions++) {
        const options: TestOptions = {
          compaction: random.pick([smallLevels, smallTiers, oddPicks, levelled()]),
          compression: random.pick(["none", "zstd", ["none", "zstd"]]),
          memtableSize: random.pick([64 * 1024, 100_000, 1024 * 1024]),
          blockSize: random.pick([512, 4096, 65_536]),
          filterBitsPerKey: random.pick([0, 1, 10]),
          blockCacheSize: random.pick([0, 10_000, 1024 * 1024]),
          maxImmutables: 1 + random.int(3)
        }
        const mode = random.pick(["sync", "async"] as const)
        runSeed(Effect.provideService(session(options), StoreReadMode, mode), seed)
      }
      assert.isDefined(currentOn(disk))
    }
  )
})
