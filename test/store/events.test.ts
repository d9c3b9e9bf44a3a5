import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope, Stream } from "effect"
import type { EngineEvent } from "../../src/index.ts"
import { SimulatedDisk } from "../../src/testing/index.ts"
import { backends, bytes, failureOf, open, runSimulated, simulatedLayer, tinyMemtable } from "./storeHelpers.ts"
import type { Store } from "./storeHelpers.ts"

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
    (i) => store.put(bytes(`key-${i}`), new Uint8Array(30_000)),
    { discard: true }
  )

describe("events", () => {
  for (const backend of backends) {
    it.effect(`tell of each segment, rotation, flush and compaction, in the order in which they happen (${backend.name})`, () =>
      Effect.gen(function*() {
        const events = yield* eventsOf(backend.open(tinyMemtable), (store) =>
          Effect.gen(function*() {
            yield* fillMemtables(store, 4)
            yield* store.flush
            yield* store.compact()
          }))
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
        assert.strictEqual(rotations.reduce((sum, { records }) => sum + records, 0), 12)
      }))

    it.effect(`come to every listener, from when it listens (${backend.name})`, () =>
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
