import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Logger, Scope, Stream } from "effect"
import { levelCount } from "../../src/Compaction.ts"
import type { CompactionStrategy } from "../../src/Compaction.ts"
import { levelled } from "../../src/compaction/Levelled.ts"
import * as NodeDisk from "../../src/disk/NodeDisk.ts"
import { LsmStore } from "../../src/index.ts"
import type { EngineEvent } from "../../src/index.ts"
import { layerWorkerJobs } from "../../src/jobs/WorkerJobs.ts"
import { SimulatedDisk } from "../../src/testing/index.ts"
import { WorkerSignals } from "../jobs/WorkerSignals.ts"
import {
  backends,
  bytes,
  contentOf,
  failureOf,
  freshDirectory,
  open,
  runSimulated,
  simulatedLayer,
  tinyMemtable
} from "./storeHelpers.ts"
import type { Store } from "./storeHelpers.ts"

/** Nothing is merged by itself. */
const onlyWhenAsked: CompactionStrategy = { ...levelled(), name: "only when asked", pick: () => undefined }

/** The events of all that happens in `use`, until the store has closed. */
const eventsOf = <E, A, E2>(
  opened: Effect.Effect<Store, E, Scope.Scope>,
  use: (store: Store) => Effect.Effect<A, E2, Scope.Scope>
) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const store = yield* Scope.provide(opened, scope)
    const listener = yield* Effect.forkChild(Stream.runCollect(store.events))
    // The listener has subscribed once it waits.
    yield* Effect.yieldNow
    yield* Effect.yieldNow
    yield* Scope.provide(use(store), scope)
    yield* Scope.close(scope, Exit.void)
    return yield* Fiber.join(listener)
  })

const only = <Tag extends EngineEvent["_tag"]>(events: ReadonlyArray<EngineEvent>, tag: Tag) =>
  events.filter((event): event is Extract<EngineEvent, { readonly _tag: Tag }> => event._tag === tag)

const fillMemtables = (store: Store, count: number) =>
  Effect.forEach(
    Array.from({ length: count * 3 }, (_, i) => i),
    // Out of order, so that tables overlap.
    (i) => store.put(bytes(`key-${i * 11 % (count * 3)}`), new Uint8Array(30_000)),
    { discard: true }
  )

