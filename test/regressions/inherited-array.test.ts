/** What only inherits from `Uint8Array`, or stands before one, passed for one; its missing length was a defect. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { runInNewContext } from "node:vm"
import { LsmStore, WriteBatch } from "../../src/index.ts"
import { bytes, contentOf, open, refuses, untyped } from "../store/storeHelpers.ts"

const inherited = {}
Object.setPrototypeOf(inherited, Uint8Array.prototype)
const fakes: ReadonlyArray<object> = [inherited, new Proxy(new Uint8Array(3), {})]

interface UntypedBatch {
  put(key: unknown, value: unknown): WriteBatch
}

describe("an object that only passes for a Uint8Array", () => {
  it.effect("is refused wherever bytes are taken", () =>
    Effect.gen(function*() {
      const store = yield* open(LsmStore.layerMemory())
      const loose = untyped(store)
      for (const fake of fakes) {
        const batch: UntypedBatch = WriteBatch.make()
        yield* refuses(loose.get(fake), "key", /must be a Uint8Array/)
        yield* refuses(loose.getMany([fake]), "keys", /must be a Uint8Array/)
        yield* refuses(loose.put(fake, bytes("1")), "key", /must be a Uint8Array/)
        yield* refuses(loose.put(bytes("a"), fake), "value", /must be a Uint8Array/)
        yield* refuses(loose.delete(fake), "key", /must be a Uint8Array/)
        yield* refuses(store.write(batch.put(bytes("a"), fake)), "value", /must be a Uint8Array/)
        yield* refuses(Stream.runCollect(loose.scan({ gte: fake })), "gte", /must be a Uint8Array/)
      }
      assert.deepStrictEqual(yield* contentOf(store), [])
    }))
})

describe("a Uint8Array of another realm", () => {
  it.effect("is one", () =>
    Effect.gen(function*() {
      const store = yield* open(LsmStore.layerMemory())
      const foreign: unknown = runInNewContext("new Uint8Array([97, 98])")
      yield* untyped(store).put(foreign, foreign)
      assert.deepStrictEqual(yield* contentOf(store), ["ab=ab"])
    }))
})
