import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { LsmStore, StoreReadOnly } from "../../src/index.ts"
import { SimulatedDisk } from "../../src/testing/index.ts"
import {
  bytes,
  contentOf,
  failureOf,
  isReadOnly,
  notBytes,
  onEachStore,
  open,
  refuses,
  runSimulated,
  simulatedLayer,
  text,
  tinyMemtable,
  unprintable,
  untyped
} from "./storeHelpers.ts"

const MiB = 1024 * 1024
const largestValue = 256 * MiB

const patterned = (length: number): Uint8Array => {
  const content = new Uint8Array(length)
  for (let i = 0; i < length; i++) content[i] = (i * 31 + (i >>> 8) * 7 + (i >>> 16)) & 0xff
  return content
}

describe("put", () => {
  onEachStore("takes values of 0 bytes to megabytes, larger than a memtable too", (store) =>
    Effect.gen(function*() {
      const lengths = [0, 1, 127, 128, 4_096, 4_097, 65_535, 65_536, 65_537, 262_143, 262_144, MiB, 3 * MiB + 1]
      for (const length of lengths) yield* store.put(bytes(`value-${length}`), patterned(length))
      for (const step of [Effect.void, store.flush, store.compact()]) {
        yield* step
        for (const length of lengths) {
          const value = yield* store.get(bytes(`value-${length}`))
          assert.strictEqual(Buffer.compare(value ?? bytes("none"), patterned(length)), 0, `${length} bytes`)
        }
      }
    }), tinyMemtable)

  it.effect("takes a value of 256 MiB and refuses one byte more", () =>
    Effect.gen(function*() {
      const store = yield* open(LsmStore.layerMemory())
      const value = new Uint8Array(largestValue + 1)
      value[largestValue - 1] = 9
      yield* refuses(store.put(bytes("key"), value), "value", /268435457 bytes; at most 268435456/)
      assert.isUndefined(yield* store.get(bytes("key")))
      yield* store.put(bytes("key"), value.subarray(0, largestValue))
      const found = yield* store.get(bytes("key"))
      assert.strictEqual(found?.length, largestValue)
      assert.strictEqual(found?.[largestValue - 1], 9)
      yield* store.put(bytes("next"), bytes("1"))
      assert.strictEqual(text(yield* store.get(bytes("next"))), "1")
    }))

  onEachStore("refuses what is no key and no value, and writes nothing", (store) =>
    Effect.gen(function*() {
      const loose = untyped(store)
      for (const [, wrong] of notBytes) {
        yield* refuses(loose.put(wrong, bytes("value")), "key", /must be a Uint8Array/)
        yield* refuses(loose.put(bytes("key"), wrong), "value", /must be a Uint8Array.*use delete/)
        yield* refuses(loose.delete(wrong), "key", /must be a Uint8Array/)
      }
      const long = new Uint8Array(65_536)
      yield* refuses(store.put(long, bytes("value")), "key", /65536 bytes; at most 65535/)
      yield* refuses(store.delete(long), "key", /65536 bytes; at most 65535/)
      assert.deepStrictEqual(yield* contentOf(store), [])
      assert.strictEqual((yield* store.stats).sequence, 0)
    }))

  onEachStore("refuses a durability that there is not, and writes nothing", (store) =>
    Effect.gen(function*() {
      for (const durability of ["", "SYNC", "none", 1, true, null, {}, ...unprintable]) {
        const options = { durability }
        const reason = /must be "sync", "buffered" or "async"/
        yield* refuses(untyped(store).put(bytes("key"), bytes("value"), options), "durability", reason)
        yield* refuses(untyped(store).delete(bytes("key"), options), "durability", reason)
      }
      assert.deepStrictEqual(yield* contentOf(store), [])
    }))

  it.effect("is a description: each run writes anew, with what its arguments hold then", () =>
    Effect.gen(function*() {
      const store = yield* open(LsmStore.layerMemory())
      const key = bytes("a")
      const put = store.put(key, bytes("value"))
      assert.deepStrictEqual(yield* contentOf(store), [])
      yield* put
      key.set(bytes("b"))
      yield* put
      assert.deepStrictEqual(yield* contentOf(store), ["a=value", "b=value"])
      assert.strictEqual((yield* store.stats).sequence, 2)
    }))
})

