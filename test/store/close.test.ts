import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Scope, Stream } from "effect"
import { LsmStore, StoreClosed, StoreLocked, WriteBatch } from "../../src/index.ts"
import type { StoreOptions } from "../../src/index.ts"
import { NodeLsmStore } from "../../src/node/index.ts"
import { interruptAtYield, SimulatedDisk } from "../../src/testing/index.ts"
import { openFilesBelow } from "../disk/temporaryDirectory.ts"
import { openElsewhere } from "./otherProcess.ts"
import {
  bytes,
  contentOf,
  failureOf,
  freshDirectory,
  isClosed,
  open,
  runSimulated,
  simulatedLayer,
  tinyMemtable,
  withStore
} from "./storeHelpers.ts"
import type { Store } from "./storeHelpers.ts"

const layer = (directory: string, options?: Partial<StoreOptions>) => NodeLsmStore.layer({ directory, ...options })

const levels = ["sync", "buffered", "async"] as const

/** Opens a store in a scope of its own, which `close` closes. */
const openToClose = <E>(from: Parameters<typeof open<E>>[0]) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const store = yield* Scope.provide(open(from), scope)
    return { store, close: Scope.close(scope, Exit.void) }
  })

const everyOperation = (store: Store): ReadonlyArray<Effect.Effect<unknown, { readonly _tag: string }>> => [
  store.get(bytes("a")),
  store.getMany([]),
  store.getMany([bytes("a")]),
  store.has(bytes("a")),
  store.put(bytes("a"), bytes("1")),
  store.put(bytes("a"), bytes("1"), { durability: "async" }),
  store.delete(bytes("a")),
  store.write(WriteBatch.make().put(bytes("a"), bytes("1"))),
  store.write(WriteBatch.make()),
  Stream.runCollect(store.scan()),
  Stream.runCollect(store.scan({ limit: 0 })),
  Effect.scoped(store.snapshot),
  store.sync,
  store.flush,
  store.compact()
]

describe("a store that has closed", () => {
  it.effect("fails every operation with StoreClosed, which says how to keep it open", () =>
    Effect.gen(function*() {
      const directory = yield* freshDirectory
      for (const from of [LsmStore.layerMemory(), layer(directory), layer(directory, { readOnly: true })]) {
        const { close, store } = yield* openToClose(from)
        yield* close
        for (const operation of everyOperation(store)) {
          const error = yield* failureOf(operation)
          assert.instanceOf(error, StoreClosed)
          assert.match(error.message, /is closed\. Keep its layer's scope open/)
        }
      }
    }))

  it.effect("still tells its stats", () =>
    Effect.gen(function*() {
      const { close, store } = yield* openToClose(LsmStore.layerMemory())
      yield* store.put(bytes("a"), bytes("1"))
      yield* store.flush
      yield* store.compact()
      yield* close
      const stats = yield* store.stats
      assert.strictEqual(stats.sequence, 1)
      assert.isTrue(stats.actors.every(({ state }) => state === "stopped"))
    }))

  it.effect("leaves no file open and its directory free", () =>
    Effect.gen(function*() {
      const directory = yield* freshDirectory
      for (let round = 0; round < 3; round++) {
        const { close, store } = yield* openToClose(layer(directory, tinyMemtable))
        yield* store.put(bytes(`key-${round}`), new Uint8Array(100_000))
        yield* store.flush
        yield* store.put(bytes(`other-${round}`), bytes("1"), { durability: "async" })
        yield* Stream.runDrain(Stream.take(store.scan(), 1))
        assert.isAbove(openFilesBelow(directory).length, 2)
        yield* close
        assert.deepStrictEqual(openFilesBelow(directory), [])
      }
    }))

  it.effect("is found again with all that was acknowledged, at every level", () =>
    Effect.gen(function*() {
      const directory = yield* freshDirectory
      const expected: Array<string> = []
      for (let round = 0; round < 4; round++) {
        yield* withStore(layer(directory, tinyMemtable), (store) =>
          Effect.gen(function*() {
            assert.deepStrictEqual(yield* contentOf(store), expected.toSorted())
            for (const durability of levels) {
              const key = `${durability}-${round}`
              yield* store.put(bytes(key), bytes("1"), { durability })
              expected.push(`${key}=1`)
            }
            if (round % 2 === 1) yield* store.flush
            yield* store.put(bytes(`last-${round}`), bytes("1"), { durability: "async" })
            expected.push(`last-${round}=1`)
          }))
      }
      yield* withStore(layer(directory), (store) =>
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* contentOf(store), expected.toSorted())
          assert.strictEqual((yield* store.stats).recovery.discardedBytes, 0)
          assert.strictEqual((yield* store.stats).sequence, expected.length)
        }))
    }))

  it.effect("goes on with larger sequences when it is opened again", () =>
    Effect.gen(function*() {
      const directory = yield* freshDirectory
      let last = 0
      for (let round = 0; round < 5; round++) {
        yield* withStore(layer(directory), (store) =>
          Effect.gen(function*() {
            const { sequence } = yield* store.write(WriteBatch.make().put(bytes("a"), bytes("1")).delete(bytes("a")))
            assert.strictEqual(sequence, last + 2)
            last = sequence
            if (round % 2 === 0) yield* store.flush
          }))
      }
    }))
})

