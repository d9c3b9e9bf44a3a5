/** Makes a store's options of a plan's. */
import { Compaction } from "../../src/index.ts"
import type { CompactionStrategy, StoreOptions } from "../../src/index.ts"
import { oddPicks, smallLevels, smallTiers } from "../support/smallStrategies.ts"
import type { PlannedOptions, StrategyName } from "./Plan.ts"

export const parent = "/"
export const directory = `${parent}store`

const strategies: { readonly [name in StrategyName]: CompactionStrategy } = {
  smallLevels,
  smallTiers,
  oddPicks,
  levelled: Compaction.levelled(),
  sizeTiered: Compaction.sizeTiered(),
  // Large enough that it never drops anything: that would be no loss that a check could tell from a bug.
  fifo: Compaction.fifo({ maxBytes: 2 ** 40 })
}

export const strategyOf = ({ compaction }: PlannedOptions): CompactionStrategy => strategies[compaction]

export const storeOptions = (planned: PlannedOptions): StoreOptions => ({
  ...planned,
  directory,
  compaction: strategyOf(planned)
})
