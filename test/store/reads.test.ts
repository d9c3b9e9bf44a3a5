import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Stream } from "effect"
import { InvalidArgument, LsmStore, WriteBatch } from "../../src/index.ts"
import { SimulatedDisk } from "../../src/testing/index.ts"
import {
  bytes,
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

const longest = 65_535

/** Checks the same in each place where a record can be: memtable, table of its own, merged table. */
const wherever = <E, R>(store: Store, check: Effect.Effect<void, E, R>) =>
  Effect.gen(function*() {
    yield* check
    yield* store.flush
    yield* check
    yield* store.compact()
    yield* check
  })

describe("get", () => {
  onEachStore("returns the newest value, and undefined for a key that has none", (store) =>
    Effect.gen(function*() {
      yield* store.put(bytes("a"), bytes("1"))
      yield* store.put(bytes("a"), bytes("2"))
      yield* store.put(bytes("gone"), bytes("1"))
      yield* store.delete(bytes("gone"))
      yield* wherever(
        store,
        Effect.gen(function*() {
          assert.strictEqual(text(yield* store.get(bytes("a"))), "2")
          for (const absent of ["gone", "", "A", "aa", "b"]) {
            assert.isUndefined(yield* store.get(bytes(absent)))
            assert.isFalse(yield* store.has(bytes(absent)))
          }
        })
      )
    }))

  onEachStore("tells an empty value from none", (store) =>
    Effect.gen(function*() {
      yield* store.put(bytes("empty"), new Uint8Array(0))
      yield* store.put(bytes("was"), bytes("something"))
      yield* store.put(bytes("was"), new Uint8Array(0))
      yield* wherever(
        store,
        Effect.gen(function*() {
          for (const key of ["empty", "was"]) {
            const value = yield* store.get(bytes(key))
            assert.instanceOf(value, Uint8Array)
            assert.strictEqual(value.length, 0)
            assert.isTrue(yield* store.has(bytes(key)))
          }
          const [empty, absent] = yield* store.getMany([bytes("empty"), bytes("absent")])
          assert.strictEqual(empty?.length, 0)
          assert.isUndefined(absent)
        })
      )
    }))

  onEachStore("takes keys of 0 to 65,535 bytes", (store) =>
    Effect.gen(function*() {
      const keys = [0, 1, 2, 127, 128, 16_383, 16_384, longest - 1, longest].map((length) =>
        new Uint8Array(length).fill(length & 0xff)
      )
      for (const key of keys) yield* store.put(key, bytes(String(key.length)))
      yield* wherever(
        store,
        Effect.gen(function*() {
          for (const key of keys) assert.strictEqual(text(yield* store.get(key)), String(key.length))
          const all = yield* Stream.runCollect(store.scan())
          assert.deepStrictEqual(all.map(([key]) => key.length).sort((a, b) => a - b), keys.map((key) => key.length))
        })
      )
    }), tinyMemtable)

  it.effect("ends in one stretch, also while a write waits for the disk", () =>
    Effect.gen(function*() {
      const store = yield* open(LsmStore.layerMemory())
      yield* store.put(bytes("key"), bytes("old"))
      const waiting = yield* Effect.forkChild(store.put(bytes("key"), bytes("new")), { startImmediately: true })
      const exit = Effect.runSyncExit(store.get(bytes("key")))
      assert.deepStrictEqual(Exit.map(exit, text), Exit.succeed("old"))
      yield* Fiber.join(waiting)
      assert.strictEqual(text(yield* store.get(bytes("key"))), "new")
    }))

  it("I1: sees a write at once when it was acknowledged, at every level, before and after a flush", () => {
    for (let seed = 0; seed < 15; seed++) {
      const program = Effect.gen(function*() {
        const store = yield* open(simulatedLayer(SimulatedDisk.make({ seed }), tinyMemtable))
        const write = (fiber: number) =>
          Effect.gen(function*() {
            for (let round = 0; round < 30; round++) {
              const key = bytes(`key-${fiber}-${round % 3}`)
              const value = new Uint8Array(1_500).fill(round)
              const durability = (["sync", "buffered", "async"] as const)[(fiber + round) % 3]
              yield* store.put(key, value, { durability })
              assert.deepStrictEqual((yield* store.get(key))?.[0], round)
              if (round % 10 === 9) {
                yield* store.delete(key, { durability })
                assert.isUndefined(yield* store.get(key))
              }
            }
          })
        yield* Effect.forEach([0, 1, 2, 3], write, { concurrency: "unbounded" })
        assert.isAbove((yield* store.stats).rotations, 0)
      })
      runSimulated(seed, Effect.scoped(program))
    }
  })
})

describe("getMany", () => {
  onEachStore("answers in the order of the keys, one answer a key", (store) =>
    Effect.gen(function*() {
      yield* store.put(bytes("a"), bytes("1"))
      yield* store.put(bytes("b"), bytes("2"))
      yield* wherever(
        store,
        Effect.gen(function*() {
          const values = yield* store.getMany(["b", "x", "a", "b", "a"].map(bytes))
          assert.deepStrictEqual(texts(values), ["2", undefined, "1", "2", "1"])
          assert.deepStrictEqual(yield* store.getMany([]), [])
        })
      )
    }))

  onEachStore("takes thousands of keys", (store) =>
    Effect.gen(function*() {
      const batch = WriteBatch.make()
      const keys = Array.from({ length: 3_000 }, (_, i) => bytes(`key-${i}`))
      keys.forEach((key, i) => batch.put(key, bytes(String(i))))
      yield* store.write(batch)
      yield* store.flush
      const expected = keys.map((_, i) => String(i))
      assert.deepStrictEqual(texts(yield* store.getMany(keys)), expected)
      assert.deepStrictEqual(texts(yield* store.getMany(keys.toReversed())), expected.toReversed())
    }), tinyMemtable)

  it("I3: reads all keys in one view, whatever is written, flushed and compacted meanwhile", () => {
    for (let seed = 0; seed < 8; seed++) {
      const program = Effect.gen(function*() {
        const options = { ...tinyMemtable, blockCacheSize: 0 }
        const store = yield* open(simulatedLayer(SimulatedDisk.make({ seed }), options))
        const keys = Array.from({ length: 600 }, (_, i) => bytes(`key-${String(i).padStart(3, "0")}`))
        const writeAll = (round: number) => {
          const batch = WriteBatch.make()
          for (const key of keys) batch.put(key, bytes(String(round)))
          return store.write(batch, { durability: "async" })
        }
        yield* writeAll(0)
        const writer = yield* Effect.forkChild(Effect.gen(function*() {
          for (let round = 1; round < 8; round++) {
            yield* writeAll(round)
            if (round % 3 === 1) yield* store.flush
            if (round % 3 === 2) yield* store.compact()
          }
        }))
        const seen = new Set<string | undefined>()
        while (writer.pollUnsafe() === undefined) {
          const values = new Set(texts(yield* store.getMany(keys)))
          assert.strictEqual(values.size, 1)
          for (const value of values) seen.add(value)
          yield* Effect.yieldNow
        }
        yield* Fiber.join(writer)
        assert.isAbove(seen.size, 1)
      })
      runSimulated(seed, Effect.scoped(program))
    }
  })
})

describe("a key that is none", () => {
  onEachStore("fails each read with InvalidArgument", (store) =>
    Effect.gen(function*() {
      for (const [, key] of notBytes) {
        yield* refuses(untyped(store).get(key), "key", /must be a Uint8Array/)
        yield* refuses(untyped(store).has(key), "key", /must be a Uint8Array/)
        yield* refuses(untyped(store).getMany([bytes("a"), key]), "keys", /key 1 must be a Uint8Array/)
      }
      const long = new Uint8Array(longest + 1)
      yield* refuses(store.get(long), "key", /65536 bytes; at most 65535/)
      yield* refuses(store.has(long), "key", /65536 bytes; at most 65535/)
      yield* refuses(store.getMany([long]), "keys", /key 0 has 65536 bytes/)
    }))

  onEachStore("is found among the options too", (store) =>
    Effect.gen(function*() {
      for (const keys of [undefined, null, "abc", 5, {}, new Uint8Array(2), new Set([bytes("a")])]) {
        yield* refuses(untyped(store).getMany(keys), "keys", /must be an array/)
      }
      for (const snapshot of [null, 5, "now", {}, { sequence: 0 }]) {
        yield* refuses(untyped(store).get(bytes("a"), { snapshot }), "snapshot", /not a live snapshot/)
        yield* refuses(untyped(store).has(bytes("a"), { snapshot }), "snapshot", /not a live snapshot/)
        yield* refuses(untyped(store).getMany([bytes("a")], { snapshot }), "snapshot", /not a live snapshot/)
      }
    }))

  it.effect("is an error that can be caught by its tag", () =>
    Effect.gen(function*() {
      const store = yield* open(LsmStore.layerMemory())
      const answer = store.get(new Uint8Array(longest + 1)).pipe(
        Effect.catchTag("InvalidArgument", (error) => Effect.succeed(error))
      )
      assert.instanceOf(yield* answer, InvalidArgument)
    }))
})
