/**
 * A flush or a merge that was interrupted by the store's close right after it
 * had opened its table left that table without an owner, and the close waited
 * for it for ever.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Scope } from "effect"
import type { WriteError } from "../../src/index.ts"
import { simulate, SimulatedDisk } from "../../src/testing/index.ts"
import { bytes, open, simulatedLayer } from "../store/storeHelpers.ts"
import type { Store } from "../store/storeHelpers.ts"

/** Begins something in the background and closes the store so many yields later. */
const closeAfter = (yields: number, begin: (store: Store) => Effect.Effect<void, WriteError>) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const store = yield* Scope.provide(open(simulatedLayer(SimulatedDisk.make())), scope)
    yield* store.put(bytes("a"), bytes("1"))
    yield* store.flush
    yield* store.put(bytes("b"), bytes("2"))
    yield* Effect.forkChild(Effect.exit(begin(store)))
    yield* Effect.replicateEffect(Effect.yieldNow, yields, { discard: true })
    yield* Scope.close(scope, Exit.void)
  })

/** Points after which a close never ended. */
const hangs = (begin: (store: Store) => Effect.Effect<void, WriteError>): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (let yields = 0; yields < 120; yields++) {
    for (const order of ["oldest", "any"] as const) {
      const { exit } = simulate(closeAfter(yields, begin), { seed: yields, order, yieldChance: 0.9 })
      if (Exit.isFailure(exit)) found.push(`after ${yields} yields, ${order} first: ${Cause.pretty(exit.cause)}`)
    }
  }
  return found
}

describe("a store that is closed whenever (I8, I14)", () => {
  it("closes in the middle of a flush", () => assert.deepStrictEqual(hangs((store) => store.flush), []))

  it("closes in the middle of a compaction", () => assert.deepStrictEqual(hangs((store) => store.compact()), []))
})
