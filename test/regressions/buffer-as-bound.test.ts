/** A `Buffer`'s `slice` shares its memory: a scan copied its bounds with it, and wrote into the caller's prefix. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { LsmStore } from "../../src/index.ts"
import { bytes, lines, open } from "../store/storeHelpers.ts"

describe("a Buffer as a bound of a scan", () => {
  it.effect("as a prefix is left as it was, and finds what begins with it", () =>
    Effect.gen(function*() {
      const store = yield* open(LsmStore.layerMemory())
      for (const key of ["city", "city/a", "city/b", "city0"]) yield* store.put(bytes(key), bytes("1"))
      const prefix = Buffer.from("city/")
      const entries = yield* Stream.runCollect(store.scan({ prefix }))
      assert.deepStrictEqual(lines(entries), ["city/a=1", "city/b=1"])
      assert.strictEqual(prefix.toString(), "city/")
    }))

  it.effect("may be changed while the scan goes on", () =>
    Effect.gen(function*() {
      const store = yield* open(LsmStore.layerMemory())
      for (let i = 0; i < 100; i++) yield* store.put(bytes(`key-${String(i).padStart(2, "0")}`), bytes("1"))
      const gte = Buffer.from("key-10")
      const lt = Buffer.from("key-90")
      const pull = yield* Stream.toPull(store.scan({ gte, lt }))
      let seen = 0
      yield* Effect.ignore(Effect.forever(Effect.map(pull, (chunk) => {
        seen += chunk.length
        gte.fill(0)
        lt.fill(0)
      })))
      assert.strictEqual(seen, 80)
    }))
})
