/** The store on this machine's disk has its background work done in threads. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { LsmStore } from "../../src/index.ts"
import { NodeLsmStore } from "../../src/node/index.ts"
import { temporaryDirectory } from "../disk/temporaryDirectory.ts"
import { workerThreads } from "./WorkerFixture.ts"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** The threads that a store has after a flush and after a compaction of what two flushes wrote. */
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
    found.push(names())
    return found
  })

describe("NodeLsmStore", () => {
  for (const workers of [undefined, 2] as const) {
    it.live(`flushes and compacts in threads (workers: ${workers})`, () =>
      Effect.gen(function*() {
        const expected = [[], ["lsm-flush"], ["lsm-compaction", "lsm-flush"], []]
        assert.deepStrictEqual(yield* threadsOf(workers), expected)
      }))
  }

  it.live("has no thread with workers: 0", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* threadsOf(0), [[], [], [], []])
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
})
