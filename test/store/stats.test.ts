import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { WriteBatch } from "../../src/index.ts"
import { bytes, onEachStore, tinyMemtable } from "./storeHelpers.ts"
import type { Store } from "./storeHelpers.ts"

/** The stats once what a flush left behind is cleared away. */
const settled = (store: Store) =>
  store.stats.pipe(
    Effect.tap(Effect.yieldNow),
    Effect.repeat({
      until: ({ actors, immutables }) => immutables.count === 0 && actors.every((actor) => actor.queued === 0)
    })
  )

describe("stats", () => {
  onEachStore("of a new store are all zero", (store) =>
    Effect.gen(function*() {
      const stats = yield* store.stats
      assert.strictEqual(stats.sequence, 0)
      assert.isFalse(stats.readOnly)
      assert.strictEqual(stats.memtable.records, 0)
      assert.deepStrictEqual(stats.immutables, { count: 0, records: 0, bytes: 0 })
      assert.deepStrictEqual(stats.tables, { count: 0, entries: 0, bytes: 0, memoryBytes: 0 })
      assert.strictEqual(stats.log.segments, 1)
      assert.strictEqual(stats.log.records, 0)
      assert.deepStrictEqual(stats.snapshots, { count: 0 })
      assert.deepStrictEqual(stats.stalls, { count: 0, milliseconds: 0 })
      assert.strictEqual(stats.recovery.records, 0)
      assert.deepStrictEqual(stats.actors.map(({ name }) => name).toSorted(), [
        "Compactor",
        "Flusher",
        "Manifest",
        "RotationCoordinator",
        "Wal"
      ])
    }))

  onEachStore("follow records from the log through the memtable into tables", (store) =>
    Effect.gen(function*() {
      for (let i = 0; i < 10; i++) yield* store.put(bytes(`key-${i}`), bytes("value"))
      yield* store.write(WriteBatch.make().put(bytes("a"), bytes("1")).delete(bytes("key-0")))
      const written = yield* store.stats
      assert.strictEqual(written.sequence, 12)
      assert.strictEqual(written.memtable.records, 12)
      assert.isAbove(written.memtable.bytes, 12 * 10)
      assert.strictEqual(written.log.records, 12)
      assert.strictEqual(written.log.groups, 11)
      assert.strictEqual(written.log.largestGroup, 2)
      assert.isAtLeast(written.log.syncs, 11)
      assert.strictEqual(written.log.queuedBytes, 0)
      assert.strictEqual(written.tables.count, 0)

      yield* store.flush
      const flushed = yield* settled(store)
      assert.strictEqual(flushed.memtable.records, 0)
      assert.strictEqual(flushed.memtable.segment, written.memtable.segment + 1)
      assert.strictEqual(flushed.immutables.count, 0)
      assert.strictEqual(flushed.rotations, 1)
      assert.strictEqual(flushed.flushes, 1)
      assert.strictEqual(flushed.tables.count, 1)
      assert.strictEqual(flushed.tables.entries, 11)
      assert.isAbove(flushed.tables.bytes, 0)
      assert.isAbove(flushed.tables.memoryBytes, 0)

      yield* store.put(bytes("key-1"), bytes("new"))
      yield* store.flush
      assert.strictEqual((yield* store.stats).tables.count, 2)
      yield* store.compact()
      const compacted = yield* settled(store)
      assert.strictEqual(compacted.compactions, 1)
      assert.strictEqual(compacted.tables.count, 1)
      assert.strictEqual(compacted.tables.entries, 10)
      assert.strictEqual(compacted.sequence, 13)
    }))

  onEachStore("I13: show a constant number of segments however much is written", (store) =>
    Effect.gen(function*() {
      const counts = new Set<number>()
      for (let round = 0; round < 6; round++) {
        for (let i = 0; i < 5; i++) yield* store.put(bytes(`key-${i}`), new Uint8Array(30_000))
        yield* store.flush
        counts.add((yield* settled(store)).log.segments)
      }
      assert.isAtMost(Math.max(...counts), 2)
      assert.isAbove((yield* store.stats).rotations, 10)
    }), tinyMemtable)

  onEachStore("count what a flush has nothing to do for", (store) =>
    Effect.gen(function*() {
      yield* store.flush
      yield* store.flush
      yield* store.compact()
      yield* store.sync
      const stats = yield* store.stats
      assert.strictEqual(stats.rotations, 0)
      assert.strictEqual(stats.flushes, 0)
      assert.strictEqual(stats.compactions, 0)
      assert.strictEqual(stats.tables.count, 0)
    }))

  onEachStore("show what the block cache did", (store) =>
    Effect.gen(function*() {
      const keys = Array.from({ length: 200 }, (_, i) => bytes(`key-${i}`))
      yield* Effect.forEach(keys, (key) => store.put(key, new Uint8Array(100)), { concurrency: "unbounded" })
      yield* store.flush
      for (const key of keys) yield* store.get(key)
      const cold = (yield* store.stats).cache
      assert.isAbove(cold.misses, 0)
      assert.isAbove(cold.bytes, 0)
      for (const key of keys) yield* store.get(key)
      const warm = (yield* store.stats).cache
      assert.strictEqual(warm.misses, cold.misses)
      assert.isAtLeast(warm.hits, cold.hits + keys.length)
    }))
})
