import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Stream } from "effect"
import { WriteBatch } from "../../src/index.ts"
import type { ReadError, StoreOpenError, WriteError } from "../../src/index.ts"
import { StoreReadMode } from "../../src/table/ReadPolicy.ts"
import { interruptAtYield, SeededRandom, SimulatedDisk } from "../../src/testing/index.ts"
import {
  bytesOf,
  contentOf,
  contentOn,
  isTable,
  nameIn,
  padded,
  runSeed,
  seeds,
  summaryOf,
  summaryOn,
  withStore
} from "./harness.ts"
import type { Store, TestDisk } from "./harness.ts"

/** Everything that a caller can interrupt; `turn` gives each try keys of its own. */
const operations: {
  readonly [name: string]: (store: Store, turn: number) => Effect.Effect<unknown, ReadError | WriteError>
} = {
  "put": (store, turn) => store.put(bytesOf(`turn/${turn}/a`), padded(String(turn), 2_000)),
  "buffered put": (store, turn) =>
    store.put(bytesOf(`turn/${turn}/a`), padded(String(turn), 2_000), { durability: "buffered" }),
  "async put": (store, turn) =>
    store.put(bytesOf(`turn/${turn}/a`), padded(String(turn), 2_000), { durability: "async" }),
  "write": (store, turn) =>
    store.write(
      WriteBatch.make().put(bytesOf(`turn/${turn}/a`), padded(String(turn), 1_000))
        .put(bytesOf(`turn/${turn}/b`), padded(String(turn), 1_000))
    ),
  "large write": (store, turn) => {
    const batch = WriteBatch.make().put(bytesOf(`turn/${turn}/a`), padded(String(turn), 100))
    for (let at = 0; at < 40; at++) batch.put(bytesOf("large"), padded("large", 2_500))
    return store.write(batch.put(bytesOf(`turn/${turn}/b`), padded(String(turn), 100)))
  },
  "delete": (store) => store.delete(bytesOf("some/0")),
  "get": (store, turn) => store.get(bytesOf(`some/${turn % 30}`)),
  "getMany": (store) => store.getMany(Array.from({ length: 30 }, (_, at) => bytesOf(`some/${at}`))),
  "scan": (store) => Stream.runCollect(store.scan({ prefix: bytesOf("some/") })),
  "snapshot": (store) =>
    Effect.scoped(Effect.flatMap(store.snapshot, (snapshot) => Stream.runCollect(snapshot.scan({ reverse: true })))),
  "sync": (store) => store.sync,
  "flush": (store, turn) => Effect.andThen(store.put(bytesOf("flushed"), padded(String(turn), 500)), store.flush),
  "compact": (store) => store.compact()
}

/** What an interrupted write left: nothing, or all of it. */
const checkWhole = (content: ReadonlyMap<string, Uint8Array>, turn: number, isBatch: boolean): void => {
  const first = nameIn(content.get(`turn/${turn}/a`))
  assert.include([undefined, String(turn)], first)
  if (isBatch) assert.strictEqual(nameIn(content.get(`turn/${turn}/b`)), first)
}

/** After whatever happened to it, the store takes writes, rotates, flushes and compacts. */
const checkAlive = (store: Store) =>
  Effect.gen(function*() {
    const { rotations } = yield* store.stats
    for (let at = 0; at < 30; at++) yield* store.put(bytesOf(`alive/${at}`), padded("alive", 3_000))
    // Below and above all else: one merge takes everything.
    for (const key of ["", "~"]) yield* store.put(bytesOf(key), padded("alive", 10))
    yield* store.flush
    yield* store.compact()
    yield* store.sync
    const stats = yield* store.stats
    assert.isAbove(stats.rotations, rotations)
    assert.strictEqual(stats.snapshots.count, 0)
    assert.strictEqual(stats.immutables.count, 0)
    assert.strictEqual(stats.tables.count, 1)
    assert.strictEqual(stats.log.queuedBytes, 0)
  })

