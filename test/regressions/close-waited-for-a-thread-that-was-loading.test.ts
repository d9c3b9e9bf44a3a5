/**
 * A close in the middle of the first flush, or soon after the thread for it had
 * been started, waited until the thread had loaded its modules: 0.15 to 0.3 s,
 * and half a minute where it could not.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Scope } from "effect"
import { readdirSync } from "node:fs"
import * as NodeDisk from "../../src/disk/NodeDisk.ts"
import { LsmStore } from "../../src/index.ts"
import { layerWorkerJobs } from "../../src/jobs/WorkerJobs.ts"
import { mishapOptions, noWorkerThreads, patience } from "../jobs/WorkerFixture.ts"
import { WorkerSignals } from "../jobs/WorkerSignals.ts"
import { bytes, contentOf, freshDirectory, open } from "../store/storeHelpers.ts"

const tablesIn = (directory: string): ReadonlyArray<string> =>
  readdirSync(directory).filter((name) => name.endsWith(".sst"))

/** Waits until this process has started a thread. */
const threadStarted = Effect.callback<void>((resume) => {
  process.once("worker", () => resume(Effect.void))
})

const memtableSize = 1024 * 1024

describe("a store whose thread loads until the store is closed", () => {
  for (const [when, share] of [["in the middle of a flush", 0.1], ["before there is a flush", 0.6]] as const) {
    it.live(`closes ${when}`, () =>
      Effect.gen(function*() {
        const directory = yield* freshDirectory
        const signals = new WorkerSignals()
        yield* Effect.addFinalizer(() => Effect.sync(() => signals.release()))
        const jobs = layerWorkerJobs({ ...mishapOptions({ mishap: "load", call: -1 }, signals), ...patience })
        const layer = (threads: typeof jobs) =>
          LsmStore.layer({ directory, memtableSize }).pipe(Layer.provide(threads), Layer.provide(NodeDisk.layer))
        const scope = yield* Scope.make()
        const store = yield* Scope.provide(open(layer(jobs)), scope)
        const started = yield* Effect.forkChild(threadStarted, { startImmediately: true })
        yield* store.put(bytes("a"), new Uint8Array(share * memtableSize))
        yield* store.put(bytes("b"), bytes("1"))
        if (share < 0.5) yield* Effect.forkChild(Effect.exit(store.flush))
        yield* Fiber.join(started)
        yield* Scope.close(scope, Exit.void)

        const again = yield* open(layer(layerWorkerJobs()))
        assert.strictEqual((yield* contentOf(again)).length, 2)
        const tables = tablesIn(directory)
        signals.release()
        yield* signals.struck
        assert.deepStrictEqual(tablesIn(directory), tables)
      }).pipe(Effect.scoped, Effect.ensuring(noWorkerThreads)))
  }
})
