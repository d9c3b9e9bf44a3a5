import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Scope } from "effect"
import { levelCount } from "../../src/Compaction.ts"
import type { CompactionStrategy } from "../../src/Compaction.ts"
import { levelled } from "../../src/compaction/Levelled.ts"
import { LsmStore, WriteBatch } from "../../src/index.ts"
import { SimulatedDisk } from "../../src/testing/index.ts"
import { bytes, onEachStore, runSimulated, simulatedLayer, tinyMemtable } from "./storeHelpers.ts"
import type { Store } from "./storeHelpers.ts"

/** The stats once what a flush left behind is cleared away. */
const settled = (store: Store) =>
  store.stats.pipe(
    Effect.tap(Effect.yieldNow),
    Effect.repeat({
      until: ({ actors, immutables }) => immutables.count === 0 && actors.every((actor) => actor.queued === 0)
    })
  )

/** Nothing is merged by itself, and each table is a debt. */
const onlyWhenAsked: CompactionStrategy = {
  ...levelled(),
  name: "only when asked",
  pick: () => undefined,
  debt: ({ levels }) => levels.flat().length
}

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
      assert.deepStrictEqual(
        stats.levels,
        Array.from({ length: levelCount }, (_, level) => ({
          level,
          tables: 0,
          bytes: 0,
          entries: 0,
          tombstones: 0,
          memoryBytes: 0,
          reads: 0,
          bytesWritten: 0
        }))
      )
      assert.deepStrictEqual(stats.compaction, {
        strategy: levelled().name,
        count: 0,
        moved: 0,
        dropped: 0,
        bytesRead: 0,
        bytesWritten: 0,
        debt: 0
      })
      assert.deepStrictEqual(stats.amplification, { read: 0, write: 0, space: 1 })
      assert.strictEqual(stats.gets, 0)
      assert.deepStrictEqual(stats.cache, { hits: 0, misses: 0, hitRate: 0, bytes: 0, indexBytes: 0, evictions: 0 })
      assert.deepStrictEqual(stats.files, { open: 0, limit: 512, reopened: 0 })
      assert.deepStrictEqual(stats.stalls, { count: 0, milliseconds: 0 })
      assert.deepStrictEqual(stats.slowdowns, { count: 0, milliseconds: 0 })
      assert.strictEqual(stats.workerRestarts, 0)
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
      assert.strictEqual(compacted.compaction.count, 1)
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
      assert.strictEqual(stats.compaction.count, 0)
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

  onEachStore("show each level, its sum, and what was written into it", (store) =>
    Effect.gen(function*() {
      yield* store.put(bytes("a"), new Uint8Array(10_000))
      yield* store.delete(bytes("b"))
      yield* store.flush
      yield* store.compact()
      yield* store.put(bytes("a"), new Uint8Array(20_000))
      yield* store.flush
      yield* store.put(bytes("c"), new Uint8Array(20_000))
      yield* store.flush
      const { amplification, compaction, levels, log, tables } = yield* settled(store)
      const [top, ...between] = levels.filter((level) => level.tables > 0)
      const deepest = between.pop()
      assert.isDefined(top)
      assert.isDefined(deepest)
      assert.isEmpty(between)
      assert.deepInclude(top, { level: 0, tables: 2, entries: 2, tombstones: 0 })
      assert.deepInclude(deepest, { level: levelCount - 1, tables: 1, entries: 1, tombstones: 0 })
      for (const level of [top, deepest]) assert.isAbove(level.memoryBytes, 0)
      assert.deepStrictEqual(tables, {
        count: 3,
        entries: 3,
        bytes: top.bytes + deepest.bytes,
        memoryBytes: top.memoryBytes + deepest.memoryBytes
      })
      // A tombstone was merged away, so its table was not only moved.
      assert.deepInclude(compaction, { strategy: "only when asked", count: 1, moved: 0, dropped: 0, debt: 3 })
      assert.strictEqual(deepest.bytesWritten, compaction.bytesWritten)
      assert.strictEqual(deepest.bytesWritten, deepest.bytes)
      assert.strictEqual(top.bytesWritten, top.bytes + compaction.bytesRead)
      assert.isAbove(log.fileBytes, log.bytes)
      assert.strictEqual(
        amplification.write,
        (log.fileBytes + top.bytesWritten + deepest.bytesWritten) / log.bytes
      )
      assert.strictEqual(amplification.space, tables.bytes / deepest.bytes)
    }), { compaction: onlyWhenAsked, workers: 0 })

  onEachStore("count what moves to a deeper level apart from what is written there", (store) =>
    Effect.gen(function*() {
      yield* store.put(bytes("a"), bytes("1"))
      yield* store.flush
      yield* store.compact()
      const { compaction, levels } = yield* settled(store)
      assert.deepInclude(compaction, { count: 0, moved: 1, bytesWritten: 0 })
      const deepest = levels.at(-1)
      assert.strictEqual(deepest?.tables, 1)
      assert.strictEqual(deepest?.bytesWritten, 0)
      assert.strictEqual(levels[0]?.bytesWritten, deepest?.bytes)
    }), { compaction: onlyWhenAsked, compression: "none", workers: 0 })

  onEachStore(
    "count keys looked up, and the levels in which each was looked for in a block",
    (store) =>
      Effect.gen(function*() {
        const readsOf = Effect.map(store.stats, ({ gets, levels }) => ({
          gets,
          reads: levels.flatMap(({ level, reads }) => reads > 0 ? [[level, reads] as const] : [])
        }))
        yield* store.put(bytes("deep"), bytes("1"))
        yield* store.flush
        yield* store.compact()
        yield* store.put(bytes("top"), bytes("1"))
        yield* store.flush
        yield* store.put(bytes("memory"), bytes("1"))
        yield* store.get(bytes("memory"))
        // Beyond the bounds of every table.
        yield* store.has(bytes("a"))
        assert.deepStrictEqual(yield* readsOf, { gets: 2, reads: [] })
        // The blocks are cached from here on, so that no lookup begins anew.
        yield* store.getMany([bytes("top"), bytes("deep")])
        const before = yield* readsOf
        assert.strictEqual(before.gets, 4)
        yield* store.get(bytes("top"))
        yield* store.get(bytes("deep"))
        yield* store.has(bytes("deep"))
        const after = yield* readsOf
        assert.strictEqual(after.gets, 7)
        const gained = after.reads.map(([level, reads]) => [level, reads - (new Map(before.reads).get(level) ?? 0)])
        assert.deepStrictEqual(gained, [[0, 1], [levelCount - 1, 2]])
        const { amplification } = yield* store.stats
        assert.strictEqual(amplification.read, after.reads.reduce((sum, [, reads]) => sum + reads, 0) / after.gets)
      }),
    { compaction: onlyWhenAsked }
  )

  onEachStore(
    "show the files that are open, the bound, and what indexes take of the cache",
    (store) =>
      Effect.gen(function*() {
        for (let i = 0; i < 10; i++) {
          yield* store.put(bytes(`key-${i}`), bytes("1"))
          yield* store.flush
        }
        for (let i = 0; i < 10; i++) yield* store.get(bytes(`key-${i}`))
        const { cache, files, tables } = yield* store.stats
        assert.strictEqual(tables.count, 10)
        assert.strictEqual(files.limit, 8)
        assert.isAtMost(files.open, files.limit)
        assert.isAbove(files.reopened, 0)
        assert.isAtLeast(cache.indexBytes, tables.memoryBytes)
        assert.strictEqual(cache.hitRate, cache.hits / (cache.hits + cache.misses))
      }),
    { compaction: onlyWhenAsked, maxOpenFiles: 8, workers: 0 }
  )

  it.effect("of a closed store show every actor stopped, and nothing that waits", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const store = Context.get(yield* Scope.provide(Layer.build(LsmStore.layerMemory()), scope), LsmStore)
      yield* store.put(bytes("a"), bytes("1"))
      yield* store.flush
      yield* Scope.close(scope, Exit.void)
      const { actors } = yield* store.stats
      for (const actor of actors) assert.deepInclude(actor, { state: "stopped", queued: 0 })
    }))

  it("show an actor idle only when it has nothing left to do", () => {
    const disk = SimulatedDisk.make({ delay: Effect.sleep("1 milli") })
    const looks = runSimulated(
      3,
      Effect.scoped(Effect.gen(function*() {
        const store = Context.get(yield* Layer.build(simulatedLayer(disk, tinyMemtable)), LsmStore)
        const seen = new Set<string>()
        const look = Effect.map(store.stats, ({ actors }) => {
          for (const { name, queued, state } of actors) if (name === "Manifest") seen.add(`${state} ${queued}`)
        })
        yield* Effect.forkScoped(Effect.forever(Effect.andThen(look, Effect.sleep("100 micros"))))
        for (let i = 0; i < 20; i++) yield* store.put(bytes(`key-${i}`), new Uint8Array(30_000))
        yield* store.flush
        return seen
      }))
    )
    assert.include([...looks], "working 1")
    assert.include([...looks], "idle 0")
    assert.notInclude([...looks], "idle 1")
  })
})
