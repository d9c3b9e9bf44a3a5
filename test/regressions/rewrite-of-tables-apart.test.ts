/**
 * A compaction that was asked for rewrote two tables of the last level that had
 * something to drop as one, though a third lay between them: the manifest
 * refused tables that overlap, and writes stopped.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { SimulatedDisk } from "../../src/testing/index.ts"
import { bytes, contentOf, runSimulated, simulatedLayer, withStore } from "../store/storeHelpers.ts"
import type { Store } from "../store/storeHelpers.ts"

const toLastLevel = (store: Store, key: string) =>
  Effect.andThen(store.flush, store.compact({ gte: bytes(key), lte: bytes(key) }))

/** A table of the last level that keeps an old version for the snapshot. */
const withOldVersion = (store: Store, key: string) =>
  Effect.gen(function*() {
    yield* store.put(bytes(key), bytes("old"))
    yield* store.snapshot
    yield* store.put(bytes(key), bytes("new"))
    yield* toLastLevel(store, key)
  })

describe("a compaction of tables with others between them (I11)", () => {
  it("leaves the levels disjoint, and the store in order", () => {
    const onNewDisk = () =>
      withStore(simulatedLayer(SimulatedDisk.make()), (store) =>
        Effect.gen(function*() {
          const scope = yield* Scope.make()
          yield* Scope.provide(withOldVersion(store, "a"), scope)
          yield* store.put(bytes("b"), bytes("clean"))
          yield* toLastLevel(store, "b")
          yield* Scope.provide(withOldVersion(store, "c"), scope)
          const before = (yield* store.stats).tables
          assert.deepStrictEqual([before.count, before.entries], [3, 5])
          yield* Scope.close(scope, Exit.void)
          yield* store.compact()
          assert.strictEqual((yield* store.stats).tables.entries, 3)
          yield* store.put(bytes("d"), bytes("later"))
          assert.deepStrictEqual(yield* contentOf(store), ["a=new", "b=clean", "c=new", "d=later"])
        }))
    for (let seed = 0; seed < 5; seed++) runSimulated(seed, onNewDisk())
  })
})
