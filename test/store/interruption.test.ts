/** I14: an interrupted write is wholly applied or wholly absent; an interrupted read leaves nothing behind. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Stream } from "effect"
import { WriteBatch } from "../../src/index.ts"
import type { Durability } from "../../src/index.ts"
import { interruptAtYield, SimulatedDisk } from "../../src/testing/index.ts"
import { bytes, contentOf, open, runSimulated, simulatedLayer, text, tinyMemtable, withStore } from "./storeHelpers.ts"
import type { Store } from "./storeHelpers.ts"

const levels: ReadonlyArray<Durability> = ["sync", "buffered", "async"]

/** Interrupts an effect at its first point, its second, and so on, on a new store each time, until there is none. */
const atEveryPoint = <A, E, E2, E3 = never>(
  effect: (store: Store) => Effect.Effect<A, E>,
  check: (store: Store, exit: Exit.Exit<A, E>, disk: SimulatedDisk) => Effect.Effect<void, E2>,
  prepare: (store: Store) => Effect.Effect<unknown, E3> = () => Effect.void
): number => {
  for (let n = 0;; n++) {
    const struck = runSimulated(
      n,
      Effect.scoped(Effect.gen(function*() {
        const disk = SimulatedDisk.make()
        const store = yield* open(simulatedLayer(disk, { ...tinyMemtable, blockCacheSize: 0 }))
        yield* prepare(store)
        const { exit, struck: isStruck } = yield* interruptAtYield(effect(store), n)
        if (Exit.isFailure(exit)) assert.isTrue(Cause.hasInterruptsOnly(exit.cause), Cause.pretty(exit.cause))
        yield* check(store, exit, disk)
        return isStruck
      }))
    )
    if (!struck) return n
  }
}

describe("an interrupted write", () => {
  for (const durability of levels) {
    it(`at "${durability}" is wholly applied or wholly absent, and stays so`, () => {
      const points = atEveryPoint(
        (store) =>
          store.write(
            WriteBatch.make().put(bytes("a"), bytes("new")).delete(bytes("b")).put(bytes("c"), bytes("new")),
            {
              durability
            }
          ),
        (store, exit, disk) =>
          Effect.gen(function*() {
            // Every write before this one is applied by then, the interrupted one too if it was taken.
            yield* store.put(bytes("last"), bytes("1"))
            const content = yield* contentOf(store)
            const applied = ["a=new", "c=new", "last=1"]
            const absent = ["a=old", "b=old", "last=1"]
            if (Exit.isSuccess(exit)) assert.deepStrictEqual(content, applied)
            else assert.deepInclude([applied, absent], content)
            const again = yield* withStore(simulatedLayer(disk.crashImage("synced")), contentOf)
            assert.deepStrictEqual(again, content)
          }),
        (store) => Effect.andThen(store.put(bytes("a"), bytes("old")), store.put(bytes("b"), bytes("old")))
      )
      assert.isAbove(points, 0)
    })
  }

  it("that still waits is withdrawn: its caller returns at once, and its batch can be written again", () => {
    let withdrawn = 0
    for (let seed = 0; seed < 30; seed++) {
      const disk = SimulatedDisk.make({ seed, delay: Effect.sleep("1 milli") })
      const program = Effect.gen(function*() {
        const store = yield* open(simulatedLayer(disk))
        const batch = WriteBatch.make().put(bytes("batch"), bytes("1"))
        const first = yield* Effect.forkChild(store.put(bytes("first"), bytes("1")))
        yield* Effect.sleep("1 milli")
        const waiting = yield* Effect.forkChild(store.write(batch))
        yield* Effect.yieldNow
        yield* Fiber.interrupt(waiting)
        assert.isUndefined(first.pollUnsafe())
        yield* Fiber.join(first)
        const isApplied = yield* store.has(bytes("batch"))
        const again = yield* Effect.exit(store.write(batch))
        if (isApplied) assert.isTrue(Exit.isFailure(again))
        else {
          withdrawn++
          assert.isTrue(Exit.isSuccess(again))
        }
        assert.deepStrictEqual(yield* contentOf(store), ["batch=1", "first=1"])
      })
      runSimulated(seed, Effect.scoped(program))
    }
    assert.isAbove(withdrawn, 0)
  })

  it("that waits for a flush returns at once, and frees its place for the next one", () => {
    const disk = SimulatedDisk.make({ delay: Effect.sleep("1 milli") })
    const program = Effect.gen(function*() {
      const store = yield* open(simulatedLayer(disk, { ...tinyMemtable, maxImmutables: 1 }))
      const stuck = disk.fail({ when: ({ path }) => path.endsWith(".sst"), times: Infinity })
      const write = (i: number) => store.put(bytes(`key-${i}`), new Uint8Array(40_000), { durability: "buffered" })
      const fibers = yield* Effect.forEach(Array.from({ length: 30 }, (_, i) => i), (i) => Effect.forkChild(write(i)))
      yield* Effect.sleep("100 millis")
      const before = fibers.filter((fiber) => fiber.pollUnsafe() !== undefined).length
      assert.isBelow(before, 30)
      yield* Fiber.interruptAll(fibers)
      stuck.heal()
      yield* write(100)
      assert.isTrue(yield* store.has(bytes("key-100")))
      const keys = (yield* Stream.runCollect(store.scan())).map(([key]) => text(key))
      assert.isAtMost(keys.length, before + 2)
      assert.strictEqual((yield* store.stats).log.queuedBytes, 0)
    })
    runSimulated(4, Effect.scoped(program))
  })

  it("frees the writers behind it, however many there are", () => {
    for (let seed = 0; seed < 10; seed++) {
      const program = Effect.gen(function*() {
        const store = yield* open(simulatedLayer(SimulatedDisk.make({ seed }), tinyMemtable))
        const acknowledged = new Set<string>()
        const fibers = yield* Effect.forEach(
          Array.from({ length: 120 }, (_, i) => `key-${i}`),
          (key, i) =>
            Effect.forkChild(
              Effect.map(
                store.put(bytes(key), new Uint8Array(2_000), { durability: levels[i % 3] }),
                () => acknowledged.add(key)
              )
            )
        )
        yield* Effect.yieldNow
        yield* Fiber.interruptAll(fibers.filter((_, i) => i % 2 === seed % 2))
        yield* Effect.forEach(fibers, Fiber.await)
        yield* store.sync
        const keys = new Set((yield* Stream.runCollect(store.scan())).map(([key]) => text(key)))
        for (const key of acknowledged) assert.isTrue(keys.has(key))
        assert.isAtLeast(acknowledged.size, 60)
        assert.strictEqual((yield* store.stats).log.queuedBytes, 0)
      })
      runSimulated(seed, Effect.scoped(program))
    }
  })
})