describe("closing", () => {
  it("ends every write that waits: acknowledged and found again, or failed with StoreClosed and absent", () => {
    let acknowledged = 0
    let refused = 0
    for (let seed = 0; seed < 40; seed++) {
      const disk = SimulatedDisk.make({ seed })
      const program = Effect.gen(function*() {
        const { close, store } = yield* openToClose(simulatedLayer(disk, { ...tinyMemtable, maxImmutables: 1 }))
        const write = (i: number) =>
          Effect.gen(function*() {
            const durability = levels[i % 3] ?? "sync"
            for (let round = 0; round < 6; round++) {
              const key = bytes(`key-${i}-${round}`)
              const value = new Uint8Array(i % 5 === 0 ? 30_000 : 300)
              const exit = yield* Effect.exit(store.put(key, value, { durability }))
              if (Exit.isFailure(exit)) {
                yield* isClosed(exit)
                return { present: round, absent: round }
              }
            }
            return { present: 6, absent: 6 }
          })
        const fibers = yield* Effect.forEach(
          Array.from({ length: 20 }, (_, i) => i),
          (i) => Effect.forkDetach(write(i))
        )
        yield* Effect.forEach(Array.from({ length: seed % 7 * 10 }), () => Effect.yieldNow, { discard: true })
        yield* close
        const outcomes = yield* Effect.forEach(fibers, Fiber.join)
        yield* withStore(simulatedLayer(disk.killImage()), (again) =>
          Effect.gen(function*() {
            for (const [i, { present }] of outcomes.entries()) {
              for (let round = 0; round < 6; round++) {
                const found = yield* again.has(bytes(`key-${i}-${round}`))
                assert.strictEqual(found, round < present, `key-${i}-${round}`)
              }
              acknowledged += present
              refused += 6 - present
            }
          }))
      })
      runSimulated(seed, Effect.scoped(program))
    }
    assert.isAbove(acknowledged, 0)
    assert.isAbove(refused, 0)
  })

  it("ends flush, compact, sync and reads that are under way", () => {
    let succeeded = 0
    for (let seed = 0; seed < 40; seed++) {
      const program = Effect.gen(function*() {
        const options = { ...tinyMemtable, blockCacheSize: 0 }
        const { close, store } = yield* openToClose(simulatedLayer(SimulatedDisk.make({ seed }), options))
        const keys = Array.from({ length: 300 }, (_, i) => bytes(`key-${i}`))
        yield* Effect.forEach(keys, (key) => store.put(key, new Uint8Array(500)), { concurrency: "unbounded" })
        const operations: ReadonlyArray<Effect.Effect<unknown, { readonly _tag: string }>> = [
          store.flush,
          store.compact(),
          store.sync,
          store.getMany(keys),
          Stream.runDrain(store.scan()),
          store.flush,
          store.compact()
        ]
        const fibers = yield* Effect.forEach(operations, (operation) => Effect.forkDetach(operation))
        yield* Effect.forEach(Array.from({ length: seed * 2 }), () => Effect.yieldNow, { discard: true })
        yield* close
        for (const fiber of fibers) {
          const exit = yield* Fiber.await(fiber)
          if (Exit.isFailure(exit)) yield* isClosed(exit)
          else succeeded++
        }
      })
      runSimulated(seed, Effect.scoped(program))
    }
    assert.isAbove(succeeded, 0)
    assert.isBelow(succeeded, 7 * 40)
  })

  it("I14: loses nothing that was acknowledged, though the layer's fiber is interrupted at any point", () => {
    for (let n = 0; n < 400; n += 7) {
      const disk = SimulatedDisk.make()
      const acknowledged: Array<string> = []
      const program = Effect.gen(function*() {
        const use = withStore(
          simulatedLayer(disk),
          (store) =>
            Effect.forEach(
              levels.flatMap((durability) => [1, 2, 3].map((i) => ({ durability, i }))),
              ({ durability, i }) =>
                Effect.map(
                  store.put(bytes(`${durability}-${i}`), bytes("1"), { durability }),
                  () => acknowledged.push(`${durability}-${i}=1`)
                )
            )
        )
        const { exit } = yield* interruptAtYield(use, n)
        if (Exit.isFailure(exit)) assert.isTrue(Cause.hasInterruptsOnly(exit.cause))
        if (disk.files().length === 0) return
        yield* withStore(
          simulatedLayer(disk),
          (store) => Effect.map(contentOf(store), (content) => assert.includeMembers([...content], acknowledged))
        )
      })
      runSimulated(1, program)
    }
  })

  it("waits for no flush: what is in the log stays there", () => {
    const disk = SimulatedDisk.make()
    const program = Effect.gen(function*() {
      const { close, store } = yield* openToClose(simulatedLayer(disk, tinyMemtable))
      disk.fail({ when: ({ path }) => path.endsWith(".sst"), times: Infinity, code: "ENOSPC" })
      for (let i = 0; i < 3; i++) yield* store.put(bytes(`key-${i}`), new Uint8Array(60_000))
      yield* close
      const content = yield* withStore(simulatedLayer(disk.killImage()), contentOf)
      assert.deepStrictEqual(content.map((line) => line.slice(0, 5)), ["key-0", "key-1", "key-2"])
    })
    runSimulated(3, Effect.scoped(program))
  })
})

