/** What each level promises, seen on the images that a kill and a power cut leave. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import type { Durability, StoreOptions } from "../../src/index.ts"
import { WriteBatch } from "../../src/index.ts"
import { SimulatedDisk } from "../../src/testing/index.ts"
import { bytes, contentOf, open, runSimulated, simulatedLayer, text, tinyMemtable, withStore } from "./storeHelpers.ts"

const levels: ReadonlyArray<Durability> = ["sync", "buffered", "async"]
const seeds = Array.from({ length: 6 }, (_, seed) => seed)

/** What a store finds on this disk. */
const found = (disk: SimulatedDisk, options?: Partial<StoreOptions>) =>
  withStore(simulatedLayer(disk, options), contentOf)

const crashModes = ["synced", "all", "torn", "random"] as const

describe("a write", () => {
  for (const durability of levels) {
    it(`at "${durability}" is visible as soon as it is acknowledged`, () => {
      for (const seed of seeds) {
        const program = Effect.gen(function*() {
          const store = yield* open(simulatedLayer(SimulatedDisk.make({ seed })))
          for (let i = 0; i < 20; i++) {
            const key = bytes(`key-${i}`)
            yield* store.put(key, bytes("put"), { durability })
            assert.strictEqual(text(yield* store.get(key)), "put")
            const { sequence } = yield* store.write(WriteBatch.make().put(key, bytes("batch")), { durability })
            assert.strictEqual(text(yield* store.get(key)), "batch")
            assert.isAtLeast((yield* store.snapshot).sequence, sequence)
            yield* store.delete(key, { durability })
            assert.isFalse(yield* store.has(key))
          }
        })
        runSimulated(seed, Effect.scoped(program))
      }
    })
  }

  it("I5: at \"sync\" is in every crash image from its acknowledgement on", () => {
    for (const seed of seeds) {
      const disk = SimulatedDisk.make({ seed })
      const program = Effect.gen(function*() {
        const store = yield* open(simulatedLayer(disk, tinyMemtable))
        const acknowledged: Array<string> = []
        for (let i = 0; i < 12; i++) {
          const key = `key-${String(i).padStart(2, "0")}`
          yield* store.put(bytes(key), bytes("1"), { durability: "sync" })
          acknowledged.push(`${key}=1`)
          for (const mode of crashModes) assert.deepStrictEqual(yield* found(disk.crashImage(mode)), acknowledged, mode)
          if (i % 5 === 4) yield* store.flush
        }
      })
      runSimulated(seed, Effect.scoped(program))
    }
  })

  it("I5: at \"buffered\" survives a kill from its acknowledgement on, and a power cut once somebody has synced", () => {
    let lost = 0
    for (const seed of seeds) {
      const disk = SimulatedDisk.make({ seed })
      const program = Effect.gen(function*() {
        const store = yield* open(simulatedLayer(disk))
        const acknowledged: Array<string> = []
        for (let i = 0; i < 6; i++) {
          yield* store.put(bytes(`key-${i}`), bytes("1"), { durability: "buffered" })
          acknowledged.push(`key-${i}=1`)
          assert.deepStrictEqual(yield* found(disk.killImage()), acknowledged)
          const afterCut = yield* found(disk.crashImage("synced"))
          assert.deepStrictEqual(afterCut, acknowledged.slice(0, afterCut.length))
          lost += acknowledged.length - afterCut.length
        }
        yield* store.sync
        for (const mode of crashModes) assert.deepStrictEqual(yield* found(disk.crashImage(mode)), acknowledged)
      })
      runSimulated(seed, Effect.scoped(program))
    }
    assert.isAbove(lost, 0)
  })

  for (const durability of ["sync", "buffered"] as const) {
    for (const records of [1, 10, 3_000]) {
      it(`at "${durability}" of ${records} records is seen by nobody before its level is met`, () => {
        for (const seed of seeds) {
          const disk = SimulatedDisk.make({ seed })
          const program = Effect.gen(function*() {
            const store = yield* open(simulatedLayer(disk))
            const batch = WriteBatch.make()
            for (let i = 0; i < records; i++) batch.put(bytes(`key-${i}`), bytes("1"))
            const writer = yield* Effect.forkChild(store.write(batch, { durability }))
            while (!(yield* store.has(bytes("key-0")))) yield* Effect.yieldNow
            const image = durability === "sync" ? disk.crashImage("synced") : disk.killImage()
            yield* Fiber.join(writer)
            assert.strictEqual((yield* found(image)).length, records)
          })
          runSimulated(seed, Effect.scoped(program))
        }
      })
    }
  }

  it("at \"async\" needs no more of the disk to be acknowledged, while the log is idle, than a look at the owner", () => {
    const disk = SimulatedDisk.make()
    const program = Effect.gen(function*() {
      const store = yield* open(simulatedLayer(disk))
      yield* Effect.sleep("1 milli")
      const before = disk.calls
      yield* store.put(bytes("a"), bytes("1"), { durability: "async" })
      yield* store.delete(bytes("b"), { durability: "async" })
      yield* store.write(WriteBatch.make().put(bytes("c"), bytes("1")), { durability: "async" })
      assert.deepStrictEqual(disk.trace.slice(before).map(({ operation }) => operation), ["isHeld"])
      assert.deepStrictEqual(yield* contentOf(store), ["a=1", "c=1"])
    })
    runSimulated(1, Effect.scoped(program), { yieldChance: 0 })
  })

  it("at \"async\" is durable within syncInterval, though nobody writes any more", () => {
    for (const syncInterval of [10, 500, 60_000]) {
      for (const seed of seeds.slice(0, 6)) {
        const disk = SimulatedDisk.make({ seed })
        const program = Effect.gen(function*() {
          const store = yield* open(simulatedLayer(disk, { syncInterval }))
          const expected: Array<string> = []
          for (let i = 0; i < 4; i++) {
            yield* store.put(bytes(`key-${i}`), bytes("1"), { durability: "async" })
            expected.push(`key-${i}=1`)
            yield* Effect.sleep(syncInterval)
            assert.deepStrictEqual(yield* found(disk.crashImage("synced")), expected)
          }
        })
        runSimulated(seed, Effect.scoped(program))
      }
    }
  })
})

