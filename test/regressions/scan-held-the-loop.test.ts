import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { LsmStore, WriteBatch } from "../../src/index.ts"

const entries = 20_000
const text = new TextEncoder()

describe("a long scan from memory", () => {
  it.effect("lets other fibers run between its chunks", () =>
    Effect.gen(function*() {
      const store = yield* LsmStore
      const batch = WriteBatch.make()
      for (let key = 0; key < entries; key++) batch.put(text.encode(String(key).padStart(8, "0")), text.encode("value"))
      yield* store.write(batch)

      let turns = 0
      const other = yield* Effect.forkChild(Effect.forever(Effect.andThen(
        Effect.sync(() => {
          turns++
        }),
        Effect.yieldNow
      )))
      let run = 0
      let longestRun = 0
      let turnsBefore = turns
      yield* Stream.runForEachArray(store.scan(), (chunk) =>
        Effect.sync(() => {
          if (turns !== turnsBefore) run = 0
          turnsBefore = turns
          run += chunk.length
          longestRun = Math.max(longestRun, run)
        }))
      yield* Fiber.interrupt(other)
      assert.isAtMost(longestRun, 1024)
    }).pipe(Effect.provide(LsmStore.layerMemory())))
})