describe("a directory that is open", () => {
  it.effect("fails a second layer of the process with StoreLocked, and is free after the first", () =>
    Effect.gen(function*() {
      const directory = yield* freshDirectory
      yield* withStore(layer(directory), (store) =>
        Effect.gen(function*() {
          yield* store.put(bytes("a"), bytes("1"))
          for (const path of [directory, `${directory}/`, `${directory}/../store`]) {
            const error = yield* failureOf(Effect.scoped(open(layer(path))))
            assert.instanceOf(error, StoreLocked)
            assert.strictEqual(error.holder, "this process")
            assert.match(error.message, /already open in this process\. Close it there, or share one layer/)
          }
          yield* store.put(bytes("b"), bytes("1"))
        }))
      assert.deepStrictEqual(yield* withStore(layer(directory), contentOf), ["a=1", "b=1"])
    }))

  it.effect("fails another process with StoreLocked, and the other way round; a killed one locks nothing", () =>
    Effect.gen(function*() {
      const directory = yield* freshDirectory
      yield* withStore(layer(directory), (store) =>
        Effect.gen(function*() {
          yield* store.put(bytes("a"), bytes("1"))
          const { answer } = yield* openElsewhere(directory)
          assert.strictEqual(answer.tag, "StoreLocked")
          assert.match(answer.message ?? "", /already open in another process/)
        }))
      const holder = yield* openElsewhere(directory)
      assert.deepStrictEqual(holder.answer, { tag: "open", content: ["a=1"] })
      const error = yield* failureOf(Effect.scoped(open(layer(directory))))
      assert.instanceOf(error, StoreLocked)
      assert.strictEqual(error.holder, "another process")
      yield* holder.kill
      assert.deepStrictEqual(yield* withStore(layer(directory), contentOf), ["a=1"])
    }))

  it.effect("that was being opened by a fiber that is interrupted is free afterwards", () =>
    Effect.gen(function*() {
      const directory = yield* freshDirectory
      yield* withStore(layer(directory), (store) => store.put(bytes("a"), bytes("1")))
      for (let turns = 0; turns < 60; turns += 3) {
        const fiber = yield* Effect.forkChild(Effect.scoped(open(layer(directory))), { startImmediately: true })
        for (let i = 0; i < turns; i++) yield* Effect.promise(() => new Promise(setImmediate))
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual(openFilesBelow(directory), [])
      }
      assert.deepStrictEqual(yield* withStore(layer(directory), contentOf), ["a=1"])
    }))
})