describe("sync", () => {
  it("makes all durable that was acknowledged before, at any level, in every segment", () => {
    for (const seed of seeds) {
      const disk = SimulatedDisk.make({ seed })
      const program = Effect.gen(function*() {
        const store = yield* open(simulatedLayer(disk, tinyMemtable))
        const expected: Array<string> = []
        for (let round = 0; round < 3; round++) {
          for (let i = 0; i < 6; i++) {
            const key = `key-${round}-${i}`
            const value = "x".repeat(i === 3 ? 40_000 : 10)
            yield* store.put(bytes(key), bytes(value), { durability: i % 2 === 0 ? "buffered" : "async" })
            expected.push(`${key}=${value}`)
          }
          yield* store.sync
          for (const mode of crashModes) assert.deepStrictEqual(yield* found(disk.crashImage(mode)), expected, mode)
        }
      })
      runSimulated(seed, Effect.scoped(program))
    }
  })

  it("of a write at \"sync\" makes the weaker ones before it durable too", () => {
    for (const seed of seeds) {
      const disk = SimulatedDisk.make({ seed })
      const program = Effect.gen(function*() {
        const store = yield* open(simulatedLayer(disk, tinyMemtable))
        yield* store.put(bytes("1-async"), bytes("x".repeat(40_000)), { durability: "async" })
        yield* store.put(bytes("2-buffered"), bytes("x".repeat(40_000)), { durability: "buffered" })
        yield* store.put(bytes("3-async"), bytes("1"), { durability: "async" })
        yield* store.put(bytes("4-sync"), bytes("1"), { durability: "sync" })
        const content = yield* found(disk.crashImage("synced"))
        assert.deepStrictEqual(content.map((line) => line.slice(0, 1)), ["1", "2", "3", "4"])
      })
      runSimulated(seed, Effect.scoped(program))
    }
  })
})

describe("flush", () => {
  it("puts all that was acknowledged before into tables that survive a power cut, and leaves the log empty", () => {
    for (const seed of seeds) {
      const disk = SimulatedDisk.make({ seed })
      const program = Effect.gen(function*() {
        const store = yield* open(simulatedLayer(disk, tinyMemtable))
        for (const durability of levels) yield* store.put(bytes(durability), bytes("1"), { durability })
        yield* store.flush
        const image = disk.crashImage("synced")
        yield* withStore(simulatedLayer(image), (again) =>
          Effect.gen(function*() {
            assert.deepStrictEqual(yield* contentOf(again), ["async=1", "buffered=1", "sync=1"])
            assert.strictEqual((yield* again.stats).recovery.records, 0)
            assert.strictEqual((yield* again.stats).tables.entries, 3)
          }))
      })
      runSimulated(seed, Effect.scoped(program))
    }
  })
})

describe("mixed levels", () => {
  it("I3: keep one order: what each writer did last is what every image ends with", () => {
    for (const seed of seeds) {
      const disk = SimulatedDisk.make({ seed })
      const program = Effect.gen(function*() {
        const store = yield* open(simulatedLayer(disk, tinyMemtable))
        const acknowledged: Array<string> = []
        const write = (fiber: number) =>
          Effect.gen(function*() {
            for (let round = 0; round < 10; round++) {
              const value = `${fiber}-${round}`
              const durability = levels[(fiber + round) % 3] ?? "sync"
              yield* store.put(bytes("key"), bytes(value), { durability })
              acknowledged.push(value)
            }
          })
        yield* Fiber.joinAll(yield* Effect.forEach([0, 1, 2, 3, 4], (fiber) => Effect.forkChild(write(fiber))))
        const last = text(yield* store.get(bytes("key")))
        assert.strictEqual(last, acknowledged.at(-1))
        yield* store.sync
        assert.deepStrictEqual(yield* found(disk.crashImage("synced")), [`key=${last}`])
        assert.deepStrictEqual(yield* found(disk.killImage()), [`key=${last}`])
      })
      runSimulated(seed, Effect.scoped(program))
    }
  })

  it("I4: what a power cut leaves is the state after some prefix of the acknowledged order", () => {
    for (const seed of seeds) {
      const disk = SimulatedDisk.make({ seed })
      const program = Effect.gen(function*() {
        const store = yield* open(simulatedLayer(disk, tinyMemtable))
        const count = 40
        let durable = 0
        for (let i = 0; i < count; i++) {
          const durability = levels[(i * 7 + seed) % 5] ?? "async"
          yield* store.put(bytes(`key-${String(i).padStart(2, "0")}`), new Uint8Array(4_000), { durability })
          if (durability === "sync") durable = i + 1
          const names = (yield* found(disk.crashImage(crashModes[i % 4] ?? "all"))).map((line) => line.slice(0, 6))
          assert.deepStrictEqual(names, names.map((_, n) => `key-${String(n).padStart(2, "0")}`))
          assert.isAtLeast(names.length, durable)
        }
      })
      runSimulated(seed, Effect.scoped(program))
    }
  })
})
