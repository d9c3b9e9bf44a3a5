/**
 * Two actors published views at the same time: the one that was replaced before
 * its publisher had gone on took references that nobody gave back. Arenas and
 * table files then stayed for ever, and the close that waits for them hung.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, TxRef } from "effect"
import { Memtable } from "../../src/engine/Memtable.ts"
import { publishView, ReadView } from "../../src/engine/ReadView.ts"
import { TableTree } from "../../src/engine/TableTree.ts"
import { ArenaMemtable } from "../../src/memtable/ArenaMemtable.ts"
import { simulate } from "../../src/testing/index.ts"

const rotations = 8

/** One fiber rotates, another drops what was rotated. Returns how many memtables nothing holds any more. */
const rotateAndFlush = Effect.gen(function*() {
  let unused = 0
  const make = () => new Memtable(ArenaMemtable.make({ limit: 1024, baseSequence: 1 }), [], () => unused++)
  const view = TxRef.makeUnsafe(new ReadView(make(), [], TableTree.of([])).adopt())
  const rotate = Effect.suspend(() => {
    const next = make()
    return publishView(view, (current) => new ReadView(next, [current.active, ...current.immutables], current.tables))
  })
  const flush = Effect.suspend(() => {
    const oldest = view.value.immutables.at(-1)
    return oldest === undefined ? Effect.yieldNow : publishView(view, (current) =>
      new ReadView(
        current.active,
        current.immutables.filter((immutable) => immutable !== oldest),
        current.tables
      ))
  })
  const rotating = yield* Effect.forkChild(Effect.replicateEffect(rotate, rotations))
  while (rotating.pollUnsafe() === undefined || view.value.immutables.length > 0) yield* flush
  yield* Fiber.join(rotating)
  return unused
})

describe("a view that is replaced before its publisher goes on (I8)", () => {
  it("keeps nothing", () => {
    for (let seed = 0; seed < 200; seed++) {
      assert.deepStrictEqual(simulate(rotateAndFlush, { seed }).exit, Exit.succeed(rotations), `seed ${seed}`)
    }
  })
})
