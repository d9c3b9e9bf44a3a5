/**
 * A store whose calls are taken down in a history. It waits for nothing and
 * takes nothing back: an interrupt meets the store where it would have met it.
 */
import { Effect } from "effect"
import { LsmStore } from "../../LsmStore.ts"
import type { Durability } from "../../StoreOptions.ts"
import type { HistoryLog } from "./HistoryLog.ts"
import { observedReads } from "./ObservedReads.ts"
import { observedWrites } from "./ObservedWrites.ts"

export const observedStore = (
  store: LsmStore["Service"],
  log: HistoryLog,
  storeLevel: Durability
): LsmStore["Service"] =>
  LsmStore.of({
    ...observedReads(store, log),
    ...observedWrites(store, log, storeLevel),
    compact: store.compact,
    events: store.events,
    stats: Effect.suspend(() => {
      const begun = log.tick()
      return Effect.map(store.stats, (stats) => {
        log.open("stats", begun, stats.sequence)
        return stats
      })
    })
  })
