/** The store on this machine's disk has its background work done in threads. */
import { afterEach, assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Logger, Stream } from "effect"
import * as NodeDisk from "../../src/disk/NodeDisk.ts"
import { LsmStore } from "../../src/index.ts"
import { Jobs } from "../../src/jobs/Jobs.ts"
import { layerWorkerJobs } from "../../src/jobs/WorkerJobs.ts"
import { NodeLsmStore } from "../../src/node/index.ts"
import { temporaryDirectory } from "../disk/temporaryDirectory.ts"
import { contentOf, inlineContent, noWorkerThreads, someJob, workerThreads } from "./WorkerFixture.ts"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

afterEach(() => Effect.runPromise(noWorkerThreads))

/** The threads that a store has after a flush and after a compaction of what two flushes wrote, until it has none. */
const threadsOf = (workers: 0 | 2 | undefined) =>
  Effect.gen(function*() {
    const directory = yield* temporaryDirectory
    const found: Array<ReadonlyArray<string>> = []
    const names = () => workerThreads().map((name) => name.replace(/ .*/, ""))
    yield* Effect.scoped(Effect.gen(function*() {
      const store = Context.get(yield* Layer.build(NodeLsmStore.layer({ directory, workers })), LsmStore)
      found.push(names())
      for (const value of ["1", "2"]) {
        yield* store.put(bytes("key"), bytes(value))
        yield* store.flush
      }
      found.push(names())
      yield* store.compact()
      found.push(names())
      assert.deepStrictEqual(yield* store.get(bytes("key")), bytes("2"))
    }))
    yield* noWorkerThreads
    return found
  })

describe("NodeLsmStore", () => {
  for (const workers of [undefined, 2] as const) {
    it.live(`flushes and compacts in threads (workers: ${workers})`, () =>
      Effect.gen(function*() {
        const expected = [[], ["lsm-flush"], ["lsm-compaction", "lsm-flush"]]
        assert.deepStrictEqual(yield* threadsOf(workers), expected)
      }))
  }

  it.live("has no thread with workers: 0", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* threadsOf(0), [[], [], []])
    }))

  it.live("starts the thread for flushes before the first memtable is full", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const layer = NodeLsmStore.layer({ directory, memtableSize: 1024 * 1024, durability: "buffered" })
      const store = Context.get(yield* Layer.build(layer), LsmStore)
      let threads = 0
      const count = () => void threads++
      process.on("worker", count)
      yield* Effect.addFinalizer(() => Effect.sync(() => process.off("worker", count)))
      const found = []
      for (const share of [0.4, 0.3]) {
        yield* store.put(bytes(`${share}`), new Uint8Array(share * 1024 * 1024))
        // The log looks at its memtable once it has acknowledged, and the process tells of a thread after that.
        yield* store.put(bytes("small"), bytes("1"))
        yield* Effect.promise(() => new Promise(setImmediate))
        found.push(threads)
      }
      assert.deepStrictEqual(found, [0, 1])
      assert.strictEqual((yield* store.stats).flushes, 0)
    }))

  it.live("gives each store threads of its own", () =>
    Effect.gen(function*() {
      for (const _ of [1, 2]) {
        const directory = yield* temporaryDirectory
        const store = Context.get(yield* Layer.build(NodeLsmStore.layer({ directory })), LsmStore)
        yield* store.put(bytes("key"), bytes("1"))
        yield* store.flush
      }
      assert.strictEqual(workerThreads().length, 2)
    }))

  it.live("I10, I14: closes whenever in the middle of flushes and compactions, and loses nothing", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const value = (round: number, i: number) => bytes(`${round}-${i}`.repeat(300))
      const layer = NodeLsmStore.layer({ directory, memtableSize: 65_536, durability: "buffered" })
      const rounds = 6
      for (let round = 0; round < rounds; round++) {
        yield* Effect.scoped(Effect.gen(function*() {
          const store = Context.get(yield* Layer.build(Layer.fresh(layer)), LsmStore)
          for (let i = 0; i < 300; i++) yield* store.put(bytes(`key-${i}`), value(round, i))
          yield* Effect.forkChild(Effect.exit(store.flush))
          if (round % 2 === 1) yield* Effect.forkChild(Effect.exit(store.compact()))
          // Later with every round: before there is anything to do, when a thread starts, when it has ended a job.
          yield* store.events.pipe(Stream.take(Math.min(round, 3)), Stream.runDrain)
        }))
      }
      const store = Context.get(yield* Layer.build(NodeLsmStore.layer({ directory })), LsmStore)
      for (let i = 0; i < 300; i++) {
        assert.deepStrictEqual(yield* store.get(bytes(`key-${i}`)), value(rounds - 1, i))
      }
    }))
})

describe("layerWorkerJobs", () => {
  it.live("runs jobs on the event loop where the threads' module is missing", () =>
    Effect.gen(function*() {
      const jobs = yield* Layer.build(
        Layer.provide(layerWorkerJobs({ entry: new URL("./noSuchEntry.ts", import.meta.url) }), NodeDisk.layer)
      )
      const job = yield* someJob("merge")
      yield* job.run(Context.get(jobs, Jobs))
      assert.deepStrictEqual(contentOf(job.directory), yield* inlineContent("merge"))
      assert.deepStrictEqual(workerThreads(), [])
    }).pipe(Effect.provide(Logger.layer([]))))
})
