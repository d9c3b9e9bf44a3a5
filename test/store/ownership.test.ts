/** Whose bytes are whose: what goes in is copied when an effect starts, what comes out is the caller's. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { LsmStore, WriteBatch } from "../../src/index.ts"
import { SimulatedDisk } from "../../src/testing/index.ts"
import {
  bytes,
  lines,
  onEachStore,
  open,
  runSimulated,
  simulatedLayer,
  text,
  texts,
  transferAway
} from "./storeHelpers.ts"
import type { Store } from "./storeHelpers.ts"

const sharedLimit = 4 * 1024

/** Every way to read the value of "key", from wherever it is now. */
const readAll = (store: Store) =>
  Effect.gen(function*() {
    const [many] = yield* store.getMany([bytes("key")])
    const [entry] = yield* Stream.runCollect(store.scan({ prefix: bytes("key") }))
    const snapshot = yield* store.snapshot
    return [yield* store.get(bytes("key")), many, entry?.[1], yield* snapshot.get(bytes("key"))]
  })

describe("a result", () => {
  onEachStore("is a plain Uint8Array over memory that is not shared", (store) =>
    Effect.gen(function*() {
      for (const length of [0, 1, sharedLimit, sharedLimit + 1, 100_000]) {
        yield* store.put(bytes("key"), new Uint8Array(length))
        for (const flushed of [false, true]) {
          if (flushed) yield* store.flush
          for (const value of yield* readAll(store)) {
            assert.strictEqual(value && Object.getPrototypeOf(value), Uint8Array.prototype)
            assert.instanceOf(value?.buffer, ArrayBuffer)
            assert.strictEqual(value?.length, length)
          }
        }
      }
    }))

  onEachStore("overlaps no other", (store) =>
    Effect.gen(function*() {
      for (let i = 0; i < 200; i++) yield* store.put(bytes(`key-${String(i).padStart(3, "0")}`), new Uint8Array(i * 30))
      const results = [
        ...(yield* Stream.runCollect(store.scan())).flat(),
        ...(yield* Stream.runCollect(store.scan({ reverse: true }))).flat()
      ]
      for (let i = 0; i < 200; i++) {
        const value = yield* store.get(bytes(`key-${String(i).padStart(3, "0")}`))
        if (value !== undefined) results.push(value)
      }
      assert.strictEqual(results.length, 1_000)
      const ranges = new Map<ArrayBufferLike, Array<readonly [from: number, to: number]>>()
      for (const { buffer, byteLength, byteOffset } of results) {
        ranges.set(buffer, [...ranges.get(buffer) ?? [], [byteOffset, byteOffset + byteLength]])
      }
      for (const taken of ranges.values()) {
        taken.sort(([from], [other]) => from - other)
        taken.reduce(([, end], [from, to]) => {
          assert.isAtLeast(from, end)
          return [from, to]
        })
      }
    }), { durability: "async" })

  onEachStore(
    "up to 4 KiB can't be transferred away; a larger one has a buffer of its own that can",
    (store) =>
      Effect.gen(function*() {
        yield* store.put(bytes("key"), new Uint8Array(sharedLimit).fill(1))
        const small = yield* store.get(bytes("key"))
        assert.throws(() => transferAway(small))
        assert.strictEqual(small?.length, sharedLimit)

        yield* store.put(bytes("key"), new Uint8Array(sharedLimit + 1).fill(2))
        for (const value of yield* readAll(store)) {
          assert.strictEqual(value?.byteOffset, 0)
          assert.strictEqual(value?.buffer.byteLength, sharedLimit + 1)
          transferAway(value)
        }
        assert.strictEqual((yield* store.get(bytes("key")))?.[sharedLimit], 2)
      })
  )

  onEachStore("may be changed by its owner, and nobody else sees it", (store) =>
    Effect.gen(function*() {
      for (const length of [10, 10_000]) {
        const written = new Uint8Array(length).fill(7)
        yield* store.put(bytes("key"), written)
        for (const step of [Effect.void, store.flush, store.compact()]) {
          yield* step
          for (const value of yield* readAll(store)) value?.fill(0)
          for (const value of yield* readAll(store)) assert.deepStrictEqual(value, written)
          for (const [key, value] of yield* Stream.runCollect(store.scan())) {
            key.fill(0)
            value.fill(0)
          }
          assert.deepStrictEqual(lines(yield* Stream.runCollect(store.scan())), [`key=${text(written)}`])
        }
      }
    }))

  onEachStore(
    "does not change when its key is overwritten, deleted, flushed or compacted",
    (store) =>
      Effect.gen(function*() {
        for (const length of [10, 10_000]) {
          const written = new Uint8Array(length).fill(7)
          yield* store.put(bytes("key"), written)
          const results = yield* readAll(store)
          yield* store.put(bytes("key"), new Uint8Array(length).fill(8))
          yield* store.flush
          results.push(...yield* readAll(store))
          yield* store.delete(bytes("key"))
          yield* store.flush
          yield* store.compact()
          yield* store.put(bytes("key"), new Uint8Array(length).fill(9))
          assert.deepStrictEqual(results.map((value) => value?.[0]), [7, 7, 7, 7, 8, 8, 8, 8])
          assert.isTrue(results.every((value) => value?.every((byte) => byte === value[0])))
        }
      })
  )
})

