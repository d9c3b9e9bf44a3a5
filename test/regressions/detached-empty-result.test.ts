/** Empty results before the first other one shared a buffer that could be transferred; after that reads died. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { LsmStore } from "../../src/index.ts"
import { bytes, open, transferAway } from "../store/storeHelpers.ts"

describe("an empty result", () => {
  it.effect("can't be transferred away from under later ones", () =>
    Effect.gen(function*() {
      const store = yield* open(LsmStore.layerMemory())
      yield* store.put(bytes("key"), new Uint8Array(0))
      const value = yield* store.get(bytes("key"))
      assert.throws(() => transferAway(value))
      assert.strictEqual((yield* store.get(bytes("key")))?.length, 0)
    }))
})
