/**
 * Two actors published views at the same time: the one that was replaced before
 * its publisher had gone on took references that nobody gave back. Arenas and
 * table files then stayed for ever, and the close that waits for them hung.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, TxRef } from "effect"
import { Memtable } from "../../src/engine/Memtable.ts"
import { publishView, ReadView } from "../../src/engine/ReadView.ts"
import { ArenaMemtable } from "../../src/memtable/ArenaMemtable.ts"
import { simulate } from "../../src/testing/index.ts"

/** Four fibers replace the active memtable, each twice. Returns how many memtables were let go of. */
const publishers = Effect.gen(function*() {
  let unused = 0
  const make = () => new Memtable(ArenaMemtable.make({ limit: 1024, baseSequence: 1 }), undefined, () => unused++)
  const view = TxRef.makeUnsafe(new ReadView(make(), [], []).adopt())
  const publisher = Effect.replicateEffect(
    Effect.suspend(() => {
      const active = make()
      return publishView(view, (current) => new ReadView(active, current.immutables, current.tables))
    }),
    2
  )
  const fibers = yield* Effect.forEach([1, 2, 3, 4], () => Effect.forkChild(publisher))
  yield* Fiber.joinAll(fibers)
  return unused
})

describe("a view that is replaced before its publisher goes on (I8)", () => {
  it("keeps nothing", () => {
    for (let seed = 0; seed < 100; seed++) {
      assert.deepStrictEqual(simulate(publishers, { seed }).exit, Exit.succeed(8), `seed ${seed}`)
    }
  })
})
