import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope, Stream } from "effect"
import { LsmStore } from "../../src/index.ts"
import type { Snapshot } from "../../src/index.ts"
import { interruptAtYield, SimulatedDisk } from "../../src/testing/index.ts"
import {
  bytes,
  contentOf,
  failureOf,
  lines,
  notBytes,
  onEachStore,
  open,
  refuses,
  runSimulated,
  simulatedLayer,
  text,
  texts,
  tinyMemtable,
  untyped
} from "./storeHelpers.ts"
import type { Store } from "./storeHelpers.ts"

const keys = ["a", "b", "c", "d"]

/** All that a snapshot answers, by each of its methods and by the store's. */
const answersOf = (store: Store, snapshot: Snapshot) =>
  Effect.gen(function*() {
    const many = texts(yield* snapshot.getMany(keys.map(bytes)))
    assert.deepStrictEqual(texts(yield* store.getMany(keys.map(bytes), { snapshot })), many)
    for (const [i, key] of keys.entries()) {
      assert.strictEqual(text(yield* snapshot.get(bytes(key))), many[i])
      assert.strictEqual(text(yield* store.get(bytes(key), { snapshot })), many[i])
      assert.strictEqual(yield* snapshot.has(bytes(key)), many[i] !== undefined)
      assert.strictEqual(yield* store.has(bytes(key), { snapshot }), many[i] !== undefined)
    }
    const entries = lines(yield* Stream.runCollect(snapshot.scan()))
    assert.deepStrictEqual(lines(yield* Stream.runCollect(store.scan({ snapshot }))), entries)
    assert.deepStrictEqual(lines(yield* Stream.runCollect(snapshot.scan({ reverse: true }))), entries.toReversed())
    const present = keys.flatMap((key, i) => many[i] === undefined ? [] : [`${key}=${many[i]}`])
    assert.deepStrictEqual(entries, present)
    return entries
  })

