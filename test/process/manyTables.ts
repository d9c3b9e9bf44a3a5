/** A store of many tables, with one key in each. */
import { Effect } from "effect"
import { Compaction } from "../../src/index.ts"
import type { CompactionStrategy, StoreOpenError, WriteError } from "../../src/index.ts"
import { NodeLsmStore } from "../../src/node/index.ts"
import { bytes, withStore } from "../store/storeHelpers.ts"

export const onlyWhenAsked: CompactionStrategy = {
  ...Compaction.levelled(),
  name: "only when asked",
  pick: () => undefined,
  debt: () => 0,
  slowdownTables: 1_000,
  stopTables: 1_000
}

export const keyOfTable = (table: number): string => `table-${table}`
export const valueOfTable = (table: number): string => `${table}`.repeat(50)

export const writeTables = (directory: string, count: number): Effect.Effect<void, StoreOpenError | WriteError> =>
  withStore(
    NodeLsmStore.layer({ directory, workers: 0, compaction: onlyWhenAsked }),
    (store) =>
      Effect.forEach(
        Array.from({ length: count }).keys(),
        (table) => Effect.andThen(store.put(bytes(keyOfTable(table)), bytes(valueOfTable(table))), store.flush),
        {
          discard: true
        }
      )
  )
