/**
 * Which tables are merged, and when: the strategies there are, and the interface
 * by which a store takes another.
 */
import { fifo } from "./compaction/Fifo.ts"
import type { FifoOptions } from "./compaction/Fifo.ts"
import { levelled } from "./compaction/Levelled.ts"
import type { LevelledOptions } from "./compaction/Levelled.ts"
import { sizeTiered } from "./compaction/SizeTiered.ts"
import type { SizeTieredOptions } from "./compaction/SizeTiered.ts"
import type { CompactionStrategy } from "./compaction/Strategy.ts"

export type { FifoOptions } from "./compaction/Fifo.ts"
export type { LevelledOptions } from "./compaction/Levelled.ts"
export type { SizeTieredOptions } from "./compaction/SizeTiered.ts"
export { levelCount } from "./compaction/Strategy.ts"
export type { CompactionPick, CompactionStrategy, TreeShape } from "./compaction/Strategy.ts"

/**
 * The strategies for the option `compaction`. It may change from one opening to
 * the next: each takes the tables that another has left. An option that is out of
 * its range does not throw: no store opens with the strategy.
 *
 * A strategy of one's own is an object with the same few functions. Whatever it
 * picks, the engine keeps every version that a reader may see, and it does not
 * follow a pick that breaks the rules: it logs a warning, once. Where a strategy is
 * at a loss and level 0 is full, the engine merges level 0 by itself.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Compaction, LsmStore } from "effect-lsm"
 *
 * const text = new TextEncoder()
 * const write = LsmStore.use((store) =>
 *   Effect.gen(function*() {
 *     yield* store.put(text.encode("a"), text.encode("1"))
 *     yield* store.flush
 *     return yield* store.has(text.encode("a"))
 *   })
 * )
 * const byTiers = LsmStore.layerMemory({ compaction: Compaction.sizeTiered({ spacePercent: 100 }) })
 * const never = { ...Compaction.levelled({ stopTables: 1000 }), name: "never", pick: () => undefined, debt: () => 0 }
 * const byHand = LsmStore.layerMemory({ compaction: never })
 *
 * await Effect.runPromise(write.pipe(Effect.provide(byTiers))) // => true
 * await Effect.runPromise(write.pipe(Effect.provide(byHand))) // => true
 * Compaction.fifo({ maxBytes: -1 }).problem // => "fifo needs maxBytes to be a whole number from 65536 to 9007199254740991, not -1"
 * ```
 */
export const Compaction: {
  /**
   * One sorted run a level, each a tenth of the next: few bytes that are superseded,
   * few tables to look into, each byte written some five to ten times. Writers are slowed
   * from 12 tables in level 0 on, and there are never more than 24. The default.
   */
  readonly levelled: (options?: LevelledOptions) => CompactionStrategy
  /**
   * Several runs of growing size above one last level: each byte is written fewer times, reads look into more tables,
   * and what is above the last level grows to half of it. Bounds of level 0 as for `levelled`.
   */
  readonly sizeTiered: (options?: SizeTieredOptions) => CompactionStrategy
  /**
   * Drops the oldest tables when there are more than `maxBytes`: older keys are gone without having been deleted. All
   * stays in level 0, which has no bound but that one; a `compact` that is asked for changes nothing.
   */
  readonly fifo: (options: FifoOptions) => CompactionStrategy
} = { levelled, sizeTiered, fifo }
