import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { Compaction, WriteBatch } from "../../src/index.ts"
import { SimulatedDisk } from "../../src/testing/index.ts"
import { structureOn } from "../../src/testing/shape/Structure.ts"
import { bytesOf, directory, isManifest, padded, repeatUntil, runSeed, seeds, textOf, withStore } from "./harness.ts"
import type { Store } from "./harness.ts"

const options = { compaction: Compaction.fifo({ maxBytes: 96 * 1024, mergeTables: 1024 }) }

/** A disk on which each sync of the manifest takes so long. */
const slowManifest = (milliseconds: number): SimulatedDisk => {
  const disk = SimulatedDisk.make()
  disk.fail({ when: (call) => isManifest(call) && call.operation === "sync", stall: milliseconds, times: Infinity })
  return disk
}

const recordsInTable = 60

/** A batch for a table each, of which FIFO keeps a few. */
const writeTables = (store: Store, from: number, count: number) =>
  Effect.forEach(
    Array.from({ length: count }, (_, at) => from + at),
    (table) => {
      const batch = WriteBatch.make()
      for (let at = 0; at < recordsInTable; at++) batch.put(bytesOf(`key/${table}/${at}`), padded(`${table}`, 400))
      return Effect.andThen(store.write(batch, { durability: "buffered" }), store.flush)
    },
    { discard: true }
  )

const keysOf = (scan: ReturnType<Store["scan"]>) =>
  Effect.map(Stream.runCollect(scan), (entries) => entries.map(([key]) => textOf(key)))

describe("A snapshot under a drop", () => {
  it.for(seeds(8))("I8: answers at its end as at its beginning (seed %i)", (seed) => {
    const program = withStore(slowManifest(30), (store) =>
      Effect.gen(function*() {
        let isOver = false
        const differing: Array<string> = []
        const look = Effect.scoped(Effect.gen(function*() {
          const snapshot = yield* store.snapshot
          const before = yield* keysOf(snapshot.scan())
          yield* Effect.sleep("40 millis")
          const after = yield* keysOf(snapshot.scan())
          const found = yield* snapshot.getMany(before.map(bytesOf))
          if (before.join() !== after.join()) differing.push(`${before.length} keys, then ${after.length}`)
          if (found.includes(undefined)) differing.push("a key that it had was not found")
        }))
        const readers = yield* Effect.forEach([1, 2, 3], () =>
          Effect.forkChild(repeatUntil(() => isOver, Effect.andThen(look, Effect.sleep("13 millis")))))
        yield* writeTables(store, 0, 30)
        isOver = true
        yield* Fiber.joinAll(readers)
        assert.isAbove((yield* store.stats).compaction.dropped, 3)
        return differing
      }), options)
    assert.deepStrictEqual(runSeed(program, seed), [])
  })

  it.for(seeds(8))("I8: is a scan's too, however slowly it is pulled (seed %i)", (seed) => {
    const program = withStore(slowManifest(30), (store) =>
      Effect.gen(function*() {
        yield* writeTables(store, 0, 3)
        let isOver = false
        const short: Array<string> = []
        const read = Effect.gen(function*() {
          const found: Array<string> = []
          yield* Stream.runForEach(store.scan(), ([key]) => {
            found.push(textOf(key))
            return Effect.sleep("1 millis")
          })
          // Whatever tables it has found, it has found them whole.
          const tables = Map.groupBy(found, (key) => key.slice(0, key.lastIndexOf("/")))
          for (const [table, keys] of tables) if (keys.length !== recordsInTable) short.push(`${table}: ${keys.length}`)
        })
        const readers = yield* Effect.forEach([1, 2], () => Effect.forkChild(repeatUntil(() => isOver, read)))
        yield* writeTables(store, 3, 24)
        isOver = true
        yield* Fiber.joinAll(readers)
        return short
      }), options)
    assert.deepStrictEqual(runSeed(program, seed), [])
  })

  it.for(seeds(4))("I7: tables leave the view only when the event that drops them is durable (seed %i)", (seed) => {
    const disk = slowManifest(30)
    const first = bytesOf("key/0/0")
    const isNamed = () =>
      structureOn(disk.crashImage("synced"), directory).tables.some(({ smallestKey }) =>
        Buffer.compare(smallestKey, first) === 0
      )
    const program = withStore(disk, (store) =>
      Effect.gen(function*() {
        yield* writeTables(store, 0, 3)
        let missing = 0
        let missingAndNamed = 0
        const look = Effect.map(store.has(first), (isFound) => {
          if (isFound) return
          missing++
          if (isNamed()) missingAndNamed++
        })
        let isOver = false
        const reader = yield* Effect.forkChild(
          repeatUntil(() => isOver, Effect.andThen(look, Effect.sleep("1 millis")))
        )
        yield* writeTables(store, 3, 6)
        yield* Effect.sleep("1 second")
        isOver = true
        yield* Fiber.join(reader)
        assert.isAbove(missing, 10)
        return missingAndNamed
      }), options)
    assert.strictEqual(runSeed(program, seed), 0)
  })
})
