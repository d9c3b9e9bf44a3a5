import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { SimulatedDisk } from "../../src/testing/index.ts"
import { bytesOf, padded, runSeed, seeds, withStore } from "../engine/harness.ts"
import type { Store } from "../engine/harness.ts"

const keys = Array.from({ length: 8 }, (_, key) => bytesOf(`key/${key}`))

const writeAll = (store: Store, name: string) =>
  Effect.andThen(Effect.forEach(keys, (key) => store.put(key, padded(name, 200))), store.flush)

/** What compactions have left of all versions, once they have come to rest. */
const entriesAtRest = (store: Store) =>
  Effect.andThen(Effect.sleep("1 second"), Effect.map(store.stats, ({ tables }) => tables.entries))

describe("What a merge has kept for several snapshots", () => {
  it.for(seeds(3))("I8: goes when the last of them has closed, in whichever order they close (seed %i)", (seed) => {
    for (const order of [[0, 1], [1, 0]] as const) {
      const program = withStore(SimulatedDisk.make({ seed }), (store) =>
        Effect.gen(function*() {
          const scopes = [yield* Scope.make(), yield* Scope.make()]
          for (const scope of scopes) {
            yield* writeAll(store, "before")
            yield* Scope.provide(store.snapshot, scope)
          }
          yield* writeAll(store, "after")
          yield* store.compact()
          assert.isAbove(yield* entriesAtRest(store), keys.length)
          for (const which of order) {
            yield* Scope.close(scopes[which]!, Exit.void)
            yield* Effect.sleep("1 second")
          }
          assert.strictEqual(yield* entriesAtRest(store), keys.length)
        }))
      runSeed(program, seed)
    }
  })
})
