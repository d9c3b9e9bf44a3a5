import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { LsmStore, WriteBatch } from "../../src/index.ts"
import { SimulatedDisk } from "../../src/testing/index.ts"
import {
  bytes,
  contentOf,
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

interface UntypedBatch {
  put(key: unknown, value: unknown): WriteBatch
  delete(key: unknown): WriteBatch
}

describe("WriteBatch", () => {
  it("counts what it holds, and can be chained", () => {
    const batch = WriteBatch.make()
    assert.strictEqual(batch.size, 0)
    assert.strictEqual(batch.byteLength, 0)
    assert.strictEqual(batch.put(bytes("a"), bytes("1")).delete(bytes("b")), batch)
    assert.strictEqual(batch.size, 2)
    assert.isAbove(batch.byteLength, 4)
  })

  it.effect("keeps a mistake for the write, which then writes nothing", () =>
    Effect.gen(function*() {
      const store = yield* open(LsmStore.layerMemory())
      for (const [, wrong] of notBytes) {
        const put = (key: unknown, value: unknown) => {
          const batch: UntypedBatch = WriteBatch.make().put(bytes("first"), bytes("1"))
          return batch.put(key, value).put(bytes("last"), bytes("1"))
        }
        yield* refuses(store.write(put(wrong, bytes("1"))), "key", /write 2 of the batch must be a Uint8Array/)
        yield* refuses(store.write(put(bytes("1"), wrong)), "value", /write 2 of the batch must be a Uint8Array/)
        const batch: UntypedBatch = WriteBatch.make()
        yield* refuses(store.write(batch.delete(wrong)), "key", /write 1 of the batch must be a Uint8Array/)
      }
      const long = WriteBatch.make().put(new Uint8Array(65_536), bytes("1"))
      yield* refuses(store.write(long), "key", /65536 bytes; at most 65535/)
      assert.deepStrictEqual(yield* contentOf(store), [])
    }))
})

describe("write", () => {
  onEachStore("applies what a batch holds in its order", (store) =>
    Effect.gen(function*() {
      yield* store.put(bytes("old"), bytes("1"))
      const batch = WriteBatch.make()
        .put(bytes("a"), bytes("1"))
        .put(bytes("b"), bytes("1"))
        .put(bytes("a"), bytes("2"))
        .delete(bytes("b"))
        .delete(bytes("old"))
        .delete(bytes("c"))
        .put(bytes("c"), bytes(""))
      yield* store.write(batch)
      assert.deepStrictEqual(yield* contentOf(store), ["a=2", "c="])
      yield* store.flush
      assert.deepStrictEqual(yield* contentOf(store), ["a=2", "c="])
    }))

  onEachStore("returns the sequence of its last record, at every level", (store) =>
    Effect.gen(function*() {
      let expected = 0
      for (const durability of ["sync", "buffered", "async"] as const) {
        const batch = WriteBatch.make().put(bytes("a"), bytes("1")).put(bytes("b"), bytes("1")).delete(bytes("c"))
        const { sequence } = yield* store.write(batch, { durability })
        expected += 3
        assert.strictEqual(sequence, expected)
        assert.strictEqual((yield* store.stats).sequence, expected)
        yield* Effect.scoped(Effect.gen(function*() {
          assert.strictEqual((yield* store.snapshot).sequence, expected)
        }))
      }
    }))

  onEachStore("of nothing succeeds and assigns no sequence", (store) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* store.write(WriteBatch.make()), { sequence: 0 })
      yield* store.put(bytes("a"), bytes("1"))
      for (const durability of ["sync", "buffered", "async"] as const) {
        assert.deepStrictEqual(yield* store.write(WriteBatch.make(), { durability }), { sequence: 1 })
      }
    }))

  onEachStore(
    "takes batches larger than a memtable, and what comes before and after them",
    (store) =>
      Effect.gen(function*() {
        const count = 2_000
        for (let round = 0; round < 3; round++) {
          yield* store.put(bytes("before"), bytes(String(round)))
          const batch = WriteBatch.make()
          for (let i = 0; i < count; i++) batch.put(bytes(`key-${i}`), new Uint8Array(150).fill(round))
          yield* store.write(batch)
          yield* store.put(bytes("after"), bytes(String(round)))
          for (const key of ["before", "after"]) assert.strictEqual(text(yield* store.get(bytes(key))), String(round))
        }
        const entries = yield* Stream.runCollect(store.scan({ prefix: bytes("key-") }))
        assert.strictEqual(entries.length, count)
        assert.isTrue(entries.every(([, value]) => value.length === 150 && value[0] === 2))
      }),
    tinyMemtable
  )

  onEachStore("takes a batch once: it is spent when it was written", (store) =>
    Effect.gen(function*() {
      const batch = WriteBatch.make().put(bytes("a"), bytes("1"))
      yield* store.write(batch)
      yield* refuses(store.write(batch), "batch", /already written; make a new one/)
      batch.put(bytes("b"), bytes("1"))
      yield* refuses(store.write(batch), "batch", /written/)
      assert.deepStrictEqual(yield* contentOf(store), ["a=1"])
    }))

  onEachStore("of one batch twice at once writes it once", (store) =>
    Effect.gen(function*() {
      const batch = WriteBatch.make().put(bytes("a"), bytes("1"))
      const first = yield* Effect.forkChild(store.write(batch), { startImmediately: true })
      yield* refuses(store.write(batch), "batch", /already written/)
      assert.deepStrictEqual(yield* Fiber.join(first), { sequence: 1 })
    }))

  onEachStore(
    "refuses what is no batch, and a durability that there is not; the batch may be used again",
    (store) =>
      Effect.gen(function*() {
        for (const wrong of [undefined, null, {}, [], "batch", { put: 1 }, Object.create(WriteBatch)]) {
          yield* refuses(untyped(store).write(wrong), "batch", /must be made by WriteBatch.make/)
        }
        const batch = WriteBatch.make().put(bytes("a"), bytes("1"))
        for (const durability of ["fast", 3, ...unprintable]) {
          yield* refuses(untyped(store).write(batch, { durability }), "durability", /must be "sync"/)
        }
        assert.deepStrictEqual(yield* contentOf(store), [])
        yield* store.write(batch)
        assert.deepStrictEqual(yield* contentOf(store), ["a=1"])
      })
  )

  it("I3: is seen whole or not at all, by reads, scans and snapshots", () => {
    for (let seed = 0; seed < 12; seed++) {
      const program = Effect.gen(function*() {
        const store = yield* open(simulatedLayer(SimulatedDisk.make({ seed }), tinyMemtable))
        const keys = ["a", "b", "c"].map(bytes)
        const writer = yield* Effect.forkChild(Effect.gen(function*() {
          for (let round = 1; round <= 40; round++) {
            const batch = WriteBatch.make()
            for (const key of keys) batch.put(key, new Uint8Array(1_000).fill(round))
            yield* store.write(batch, { durability: (["sync", "buffered", "async"] as const)[round % 3] })
          }
        }))
        const agree = (values: ReadonlyArray<Uint8Array | undefined>) =>
          assert.strictEqual(new Set(values.map((value) => value?.[0])).size, 1)
        let last = 0
        while (writer.pollUnsafe() === undefined) {
          const values = yield* store.getMany(keys)
          agree(values)
          assert.isAtLeast(values[0]?.[0] ?? 0, last)
          last = values[0]?.[0] ?? 0
          const entries = yield* Stream.runCollect(store.scan())
          assert.include([0, 3], entries.length)
          if (entries.length > 0) agree(entries.map(([, value]) => value))
          const snapshot = yield* store.snapshot
          const seen = []
          for (const key of keys) {
            seen.push(yield* snapshot.get(key))
            yield* Effect.yieldNow
          }
          agree(seen)
        }
        yield* Fiber.join(writer)
      })
      runSimulated(seed, Effect.scoped(program))
    }
  })
})
