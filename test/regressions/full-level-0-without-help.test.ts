/**
 * Level 0 was full, and a strategy threw each time it was asked, or wanted to
 * drop tables that a snapshot reads: nothing was merged, and writers waited for
 * ever.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { CompactionPick, CompactionStrategy, TreeShape } from "../../src/Compaction.ts"
import { levelled } from "../../src/compaction/Levelled.ts"
import { SimulatedDisk } from "../../src/testing/index.ts"
import { bytes, contentOf, runSimulated, simulatedLayer, withStore } from "../store/storeHelpers.ts"

/** Writes a table at a time under a snapshot of the first one; tells what is there in the end. */
const writeUnder = (pick: (shape: TreeShape) => CompactionPick | undefined) => {
  const compaction: CompactionStrategy = { ...levelled(), slowdownTables: 2, stopTables: 3, pick }
  const program = withStore(simulatedLayer(SimulatedDisk.make(), { compaction }), (store) =>
    Effect.gen(function*() {
      for (let at = 0; at < 9; at++) {
        yield* store.put(bytes(`key-${at}`), bytes("value"))
        yield* store.flush
        if (at === 0) yield* store.snapshot
      }
      return yield* contentOf(store)
    }))
  return runSimulated(1, program, { maxSteps: 100_000 })
}

describe("a full level 0 (I13)", () => {
  it("goes down though the strategy throws", () => {
    const content = writeUnder(() => {
      throw new Error("no idea")
    })
    assert.strictEqual(content.length, 9)
  })

  it("goes down though a snapshot keeps the strategy from dropping tables", () => {
    const content = writeUnder(({ levels: [level0 = []] }) =>
      level0.length < 2 ? undefined : { _tag: "Drop", tables: level0 }
    )
    assert.include(content, "key-0=value")
  })
})
