import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Compaction } from "../../src/Compaction.ts"
import type { CompactionStrategy } from "../../src/Compaction.ts"
import { LsmStore } from "../../src/LsmStore.ts"

/** As plain JavaScript sees it. */
interface Untyped {
  levelled(options: unknown): CompactionStrategy
  sizeTiered(options: unknown): CompactionStrategy
  fifo(options: unknown): CompactionStrategy
}
const untyped: Untyped = Compaction

const wrong: ReadonlyArray<readonly [keyof Untyped, unknown, RegExp]> = [
  ...[0, -1, 65_535, 2 ** 33, 1.5, NaN, Infinity, "65536", null, {}, 65_536n].flatMap((tableSize) => [
    [
      "levelled",
      { tableSize },
      /^levelled needs tableSize to be a whole number from 65536 to 4293918720, not /
    ] as const,
    ["sizeTiered", { tableSize }, /^sizeTiered needs tableSize to be a whole number from 65536 to 4293918720/] as const,
    ["fifo", { maxBytes: 1e9, tableSize }, /^fifo needs tableSize to be a whole number from/] as const
  ]),
  ["levelled", { level0Tables: 0 }, /level0Tables to be a whole number from 1 to 1024, not 0/],
  ["levelled", { levelRatio: 1 }, /levelRatio to be a whole number from 2 to 100/],
  ["levelled", { baseLevelSize: 1 }, /baseLevelSize to be a whole number from 65536/],
  ["levelled", { level0Tables: 8, slowdownTables: 7 }, /slowdownTables to be at least level0Tables/],
  ["levelled", { stopTables: 12 }, /stopTables to be more than slowdownTables/],
  ["levelled", { levels: 3 }, /^levelled has no option "levels"; its options are tableSize, baseLevelSize, levelRatio/],
  ["levelled", null, /takes an object of options, not null/],
  ["levelled", 4, /takes an object of options, not 4/],
  ["sizeTiered", { runs: 5 }, /runs to be a whole number from 1 to 4/],
  ["sizeTiered", { spacePercent: 0 }, /spacePercent to be a whole number from 1 to 1000/],
  ["sizeTiered", { stopTables: 3 }, /stopTables to be more than slowdownTables/],
  ["fifo", {}, /^fifo needs maxBytes$/],
  ["fifo", undefined, /^fifo takes an object of options/],
  ["fifo", { maxBytes: 1 }, /maxBytes to be a whole number from 65536/],
  ["fifo", { maxBytes: 1e9, mergeTables: 1 }, /mergeTables to be a whole number from 2 to 1024/]
]

describe("the options of a strategy", () => {
  it("are told to be wrong by the strategy, without a throw", () => {
    for (const [name, options, problem] of wrong) assert.match(untyped[name](options).problem ?? "", problem)
  })

  it.effect("fail the opening of a store with InvalidArgument if they are wrong", () =>
    Effect.gen(function*() {
      for (const [name, options, problem] of wrong) {
        const store = LsmStore.layerMemory({ compaction: untyped[name](options) })
        const error = yield* Effect.flip(Effect.provide(LsmStore.use(() => Effect.void), store))
        assert.strictEqual(error._tag, "InvalidArgument")
        if (error._tag !== "InvalidArgument") continue
        assert.strictEqual(error.argument, "compaction")
        assert.match(error.reason, problem)
      }
    }))

  it("may all be left out, or be undefined", () => {
    const left = [
      Compaction.levelled(),
      Compaction.levelled({ tableSize: undefined, levelRatio: undefined, stopTables: undefined }),
      Compaction.sizeTiered(),
      Compaction.sizeTiered({ runs: undefined }),
      Compaction.fifo({ maxBytes: 1e9, tableSize: undefined })
    ]
    for (const strategy of left) {
      assert.isUndefined(strategy.problem)
      assert.isAbove(strategy.stopTables, strategy.slowdownTables === Infinity ? 0 : strategy.slowdownTables)
    }
  })
})
