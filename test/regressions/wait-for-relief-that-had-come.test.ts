import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Latch, Layer } from "effect"
import { LsmStore } from "../../src/index.ts"
import { makeInlineJobs } from "../../src/jobs/InlineJobs.ts"
import { Jobs } from "../../src/jobs/Jobs.ts"
import { SimulatedDisk } from "../../src/testing/index.ts"
import { bytes, open } from "../store/storeHelpers.ts"

describe("A write behind ones that were slowed", () => {
  it.effect("does not wait for relief that a flush has brought already, where time stands still", () =>
    Effect.gen(function*() {
      const disk = SimulatedDisk.make({ seed: 1 })
      const jobs = makeInlineJobs(disk.service)
      const letGo = yield* Latch.make()
      const layer = LsmStore.layer({ directory: "/store", memtableSize: 256 * 1024, maxImmutables: 4 }).pipe(
        Layer.provide(Layer.merge(
          disk.layer,
          Layer.succeed(Jobs, { ...jobs, flush: (job) => Effect.andThen(letGo.await, jobs.flush(job)) })
        ))
      )
      const store = yield* open(layer)
      const put = (index: number) =>
        store.put(bytes(`key ${index}`), new Uint8Array(120_000), { durability: "buffered" })

      // Two fill a memtable: four wait for their flush, and the fifth is active.
      for (let index = 0; index < 9; index++) yield* put(index)
      yield* letGo.open
      yield* store.flush
      // What the flushes have brought about ends as well.
      yield* Effect.repeat(Effect.yieldNow, { times: 5_000 })
      const next = yield* Effect.forkChild(put(9))
      for (let turn = 0; turn < 1_000 && next.pollUnsafe() === undefined; turn++) yield* Effect.yieldNow

      assert.isDefined(next.pollUnsafe())
      yield* Fiber.interrupt(next)
    }))
})
