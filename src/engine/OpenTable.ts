/**
 * Opens a table that has just been written, or that the manifest names.
 */
import { Effect } from "effect"
import { StoreCorrupted } from "../StoreError.ts"
import type { TableError } from "../StoreError.ts"
import type { BlockCache } from "../table/BlockCache.ts"
import type { ReadPolicy } from "../table/ReadPolicy.ts"
import type { TableMeta } from "../table/TableMeta.ts"
import { TableReader } from "../table/TableReader.ts"
import { LiveTable } from "./LiveTable.ts"
import type { OpenFiles } from "./OpenFiles.ts"
import type { Retirement } from "./Retirement.ts"

const missingTable = "the manifest names it and it is missing"

export interface TableAccess {
  readonly files: OpenFiles
  readonly retirement: Retirement["Service"]
  readonly cache: BlockCache
  readonly policy: ReadPolicy
}

/** The table, `isFresh` if it has just been written, with one reference, which the caller releases; its file closes for good when the last one is gone. */
export const openTable = Effect.fnUntraced(function*(
  access: TableAccess,
  path: string,
  meta: TableMeta,
  isFresh: boolean = false
): Effect.fn.Return<LiveTable, TableError> {
  const openFile = Effect.catch(
    access.files.open(path),
    (error): Effect.Effect<never, TableError> =>
      error.code === "ENOENT"
        ? access.files.whyGone(new StoreCorrupted({ file: path, offset: 0, reason: missingTable }))
        : Effect.fail(error)
  )
  return yield* Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const file = yield* openFile
      const reader = yield* Effect.onError(
        restore(TableReader.open(file, meta, access.cache, { policy: access.policy, isFresh })),
        () => file.close
      )
      const table = new LiveTable(reader, path, access.retirement.retire)
      table.retain()
      access.retirement.opened(table)
      return table
    })
  )
})
