/** A store whose worker threads die or hang loses nothing, and goes on. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Logger } from "effect"
import { readdirSync } from "node:fs"
import * as NodeDisk from "../../src/disk/NodeDisk.ts"
import { LsmStore } from "../../src/index.ts"
import { layerWorkerJobs } from "../../src/jobs/WorkerJobs.ts"
import { NodeLsmStore } from "../../src/node/index.ts"
import { temporaryDirectory } from "../disk/temporaryDirectory.ts"
import { WorkerSignals } from "./WorkerSignals.ts"
import type { MishapPlan } from "./WorkerSignals.ts"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

const keys = Array.from({ length: 200 }, (_, i) => bytes(`key-${i}`))
const value = (round: number): Uint8Array => bytes(`${round}`.repeat(200))

const tablesIn = (directory: string): ReadonlyArray<string> =>
  readdirSync(directory).filter((name) => name.endsWith(".sst"))

/** Writes twice as much as a table holds, with the mishap in a thread on the way; what is left is one table. */
const survives = (plan: Omit<MishapPlan, "memory">) =>
  Effect.gen(function*() {
    const directory = yield* temporaryDirectory
    const signals = new WorkerSignals()
    yield* Effect.scoped(Effect.gen(function*() {
      const jobs = layerWorkerJobs({
        entry: new URL("./mishapEntry.ts", import.meta.url),
        extra: { ...plan, memory: signals.memory },
        priority: 0,
        hangTimeout: 2_000,
        restartDelay: 1
      })
      const layer = LsmStore.layer({ directory }).pipe(Layer.provide(jobs), Layer.provide(NodeDisk.layer))
      const store = Context.get(yield* Layer.build(layer), LsmStore)
      for (const round of [1, 2]) {
        for (const key of keys) yield* store.put(key, value(round), { durability: "buffered" })
        yield* store.flush
      }
      yield* Effect.retry(store.compact(), { times: 1 })
      yield* signals.struck
      for (const key of keys) assert.deepStrictEqual(yield* store.get(key), value(2))
    }))
    assert.strictEqual(tablesIn(directory).length, 1)
    const store = Context.get(yield* Layer.build(NodeLsmStore.layer({ directory })), LsmStore)
    for (const key of keys) assert.deepStrictEqual(yield* store.get(key), value(2))
  }).pipe(Effect.provide(Logger.layer([])))

describe("a store (I1, I10, I12)", () => {
  const mishaps: ReadonlyArray<readonly [name: string, plan: Omit<MishapPlan, "memory">]> = [
    ["whose flush thread dies", { mishap: "exit", operation: "sync", call: 1 }],
    ["whose flush thread hangs", { mishap: "spin", operation: "append", call: 0 }],
    ["whose compaction thread dies", { mishap: "exit", operation: "sync", call: 2 }],
    ["whose compaction thread hangs", { mishap: "spin", operation: "openRead", call: 0 }]
  ]
  for (const [name, plan] of mishaps) {
    it.live(`${name} in the middle of a job keeps all that was written, and leaves no other table`, () =>
      survives(plan))
  }
})