describe("a snapshot", () => {
  onEachStore(
    "I8: answers the same after overwrites, deletes, rotation, flush and compaction",
    (store) =>
      Effect.gen(function*() {
        yield* store.put(bytes("a"), bytes("1"))
        yield* store.put(bytes("b"), bytes("1"))
        yield* store.put(bytes("c"), bytes("1"))
        yield* store.delete(bytes("c"))
        const then = ["a=1", "b=1"]
        const snapshot = yield* store.snapshot
        assert.strictEqual(snapshot.sequence, 4)
        const steps = [
          store.put(bytes("a"), bytes("2")),
          store.delete(bytes("b")),
          store.put(bytes("c"), bytes("2")),
          store.put(bytes("d"), bytes("2")),
          store.flush,
          store.compact(),
          store.put(bytes("a"), new Uint8Array(200_000)),
          store.delete(bytes("a")),
          store.flush,
          store.compact()
        ]
        assert.deepStrictEqual(yield* answersOf(store, snapshot), then)
        for (const step of steps) {
          yield* step
          assert.deepStrictEqual(yield* answersOf(store, snapshot), then)
        }
        assert.deepStrictEqual(yield* contentOf(store), ["c=2", "d=2"])
      }),
    tinyMemtable
  )

  onEachStore("of an empty store stays empty", (store) =>
    Effect.gen(function*() {
      const snapshot = yield* store.snapshot
      assert.strictEqual(snapshot.sequence, 0)
      yield* store.put(bytes("a"), bytes("1"))
      yield* store.flush
      assert.deepStrictEqual(yield* answersOf(store, snapshot), [])
    }))

  onEachStore("stands beside others of other moments, and of the same one", (store) =>
    Effect.gen(function*() {
      const snapshots: Array<Snapshot> = []
      for (let round = 0; round < 5; round++) {
        yield* store.put(bytes("a"), bytes(String(round)))
        snapshots.push(yield* store.snapshot, yield* store.snapshot)
        if (round % 2 === 1) yield* store.flush
      }
      yield* store.compact()
      assert.strictEqual((yield* store.stats).snapshots.count, 10)
      for (const [i, snapshot] of snapshots.entries()) {
        assert.deepStrictEqual(yield* answersOf(store, snapshot), [`a=${Math.floor(i / 2)}`])
      }
    }))

  onEachStore(
    "lives as long as its scope: a read after that fails with InvalidArgument",
    (store) =>
      Effect.gen(function*() {
        yield* store.put(bytes("a"), bytes("1"))
        const snapshot = yield* Effect.scoped(store.snapshot)
        const gone = /not a live snapshot of this store; keep the scope open/
        yield* refuses(snapshot.get(bytes("a")), "snapshot", gone)
        yield* refuses(snapshot.has(bytes("a")), "snapshot", gone)
        yield* refuses(snapshot.getMany([bytes("a")]), "snapshot", gone)
        yield* refuses(Stream.runCollect(snapshot.scan()), "snapshot", gone)
        yield* refuses(store.get(bytes("a"), { snapshot }), "snapshot", gone)
        yield* refuses(store.has(bytes("a"), { snapshot }), "snapshot", gone)
        yield* refuses(store.getMany([bytes("a")], { snapshot }), "snapshot", gone)
        yield* refuses(Stream.runCollect(store.scan({ snapshot })), "snapshot", gone)
        assert.strictEqual((yield* store.stats).snapshots.count, 0)
      })
  )

  onEachStore("of another store is refused", (store) =>
    Effect.gen(function*() {
      const other = yield* open(LsmStore.layerMemory())
      const snapshot = yield* other.snapshot
      yield* refuses(store.get(bytes("a"), { snapshot }), "snapshot", /not a live snapshot of this store/)
      yield* refuses(Stream.runCollect(store.scan({ snapshot })), "snapshot", /not a live snapshot of this store/)
    }))

  onEachStore("checks its arguments as the store does", (store) =>
    Effect.gen(function*() {
      const snapshot = yield* store.snapshot
      const loose = untyped({ ...store, ...snapshot })
      for (const [, wrong] of notBytes) {
        yield* refuses(loose.get(wrong), "key", /must be a Uint8Array/)
        yield* refuses(loose.has(wrong), "key", /must be a Uint8Array/)
        yield* refuses(loose.getMany([wrong]), "keys", /key 0 must be a Uint8Array/)
      }
      yield* refuses(Stream.runCollect(loose.scan({ limit: -1 })), "limit", /whole number/)
      const entries = Stream.runCollect(snapshot.scan({ limit: 0 }))
      assert.deepStrictEqual(yield* entries, [])
    }))

  onEachStore("shows in the stats, the oldest first, until its scope closes", (store) =>
    Effect.gen(function*() {
      yield* store.put(bytes("a"), bytes("1"))
      const early = yield* Scope.make()
      const late = yield* Scope.make()
      yield* Scope.provide(store.snapshot, early)
      yield* store.put(bytes("a"), bytes("2"))
      yield* Scope.provide(store.snapshot, late)
      const both = (yield* store.stats).snapshots
      assert.strictEqual(both.count, 2)
      assert.strictEqual(both.oldest?.sequence, 1)
      yield* Scope.close(early, Exit.void)
      const one = (yield* store.stats).snapshots
      assert.strictEqual(one.count, 1)
      assert.strictEqual(one.oldest?.sequence, 2)
      yield* Scope.close(late, Exit.void)
      assert.deepStrictEqual((yield* store.stats).snapshots, { count: 0 })
    }))

  onEachStore("keeps old versions only as long as it lives", (store) =>
    Effect.gen(function*() {
      const writeAll = (value: number) =>
        Effect.forEach(
          Array.from({ length: 50 }, (_, i) => bytes(`key-${i}`)),
          (key) => store.put(key, new Uint8Array(100).fill(value), { durability: "async" }),
          { discard: true }
        )
      yield* writeAll(1)
      const scope = yield* Scope.make()
      yield* Scope.provide(store.snapshot, scope)
      yield* writeAll(2)
      yield* writeAll(3)
      yield* store.flush
      yield* store.compact()
      assert.strictEqual((yield* store.stats).tables.entries, 100)
      yield* Scope.close(scope, Exit.void)
      yield* store.compact()
      assert.strictEqual((yield* store.stats).tables.entries, 50)
    }))

  it("I8: equals the state at its sequence, whoever writes, flushes and compacts meanwhile", () => {
    for (let seed = 0; seed < 12; seed++) {
      const program = Effect.gen(function*() {
        const options = { ...tinyMemtable, blockCacheSize: 0 }
        const store = yield* open(simulatedLayer(SimulatedDisk.make({ seed }), options))
        const writer = yield* Effect.forkChild(Effect.gen(function*() {
          for (let round = 1; round < 60; round++) {
            yield* store.put(bytes(keys[round % 4] ?? "a"), new Uint8Array(3_000).fill(round))
            if (round % 7 === 0) yield* store.delete(bytes(keys[round % 3] ?? "a"))
            if (round % 11 === 0) yield* store.compact()
          }
        }))
        const watch = Effect.scoped(Effect.gen(function*() {
          const snapshot = yield* store.snapshot
          const at = texts(yield* snapshot.getMany(keys.map(bytes)))
          for (let i = 0; i < 5; i++) {
            yield* Effect.yieldNow
            assert.deepStrictEqual(texts(yield* snapshot.getMany(keys.map(bytes))), at)
            const entries = yield* Stream.runCollect(snapshot.scan())
            assert.deepStrictEqual(entries.map(([, value]) => text(value)), at.filter((value) => value !== undefined))
          }
        }))
        while (writer.pollUnsafe() === undefined) yield* Effect.all([watch, watch, watch], { concurrency: "unbounded" })
        yield* Fiber.join(writer)
        assert.strictEqual((yield* store.stats).snapshots.count, 0)
      })
      runSimulated(seed, Effect.scoped(program))
    }
  })

  it("I14: interrupted while it is taken leaves no pin", () => {
    const program = Effect.gen(function*() {
      const store = yield* open(simulatedLayer(SimulatedDisk.make()))
      for (let n = 0;; n++) {
        const { struck } = yield* interruptAtYield(Effect.scoped(Effect.asVoid(store.snapshot)), n)
        assert.strictEqual((yield* store.stats).snapshots.count, 0)
        if (!struck) return n
      }
    })
    assert.isAbove(runSimulated(1, Effect.scoped(program)), 0)
  })
})

describe("a snapshot of a store that has closed", () => {
  it.effect("fails with StoreClosed, and so does taking one", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const store = yield* Scope.provide(open(LsmStore.layerMemory()), scope)
      const snapshot = yield* store.snapshot
      yield* Scope.close(scope, Exit.void)
      const reads: ReadonlyArray<Effect.Effect<unknown, { readonly _tag: string }, Scope.Scope>> = [
        snapshot.get(bytes("a")),
        snapshot.getMany([]),
        snapshot.has(bytes("a")),
        Stream.runCollect(snapshot.scan()),
        store.snapshot
      ]
      for (const read of reads) assert.strictEqual((yield* failureOf(read))._tag, "StoreClosed")
    }))
})