describe("events", () => {
  // Writers that are slowed wait by the clock, which must go on by itself.
  for (const backend of backends) {
    it.live(`tell of each segment, rotation, flush and compaction, in the order in which they happen (${backend.name})`, () =>
      Effect.gen(function*() {
        const events = yield* eventsOf(
          backend.open({ ...tinyMemtable, compaction: onlyWhenAsked, compression: "none" }),
          (store) =>
            Effect.gen(function*() {
              yield* fillMemtables(store, 4)
              yield* store.flush
              yield* store.compact()
            })
        )
        const segments = only(events, "SegmentCreated").map(({ segment }) => segment)
        const rotations = only(events, "MemtableRotated")
        const flushes = only(events, "MemtableFlushed")
        assert.isAtLeast(rotations.length, 4)
        assert.deepStrictEqual(rotations.map(({ segment }) => segment), flushes.map(({ segment }) => segment))
        for (const [i, rotation] of rotations.entries()) {
          assert.strictEqual(rotation.segment, i + 1)
          assert.strictEqual(rotation.nextSegment, i + 2)
          assert.isAbove(rotation.records, 0)
          assert.isAbove(rotation.bytes, 0)
          const created = events.findIndex((event) => event._tag === "SegmentCreated" && event.segment === i + 2)
          const rotated = events.indexOf(rotation)
          const flush = flushes[i]
          assert.isDefined(flush)
          assert.isTrue(created >= 0 && created < rotated && rotated < events.indexOf(flush))
          assert.isAbove(flush.bytes, 0)
        }
        assert.strictEqual(new Set(segments).size, segments.length)
        const [compaction] = only(events, "TablesCompacted")
        assert.isDefined(compaction)
        const tables = flushes.flatMap(({ table }) => table === undefined ? [] : [table])
        assert.deepStrictEqual(compaction.removed.toSorted((a, b) => a - b), tables)
        assert.strictEqual(compaction.added.length, 1)
        assert.isAbove(compaction.added[0] ?? 0, Math.max(...tables))
        assert.strictEqual(compaction.level, levelCount - 1)
        assert.strictEqual(compaction.bytesRead, flushes.reduce((sum, flush) => sum + flush.bytes, 0))
        assert.isAbove(compaction.bytesWritten, 12 * 30_000)
        assert.isAtMost(compaction.bytesWritten, compaction.bytesRead)
        assert.isAtLeast(compaction.milliseconds, 0)
        assert.strictEqual(only(events, "TablesCompacted").length, 1)
        assert.isEmpty([...only(events, "TablesMoved"), ...only(events, "TablesDropped")])
        assert.strictEqual(rotations.reduce((sum, { records }) => sum + records, 0), 12)
      }))

    it.live(`come to every listener, from when it listens (${backend.name})`, () =>
      Effect.gen(function*() {
        const store = yield* backend.open()
        const next = Effect.map(
          Stream.runCollect(Stream.take(Stream.filter(store.events, ({ _tag }) => _tag === "MemtableFlushed"), 1)),
          (events) => only(events, "MemtableFlushed").map(({ segment }) => segment)
        )
        const flushOne = Effect.andThen(store.put(bytes("a"), bytes("1")), store.flush)
        const first = yield* Effect.all([Effect.forkChild(next), Effect.forkChild(next)])
        yield* Effect.yieldNow
        yield* Effect.yieldNow
        yield* flushOne
        const second = yield* Effect.forkChild(next)
        yield* Effect.yieldNow
        yield* Effect.yieldNow
        yield* flushOne
        assert.deepStrictEqual(yield* Fiber.joinAll([...first, second]), [[1], [1], [2]])
      }))
  }

  for (const backend of backends) {
    it.live(`tell of tables that go down as they are (${backend.name})`, () =>
      Effect.gen(function*() {
        const events = yield* eventsOf(backend.open({ compaction: onlyWhenAsked, compression: "none" }), (store) =>
          Effect.gen(function*() {
            for (const key of ["a", "b"]) {
              yield* store.put(bytes(key), bytes("1"))
              yield* store.flush
              yield* store.compact()
            }
            const { compaction, tables } = yield* store.stats
            assert.strictEqual(compaction.count, 0)
            assert.strictEqual(compaction.moved, 2)
            assert.strictEqual(tables.count, 2)
          }))
        const flushed = only(events, "MemtableFlushed").map(({ table }) =>
          table === undefined ? [] : [table]
        )
        const moved = only(events, "TablesMoved")
        assert.deepStrictEqual(moved.map(({ tables }) => tables), flushed)
        assert.deepStrictEqual(moved.map(({ level }) => level), [levelCount - 1, levelCount - 1])
        for (const { milliseconds } of moved) assert.isAtLeast(milliseconds, 0)
        assert.isEmpty(only(events, "TablesCompacted"))
      }))

    it.live(`tell of tables that a strategy gives up (${backend.name})`, () =>
      Effect.gen(function*() {
        const dropOldest: CompactionStrategy = {
          ...onlyWhenAsked,
          pick: ({ levels: [level0 = []] }) => level0.length > 2 ? { _tag: "Drop", tables: level0.slice(2) } : undefined
        }
        const left = yield* Deferred.make<ReadonlyArray<string>>()
        const events = yield* eventsOf(backend.open({ compaction: dropOldest }), (store) =>
          Effect.gen(function*() {
            for (const key of ["a", "b", "c", "d"]) {
              yield* store.put(bytes(key), bytes("1"))
              yield* store.flush
            }
            yield* Effect.repeat(Effect.tap(store.stats, Effect.yieldNow), {
              until: ({ tables }) => tables.count === 2
            })
            yield* Deferred.succeed(left, yield* contentOf(store))
          }))
        const flushed = only(events, "MemtableFlushed").map(({ table }) => table)
        assert.deepStrictEqual(only(events, "TablesDropped").flatMap(({ removed }) => removed), flushed.slice(0, 2))
        assert.deepStrictEqual(yield* Deferred.await(left), ["c=1", "d=1"])
      }))
  }

  it("tell of failures that are retried, and of writes that have stopped", () => {
    const disk = SimulatedDisk.make()
    const events = runSimulated(
      5,
      eventsOf(open(simulatedLayer(disk)), (store) =>
        Effect.gen(function*() {
          yield* store.put(bytes("a"), bytes("1"))
          disk.fail({ when: ({ operation, path }) => operation === "sync" && path.endsWith(".sst"), code: "EIO" })
          yield* store.flush
          disk.fail({ when: ({ operation, path }) => operation === "append" && path.includes("wal-"), code: "ENOSPC" })
          yield* failureOf(store.put(bytes("b"), bytes("1")))
        }))
    )
    const [restarted] = only(events, "ActorRestarted")
    assert.isDefined(restarted)
    assert.strictEqual(restarted.actor, "Flusher")
    assert.include(restarted.reason, "EIO")
    assert.strictEqual(restarted.restarts, 1)
    assert.isAbove(restarted.delayMilliseconds, 0)
    assert.strictEqual(only(events, "MemtableFlushed").length, 1)
    const [stopped] = only(events, "WritesStopped")
    assert.isDefined(stopped)
    assert.strictEqual(stopped.error._tag, "StoreReadOnly")
    assert.include(stopped.error.message, "ENOSPC")
    assert.strictEqual(only(events, "WritesStopped").length, 1)
  })

  it("I13: tell of writers that waited for a flush", () => {
    const disk = SimulatedDisk.make({ delay: Effect.sleep("1 milli") })
    const events = runSimulated(
      2,
      eventsOf(open(simulatedLayer(disk, { ...tinyMemtable, maxImmutables: 1 })), (store) =>
        Effect.gen(function*() {
          const slow = disk.fail({ when: ({ path }) => path.endsWith(".sst"), times: 5, code: "EIO" })
          yield* fillMemtables(store, 4)
          assert.strictEqual(slow.fired, 5)
          const { stalls } = yield* store.stats
          assert.isAbove(stalls.count, 0)
          assert.isAbove(stalls.milliseconds, 0)
        }))
    )
    const [stalled] = only(events, "WriteStalled")
    assert.isDefined(stalled)
    assert.strictEqual(stalled.reason, "immutables")
    assert.isAbove(stalled.milliseconds, 0)
  })

  it("I13: tell of writers that waited for a full level 0", () => {
    const disk = SimulatedDisk.make({ delay: Effect.sleep("1 milli") })
    const compaction: CompactionStrategy = { ...onlyWhenAsked, stopTables: 2 }
    const events = runSimulated(
      3,
      eventsOf(
        open(simulatedLayer(disk, { ...tinyMemtable, maxImmutables: 1, compaction })),
        (store) => fillMemtables(store, 8)
      )
    )
    assert.isNotEmpty(only(events, "TablesCompacted"))
    const stalls = only(events, "WriteStalled").filter(({ reason }) => reason === "level0")
    assert.isNotEmpty(stalls)
    for (const { milliseconds } of stalls) assert.isAbove(milliseconds, 0)
  })

  it("I13: tell of writers that were slowed, once it is over", () => {
    const disk = SimulatedDisk.make()
    disk.fail({ when: ({ path }) => path.endsWith(".sst"), times: 5, code: "EIO" })
    let slowdowns: unknown
    const events = runSimulated(
      4,
      eventsOf(
        open(simulatedLayer(disk, { ...tinyMemtable, durability: "buffered", maxImmutables: 32 })),
        (store) =>
          Effect.gen(function*() {
            yield* fillMemtables(store, 23)
            yield* store.flush
            // The first write that nothing slows ends the stretch.
            yield* store.put(bytes("a"), bytes("1"))
            slowdowns = (yield* store.stats).slowdowns
          })
      )
    )
    const slowed = only(events, "WriteStalled").filter(({ kind }) => kind === "slowed")
    assert.isNotEmpty(slowed)
    for (const { milliseconds } of slowed) assert.isAbove(milliseconds, 0)
    assert.deepStrictEqual(slowdowns, {
      count: slowed.length,
      milliseconds: slowed.reduce((sum, { milliseconds }) => sum + milliseconds, 0)
    })
  })

  it.live("tell of a worker thread that died and is replaced, and of the job that is done again", () =>
    Effect.gen(function*() {
      const directory = yield* freshDirectory
      const signals = new WorkerSignals()
      const jobs = layerWorkerJobs({
        entry: new URL("../jobs/mishapEntry.ts", import.meta.url),
        extra: { mishap: "exit", operation: "sync", call: 0, memory: signals.memory },
        priority: 0,
        restartDelay: 3
      })
      const layer = LsmStore.layer({ directory }).pipe(Layer.provide(jobs), Layer.provide(NodeDisk.layer))
      const restarts = yield* Deferred.make<number>()
      const events = yield* eventsOf(open(layer), (store) =>
        Effect.gen(function*() {
          yield* store.put(bytes("a"), bytes("1"))
          yield* store.flush
          yield* Deferred.succeed(restarts, (yield* store.stats).workerRestarts)
        }))
      const story = events.filter(({ _tag }) => _tag !== "SegmentCreated" && _tag !== "MemtableRotated")
      assert.deepStrictEqual(story.map(({ _tag }) => _tag), ["WorkerRestarted", "ActorRestarted", "MemtableFlushed"])
      const [worker] = only(events, "WorkerRestarted")
      assert.isDefined(worker)
      const { reason, ...known } = worker
      assert.deepStrictEqual(known, {
        _tag: "WorkerRestarted",
        worker: "flush",
        restarts: 1,
        delayMilliseconds: 3
      })
      assert.isNotEmpty(reason)
      assert.strictEqual(only(events, "ActorRestarted")[0]?.actor, "Flusher")
      assert.strictEqual(yield* Deferred.await(restarts), 1)
    }).pipe(Effect.provide(Logger.layer([]))))

  it.effect("stop when the listener stops: nothing is kept for it", () =>
    Effect.gen(function*() {
      const [memory] = backends
      const store = yield* memory?.open() ?? Effect.die("no backend")
      const listener = yield* Effect.forkChild(Stream.runDrain(store.events))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(listener)
      yield* store.put(bytes("a"), bytes("1"))
      yield* store.flush
      assert.strictEqual((yield* store.stats).flushes, 1)
    }))
})
