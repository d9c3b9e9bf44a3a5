/** An array whose buffer was transferred away has no bytes: it was taken for an empty key or value. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { LsmStore, WriteBatch } from "../../src/index.ts"
import { bytes, contentOf, detachedBytes, open, refuses } from "../store/storeHelpers.ts"

describe("an array whose buffer was transferred", () => {
  it.effect("is refused as a key and as a value, and nothing is written", () =>
    Effect.gen(function*() {
      const store = yield* open(LsmStore.layerMemory())
      yield* refuses(store.put(detachedBytes(), bytes("value")), "key", /transferred/)
      yield* refuses(store.put(bytes("key"), detachedBytes()), "value", /transferred/)
      yield* refuses(store.delete(detachedBytes()), "key", /transferred/)
      yield* refuses(store.get(detachedBytes()), "key", /transferred/)
      yield* refuses(store.write(WriteBatch.make().put(bytes("key"), detachedBytes())), "value", /transferred/)
      assert.deepStrictEqual(yield* contentOf(store), [])
    }))
})