const prepare = (store: Store) =>
  Effect.gen(function*() {
    for (let at = 0; at < 30; at++) yield* store.put(bytesOf(`some/${at}`), padded("some", 300))
    yield* store.flush
  })

/** Lets the operation be interrupted, one try after another, until `interrupt` finds no later point. */
const interruptOften = (
  name: string,
  disk: SimulatedDisk,
  interrupt: (effect: Effect.Effect<unknown, ReadError | WriteError>, n: number) => Effect.Effect<boolean>
) =>
  Effect.gen(function*() {
    const operation = operations[name]!
    const isBatch = name.endsWith("write")
    const content = yield* withStore(disk, (store) =>
      Effect.gen(function*() {
        yield* prepare(store)
        let turn = 0
        while (yield* interrupt(operation(store, turn), turn)) {
          checkWhole(yield* contentOf(store), turn, isBatch)
          turn++
        }
        yield* store.sync
        const settled = yield* contentOf(store)
        for (let each = 0; each < turn; each++) checkWhole(settled, each, isBatch)
        yield* checkAlive(store)
        return summaryOf(yield* contentOf(store))
      }), { blockCacheSize: 0 })
    assert.deepStrictEqual(disk.openHandles, [])
    return content
  })

describe("An interrupted operation", () => {
  for (const name of Object.keys(operations)) {
    it.for(seeds(3))(`I14: ${name}, at each of its steps, leaves nothing half done (seed %i)`, (seed) => {
      const disk = SimulatedDisk.make()
      const program = interruptOften(
        name,
        disk,
        (effect, n) => Effect.map(interruptAtYield(effect, n), ({ struck }) => struck)
      )
      const content = runSeed(Effect.provideService(program, StoreReadMode, seed % 2 === 0 ? "sync" : "async"), seed)
      assert.deepStrictEqual(runSeed(summaryOn(disk), seed), content)
    })

    it.for(seeds(2))(`I14: ${name}, while it waits, leaves nothing half done (seed %i)`, (seed) => {
      const disk = SimulatedDisk.make()
      const random = new SeededRandom(seed)
      const program = interruptOften(name, disk, (effect, n) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.forkChild(effect)
          for (let turns = random.int(12); turns > 0; turns--) yield* Effect.yieldNow
          yield* Fiber.interrupt(fiber)
          return n < 15
        }))
      const content = runSeed(Effect.provideService(program, StoreReadMode, seed % 2 === 0 ? "sync" : "async"), seed)
      assert.deepStrictEqual(runSeed(summaryOn(disk), seed), content)
    })
  }
})

describe("An interrupted write", () => {
  it.for(seeds(4))("I14: that the log has not taken is withdrawn at once, and never written (seed %i)", (seed) => {
    const disk = SimulatedDisk.make({ delay: Effect.sleep("1 milli") })
    const fault = disk.fail({ when: isTable, times: Infinity, code: "ENOSPC" })
    const program = withStore(disk, (store) =>
      Effect.gen(function*() {
        const writers = yield* Effect.forEach(Array.from({ length: 60 }, (_, at) => at), (at) =>
          Effect.forkChild(store.put(bytesOf(`key/${at}`), padded("value", 6_000))))
        yield* Effect.sleep("1 minute")
        const batch = WriteBatch.make().put(bytesOf("withdrawn/1"), bytesOf("value"))
        const late = yield* Effect.forEach(
          [store.put(bytesOf("withdrawn/0"), bytesOf("value")), store.write(batch)],
          (write) =>
            Effect.forkChild(write)
        )
        yield* Effect.sleep("1 second")
        const before = yield* Clock.currentTimeMillis
        for (const fiber of late) yield* Fiber.interrupt(fiber)
        assert.strictEqual(yield* Clock.currentTimeMillis, before)
        fault.heal()
        yield* Fiber.joinAll(writers)
        yield* store.flush
        const content = yield* contentOf(store)
        assert.strictEqual(content.size, 60)
        // Its owner has the batch back.
        yield* store.write(batch.put(bytesOf("withdrawn/2"), bytesOf("value")))
        assert.strictEqual((yield* contentOf(store)).size, 62)
      }))
    runSeed(program, seed)
  })

  it.for(seeds(4))("I14: that the log has taken returns at once, and is applied whole (seed %i)", (seed) => {
    const disk = SimulatedDisk.make({ delay: Effect.sleep("1 second") })
    const program = withStore(disk, (store) =>
      Effect.gen(function*() {
        const calls = disk.calls
        const write = yield* Effect.forkChild(
          store.write(WriteBatch.make().put(bytesOf("a"), bytesOf("value")).put(bytesOf("b"), bytesOf("value")))
        )
        // In the middle of the append, or of the sync.
        yield* Effect.sleep(seed % 2 === 0 ? "500 millis" : "2500 millis")
        const before = yield* Clock.currentTimeMillis
        yield* Fiber.interrupt(write)
        assert.strictEqual(yield* Clock.currentTimeMillis, before)
        assert.strictEqual((yield* contentOf(store)).size, 0)
        yield* store.sync
        assert.strictEqual((yield* contentOf(store)).size, 2)
        assert.isAbove(disk.calls, calls)
      }))
    runSeed(program, seed)
    assert.strictEqual(runSeed(contentOn(disk.crashImage("synced")), seed).size, 2)
  })
})