describe("delete", () => {
  onEachStore("removes a key, or nothing if there is none", (store) =>
    Effect.gen(function*() {
      yield* store.delete(bytes("never"))
      yield* store.put(bytes("a"), bytes("1"))
      yield* store.put(bytes("b"), bytes("2"))
      yield* store.flush
      yield* store.delete(bytes("a"))
      assert.deepStrictEqual(yield* contentOf(store), ["b=2"])
      yield* store.flush
      assert.deepStrictEqual(yield* contentOf(store), ["b=2"])
      yield* store.put(bytes("a"), bytes("3"))
      assert.deepStrictEqual(yield* contentOf(store), ["a=3", "b=2"])
      yield* store.delete(bytes("a"))
      yield* store.delete(bytes("b"))
      yield* store.flush
      yield* store.compact()
      assert.deepStrictEqual(yield* contentOf(store), [])
    }))
})

describe("many writers", () => {
  onEachStore(
    "I3: their writes to one key take effect in one order, and the last one stays",
    (store) =>
      Effect.gen(function*() {
        const finished: Array<string> = []
        yield* Effect.forEach(
          Array.from({ length: 300 }, (_, i) => `value-${i}`),
          (value) => Effect.map(store.put(bytes("key"), bytes(value)), () => finished.push(value)),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(text(yield* store.get(bytes("key"))), finished.at(-1))
        assert.strictEqual((yield* store.stats).sequence, 300)
      })
  )

  onEachStore(
    "I13: all complete, though memtables are far smaller than what they write",
    (store) =>
      Effect.gen(function*() {
        const keys = Array.from({ length: 1_500 }, (_, i) => `key-${String(i).padStart(4, "0")}`)
        yield* Effect.forEach(keys, (key) => store.put(bytes(key), new Uint8Array(500).fill(1)), {
          concurrency: "unbounded"
        })
        const found = yield* Stream.runCollect(store.scan())
        assert.deepStrictEqual(found.map(([key]) => text(key)), keys)
        const stats = yield* store.stats
        assert.isAtLeast(stats.rotations, 5)
        assert.isAtMost(stats.immutables.count, 1)
      }),
    { ...tinyMemtable, maxImmutables: 1 }
  )
})

describe("a write after a failed one", () => {
  it("I12: fails with StoreReadOnly at once, while reads go on; reopening heals", () => {
    for (let seed = 0; seed < 10; seed++) {
      const disk = SimulatedDisk.make({ seed })
      const program = Effect.gen(function*() {
        yield* Effect.scoped(Effect.gen(function*() {
          const store = yield* open(simulatedLayer(disk))
          yield* store.put(bytes("before"), bytes("1"))
          const fault = disk.fail({
            when: (call) => call.operation === "sync" && call.path.includes("wal-"),
            code: "EIO"
          })
          const failed = yield* failureOf(store.put(bytes("during"), bytes("1")))
          assert.instanceOf(failed, StoreReadOnly)
          assert.include(failed.message, "EIO")
          assert.include(failed.message, "reopen")
          fault.heal()
          yield* isReadOnly(store.put(bytes("after"), bytes("1")), "failure")
          yield* isReadOnly(store.delete(bytes("before")), "failure")
          yield* isReadOnly(store.sync, "failure")
          yield* isReadOnly(store.flush, "failure")
          yield* isReadOnly(store.compact(), "failure")
          assert.deepStrictEqual(yield* contentOf(store), ["before=1"])
          assert.isTrue((yield* store.stats).readOnly)
        }))
        const store = yield* open(simulatedLayer(disk))
        yield* store.put(bytes("healed"), bytes("1"))
        const content = yield* contentOf(store)
        assert.includeMembers([...content], ["before=1", "healed=1"])
        assert.notInclude(content, "after=1")
      })
      runSimulated(seed, Effect.scoped(program))
    }
  })
})
