/** An object that only inherits from a batch or a snapshot passed for one, and its missing fields were a defect. */
import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { LsmStore, WriteBatch } from "../../src/index.ts"
import { bytes, open, refuses, untyped } from "../store/storeHelpers.ts"

const inheriting = (parent: object): object => {
  const child = {}
  Object.setPrototypeOf(child, parent)
  return child
}

describe("an object that inherits from", () => {
  it.effect("a batch is refused", () =>
    Effect.gen(function*() {
      const store = untyped(yield* open(LsmStore.layerMemory()))
      for (const parent of [WriteBatch.prototype, WriteBatch.make()]) {
        yield* refuses(store.write(inheriting(parent)), "batch", /must be made by WriteBatch.make/)
      }
    }))

  it.effect("a snapshot is refused", () =>
    Effect.gen(function*() {
      const store = yield* open(LsmStore.layerMemory())
      const snapshot = inheriting(yield* store.snapshot)
      yield* refuses(untyped(store).get(bytes("key"), { snapshot }), "snapshot", /not a live snapshot/)
    }))
})