/** Opens, writes and closes; notes what was acknowledged. */
const life = (disk: TestDisk, acknowledged: Array<string>): Effect.Effect<void, StoreOpenError | WriteError> =>
  withStore(disk, (store) =>
    Effect.forEach(["sync", "buffered", "async", "sync"] as const, (durability, at) => {
      const key = `key/${acknowledged.length}/${at}`
      return Effect.map(store.put(bytesOf(key), padded(key, 20_000), { durability }), () => void acknowledged.push(key))
    }, { discard: true }))

describe("A store whose owner is interrupted", () => {
  it.for(seeds(2))("I14: while it opens, writes or closes, loses nothing and leaves nothing open (seed %i)", (seed) => {
    const program = Effect.gen(function*() {
      const disk = SimulatedDisk.make()
      const acknowledged: Array<string> = []
      let struck = true
      let n = 0
      const random = new SeededRandom(seed)
      for (; struck; n += 1 + random.int(10)) {
        const interrupted = yield* interruptAtYield(life(disk, acknowledged), n)
        struck = interrupted.struck
        if (!struck) assert.isTrue(Exit.isSuccess(interrupted.exit))
        // What goes on in the background ends by itself.
        yield* Effect.sleep("1 second")
        assert.deepStrictEqual(disk.openHandles, [], `at ${n}`)
      }
      assert.isAbove(n, 200)
      const content = yield* contentOn(disk)
      for (const key of acknowledged) assert.strictEqual(nameIn(content.get(key)), key)
    })
    runSeed(program, seed, { maxSteps: 10_000_000 })
  })

  it.for(seeds(4))("I14: loses nothing when its close is interrupted or has work left (seed %i)", (seed) => {
    const random = new SeededRandom(seed)
    for (let turns = 0; turns < 12; turns++) {
      const disk = SimulatedDisk.make()
      const acknowledged: Array<string> = []
      const busy = withStore(disk, (store) =>
        Effect.gen(function*() {
          // More than the memtables hold: flushes go on while it closes.
          for (let at = 0; at < 60 + turns; at++) {
            const key = `key/${at}`
            yield* store.put(bytesOf(key), padded(key, 2_500), { durability: random.pick(["buffered", "async"]) })
            acknowledged.push(key)
          }
          yield* Effect.forkChild(store.flush)
          yield* Effect.forkChild(store.compact())
          for (let pause = random.int(20); pause > 0; pause--) yield* Effect.yieldNow
        }))
      const program = Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(busy)
        for (let pause = 100 * turns; pause > 0; pause--) yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
      })
      runSeed(program, seed)
      assert.deepStrictEqual(disk.openHandles, [])
      const content = runSeed(contentOn(disk.crashImage("synced")), seed)
      for (const key of acknowledged) assert.strictEqual(nameIn(content.get(key)), key)
    }
  })
})
