/** Strategies under which the little data of a crash test comes to lie in several levels. */
import { Compaction } from "../../src/index.ts"
import type { CompactionStrategy } from "../../src/index.ts"
import type { StrategyName } from "./Plan.ts"

const KiB = 1024

export const strategies: { readonly [name in StrategyName]: CompactionStrategy } = {
  levelled: Compaction.levelled({ tableSize: 64 * KiB, level0Tables: 2, baseLevelSize: 64 * KiB, levelRatio: 2 }),
  sizeTiered: Compaction.sizeTiered({ tableSize: 64 * KiB, level0Tables: 2, runs: 3 })
}