describe("an interrupted read", () => {
  const fill = (store: Store) =>
    Effect.gen(function*() {
      const batch = WriteBatch.make()
      for (let i = 0; i < 600; i++) batch.put(bytes(`key-${i}`), new Uint8Array(100))
      yield* store.write(batch)
      yield* store.flush
    })
  const keys = Array.from({ length: 600 }, (_, i) => bytes(`key-${i}`))

  const reads: ReadonlyArray<
    readonly [name: string, read: (store: Store) => Effect.Effect<unknown, { readonly _tag: string }>]
  > = [
    ["get", (store) => store.get(bytes("key-300"))],
    ["has", (store) => store.has(bytes("key-300"))],
    ["getMany", (store) => store.getMany(keys)],
    ["scan", (store) => Stream.runCollect(store.scan({ limit: 300 }))],
    [
      "a snapshot's scan",
      (store) =>
        Effect.scoped(
          Effect.flatMap(store.snapshot, (snapshot) => Stream.runDrain(snapshot.scan({ reverse: true, limit: 90 })))
        )
    ]
  ]
  for (const [name, read] of reads) {
    it(`of ${name} leaves no pin and no file, and the store goes on`, () => {
      const points = atEveryPoint(
        read,
        (store, _exit, disk) =>
          Effect.gen(function*() {
            assert.strictEqual((yield* store.stats).snapshots.count, 0)
            yield* store.put(bytes("key-1"), bytes("new"))
            yield* store.flush
            yield* store.compact()
            yield* store.sync
            // Nothing holds the merged tables: they are closed and removed.
            yield* Effect.sleep("1 second")
            assert.strictEqual(disk.files().filter((path) => path.endsWith(".sst")).length, 1)
          }),
        fill
      )
      assert.isAbove(points, 0)
    })
  }
})

describe("an interrupted flush, compaction or sync", () => {
  const operations: ReadonlyArray<
    readonly [name: string, run: (store: Store) => Effect.Effect<void, { readonly _tag: string }>]
  > = [
    ["flush", (store) => store.flush],
    ["compact", (store) => store.compact()],
    ["sync", (store) => store.sync]
  ]
  for (const [name, run] of operations) {
    it(`${name} changes no content, and can be run again`, () => {
      const points = atEveryPoint(
        run,
        (store, _exit, disk) =>
          Effect.gen(function*() {
            yield* run(store)
            yield* store.flush
            yield* store.compact()
            assert.deepStrictEqual(yield* contentOf(store), ["a=2", "c=1"])
            const again = yield* withStore(simulatedLayer(disk.crashImage("synced")), contentOf)
            assert.deepStrictEqual(again, ["a=2", "c=1"])
          }),
        (store) =>
          Effect.gen(function*() {
            yield* store.put(bytes("a"), bytes("1"))
            yield* store.put(bytes("b"), bytes("1"))
            yield* store.flush
            yield* store.put(bytes("a"), bytes("2"))
            yield* store.delete(bytes("b"))
            yield* store.flush
            yield* store.put(bytes("c"), bytes("1"))
          })
      )
      assert.isAbove(points, 0)
    })
  }
})
