import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Metric, Scope } from "effect"
import { levelCount } from "../../src/Compaction.ts"
import { LsmStore } from "../../src/index.ts"
import type { EngineOptions } from "../../src/index.ts"
import { bytes, open } from "../store/storeHelpers.ts"

const openMemory = (options?: EngineOptions) => open(LsmStore.layerMemory(options))

/** In a registry of its own, as tests beside it open stores too. */
const inRegistry = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.provideService(effect, Metric.MetricRegistry, new Map())

/** A store's series by name, or by name and level. */
const seriesOf = (store: string) =>
  Effect.map(
    Metric.snapshot,
    (snapshots) =>
      new Map(
        snapshots.filter(({ attributes }) => attributes?.["store"] === store).map((snapshot) => {
          const level = snapshot.attributes?.["level"]
          const value = snapshot.type === "Counter"
            ? snapshot.state.count
            : snapshot.type === "Gauge"
            ? snapshot.state.value
            : undefined
          return [level === undefined ? snapshot.id : `${snapshot.id} ${level}`, Number(value)] as const
        })
      )
  )

describe("metrics", () => {
  it.effect("show what stats show", () =>
    inRegistry(Effect.gen(function*() {
      const store = yield* openMemory()
      for (const round of ["1", "2"]) {
        for (const key of ["a", "b", "c"]) yield* store.put(bytes(key), bytes(round))
        yield* store.flush
      }
      yield* store.compact()
      yield* store.put(bytes("d"), bytes("3"))
      yield* store.flush
      yield* store.put(bytes("e"), bytes("4"))
      yield* store.snapshot
      for (const key of ["a", "b", "a", "d", "e", "f"]) yield* store.get(bytes(key))
      const stats = yield* store.stats
      const found = yield* seriesOf("/memory")
      const expected = {
        gets: 6,
        groups: stats.log.groups,
        records: 8,
        record_bytes: stats.log.bytes,
        log_bytes: stats.log.fileBytes,
        log_syncs: stats.log.syncs,
        flushes: 3,
        compactions: 1,
        compaction_read_bytes: stats.compaction.bytesRead,
        compaction_written_bytes: stats.compaction.bytesWritten,
        tables_moved: 0,
        tables_dropped: 0,
        stalls: 0,
        stall_milliseconds: 0,
        slowdowns: 0,
        slowdown_milliseconds: 0,
        cache_hits: stats.cache.hits,
        cache_misses: stats.cache.misses,
        cache_evictions: 0,
        synchronous_reads: stats.reads.synchronous,
        asynchronous_reads: stats.reads.asynchronous,
        file_reopens: 0,
        actor_restarts: 0,
        worker_restarts: 0,
        memtable_bytes: stats.memtable.bytes,
        immutables: 0,
        immutable_bytes: 0,
        replayed_bytes: 0,
        compaction_debt_bytes: stats.compaction.debt,
        queued_bytes: 0,
        cache_bytes: stats.cache.bytes,
        index_bytes: stats.cache.indexBytes,
        open_files: 2,
        snapshots: 1,
        ...Object.fromEntries(stats.levels.flatMap(({ bytes: tableBytes, bytesWritten, level, reads, tables }) => [
          [`tables ${level}`, tables],
          [`table_bytes ${level}`, tableBytes],
          [`table_written_bytes ${level}`, bytesWritten],
          [`table_reads ${level}`, reads]
        ]))
      }
      assert.deepStrictEqual(
        Object.fromEntries(found),
        Object.fromEntries(Object.entries(expected).map(([name, value]) => [`effect_lsm_${name}`, value]))
      )
      for (const name of ["cache_hits", "cache_misses", "memtable_bytes", "index_bytes", "table_reads 0"]) {
        assert.isAbove(found.get(`effect_lsm_${name}`) ?? 0, 0, name)
      }
      assert.isAbove(found.get(`effect_lsm_table_reads ${levelCount - 1}`) ?? 0, 0)
    })))

  it.effect("are there while the store is open, and only then", () =>
    inRegistry(Effect.gen(function*() {
      const scope = yield* Scope.make()
      assert.isEmpty(yield* Metric.snapshot)
      yield* Scope.provide(openMemory(), scope)
      assert.isNotEmpty(yield* Metric.snapshot)
      yield* Scope.close(scope, Exit.void)
      assert.isEmpty(yield* Metric.snapshot)
    })))

  it.effect("of two stores do not clash, whatever their directories are called", () =>
    inRegistry(Effect.gen(function*() {
      const recordsOf = (name: string) => Effect.map(seriesOf(name), (series) => series.get("effect_lsm_records"))
      const scope = yield* Scope.make()
      const first = yield* Scope.provide(openMemory(), scope)
      const second = yield* openMemory()
      yield* first.put(bytes("a"), bytes("1"))
      for (const key of ["a", "b"]) yield* second.put(bytes(key), bytes("1"))
      assert.deepStrictEqual([yield* recordsOf("/memory"), yield* recordsOf("/memory (2)")], [1, 2])
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual([yield* recordsOf("/memory"), yield* recordsOf("/memory (2)")], [undefined, 2])
      yield* openMemory()
      assert.deepStrictEqual([yield* recordsOf("/memory"), yield* recordsOf("/memory (2)")], [0, 2])
    })))
})