/** Starts an effect, changes its arguments once it waits, and returns how it ended. */
const changingMeanwhile = <A, E>(effect: Effect.Effect<A, E>, ...args: ReadonlyArray<Uint8Array>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    for (const arg of args) arg.fill(0xee)
    return yield* Fiber.join(fiber)
  })

describe("an argument", () => {
  for (const durability of ["sync", "buffered", "async"] as const) {
    for (const length of [10, 100_000]) {
      onEachStore(
        `of a write at "${durability}" may be changed once it has started (${length} bytes)`,
        (store) =>
          Effect.gen(function*() {
            const put = { key: bytes("put"), value: new Uint8Array(length).fill(1) }
            yield* changingMeanwhile(store.put(put.key, put.value, { durability }), put.key, put.value)
            const removed = bytes("put-2")
            yield* store.put(removed, bytes("old"))
            yield* changingMeanwhile(store.delete(removed, { durability }), removed)
            const added = { key: bytes("batch"), value: new Uint8Array(length).fill(2) }
            const batch = WriteBatch.make().put(added.key, added.value)
            added.key.fill(0xee)
            added.value.fill(0xee)
            yield* store.write(batch, { durability })
            const entries = yield* Stream.runCollect(store.scan())
            assert.deepStrictEqual(entries.map(([key, value]) => [text(key), value.length, value[0], value.at(-1)]), [
              ["batch", length, 2, 2],
              ["put", length, 1, 1]
            ])
          })
      )
    }
  }

  it("of a read may be changed once it has started, though the read waits for the disk", () => {
    for (let seed = 0; seed < 20; seed++) {
      const program = Effect.gen(function*() {
        const store = yield* open(simulatedLayer(SimulatedDisk.make({ seed }), { blockCacheSize: 0 }))
        const keys = Array.from({ length: 400 }, (_, i) => `key-${String(i).padStart(3, "0")}`)
        yield* Effect.forEach(keys, (key) => store.put(bytes(key), bytes(key)), { concurrency: "unbounded" })
        yield* store.flush
        const one = bytes("key-007")
        assert.strictEqual(text(yield* changingMeanwhile(store.get(one), one)), "key-007")
        const has = bytes("key-008")
        assert.isTrue(yield* changingMeanwhile(store.has(has), has))
        const many = keys.map(bytes)
        assert.deepStrictEqual(texts(yield* changingMeanwhile(store.getMany(many), ...many)), keys)
        const gte = bytes("key-005")
        const lt = bytes("key-395")
        const prefix = bytes("key-")
        const scan = Stream.runCollect(store.scan({ gte, lt, prefix }))
        assert.strictEqual((yield* changingMeanwhile(scan, gte, lt, prefix)).length, 390)
      })
      // Nobody is preempted: what was forked has started, and waits for the disk.
      runSimulated(seed, Effect.scoped(program), { yieldChance: 0 })
    }
  })

  it.effect("may be a Buffer, a part of a larger array, or over shared memory", () =>
    Effect.gen(function*() {
      const store = yield* open(LsmStore.layerMemory())
      const shared = new Uint8Array(new SharedArrayBuffer(8), 2, 3).fill(0x61)
      const part = bytes("xxpartxx").subarray(2, 6)
      yield* store.put(Buffer.from("buffer"), Buffer.from("1"))
      yield* store.put(part, part)
      yield* store.write(WriteBatch.make().put(shared, shared))
      assert.strictEqual(text(yield* store.get(Buffer.from("buffer"))), "1")
      assert.strictEqual(text(yield* store.get(part)), "part")
      assert.strictEqual(text(yield* store.get(shared)), "aaa")
      assert.deepStrictEqual(lines(yield* Stream.runCollect(store.scan({ gte: shared, lte: Buffer.from("buffer") }))), [
        "aaa=aaa",
        "buffer=1"
      ])
    }))
})
