/**
 * Closes tables that nothing reads any more, and removes those that are obsolete
 * (I8, I11).
 *
 * A file that can't be removed is left behind as an orphan for the next recovery:
 * nothing that a reader sees depends on its going. A store that does not own its
 * directory any more removes nothing there (I26).
 */
import { Context, Effect } from "effect"
import type { Scope } from "effect"
import { Disk } from "../disk/Disk.ts"
import type { BlockCache } from "../table/BlockCache.ts"
import { describeCause } from "./Actor.ts"
import type { Fence } from "./Fence.ts"
import type { LiveTable } from "./LiveTable.ts"

export class Retirement extends Context.Service<Retirement, {
  /** Takes note of an open table; it is to come back through `retire`. */
  readonly opened: (table: LiveTable) => void
  /** Closes the table in the background, and removes its file if it is obsolete. */
  readonly retire: (table: LiveTable) => void
  /** Removes a file that the manifest does not name any more. Never fails. */
  readonly removeFile: (path: string) => Effect.Effect<void>
  /** Returns once every opened table has been closed: readers that still wait for the disk end first. */
  readonly drained: Effect.Effect<void>
}>()("effect-lsm/engine/Retirement") {}

/** Without a fence nothing is to be removed: the store only reads. */
export const makeRetirement = (
  cache: BlockCache,
  fence: Fence | undefined
): Effect.Effect<Retirement["Service"], never, Disk | Scope.Scope> =>
  Effect.gen(function*() {
    const disk = yield* Disk
    const context = yield* Effect.context<Scope.Scope>()
    const open = new Set<LiveTable>()
    let onDrained: (() => void) | undefined

    const removeFile = (path: string): Effect.Effect<void> =>
      Effect.suspend(() =>
        fence === undefined || fence.look() !== undefined
          ? Effect.void
          : Effect.catchCause(
            disk.remove(path),
            (cause) => Effect.logWarning(`An obsolete file was left for the next recovery: ${describeCause(cause)}`)
          )
      )

    const closed = (table: LiveTable): void => {
      open.delete(table)
      if (open.size === 0)
        onDrained?.()
    }

    const retireNow = (table: LiveTable): Effect.Effect<void> =>
      Effect.uninterruptible(
        Effect.gen(function*() {
          yield* table.reader.close
          cache.drop(table.reader.meta.file)
          if (table.isObsolete)
            yield* removeFile(table.path)
        }).pipe(Effect.ensuring(Effect.sync(() => closed(table))))
      )

    // Of a store that did not open, and so has no readers, the tables may still hold references.
    yield* Effect.addFinalizer(() => Effect.forEach(open, (table) => table.reader.close, { discard: true }))

    return Retirement.of({
      opened: (table) => {
        open.add(table)
      },
      retire: (table) => {
        Effect.runForkWith(context)(retireNow(table))
      },
      removeFile,
      drained: Effect.callback<void>((resume) => {
        if (open.size === 0) return resume(Effect.void)
        onDrained = () => resume(Effect.void)
        return Effect.sync(() => {
          onDrained = undefined
        })
      })
    })
  })
