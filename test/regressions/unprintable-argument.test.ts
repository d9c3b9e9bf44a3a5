/** The message about a wrong option put the option into words, and died where it has none. */
import { describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { LsmStore } from "../../src/index.ts"
import { open, refuses, unprintable, untyped, untypedMemory } from "../store/storeHelpers.ts"

describe("a wrong argument that can't be printed", () => {
  it.effect("is a typed error among the options of a store", () =>
    Effect.gen(function*() {
      const numbers = ["memtableSize", "maxImmutables", "blockSize", "blockCacheSize", "filterBitsPerKey"]
      for (const name of [...numbers, "durability", "compression", "workers"]) {
        for (const value of unprintable) yield* refuses(open(untypedMemory.layer({ [name]: value })), name, /must be/)
      }
    }))

  it.effect("is a typed error among the options of a scan", () =>
    Effect.gen(function*() {
      const store = untyped(yield* open(LsmStore.layerMemory()))
      for (const value of unprintable) {
        yield* refuses(Stream.runCollect(store.scan({ limit: value })), "limit", /whole number/)
        yield* refuses(Stream.runCollect(store.scan({ reverse: value })), "reverse", /true or false/)
      }
    }))
})
