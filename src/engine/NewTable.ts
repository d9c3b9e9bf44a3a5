/**
 * Has a job write a table, and opens it: what flush and compaction have in
 * common (I7, I12).
 *
 * The table is durable, its directory entry too, before it is returned; no
 * manifest names it yet. If anything fails, its file is removed, at the latest
 * by the next recovery. Only the job itself can be interrupted.
 */
import { Effect } from "effect"
import { Disk } from "../disk/Disk.ts"
import type { TableTarget } from "../jobs/Jobs.ts"
import type { DiskError, StoreCorrupted, StoreReadOnly, UnsupportedFormat } from "../StoreError.ts"
import type { TableMeta } from "../table/TableMeta.ts"
import { EngineState } from "./EngineState.ts"
import { tableName } from "./FileNames.ts"
import type { LiveTable } from "./LiveTable.ts"
import { Manifest } from "./Manifest.ts"
import type { ManifestEvent } from "./ManifestEvent.ts"
import { openTable } from "./OpenTable.ts"
import { Retirement } from "./Retirement.ts"

type TableError = DiskError | StoreCorrupted | UnsupportedFormat

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

export interface NewTables {
  /**
   * The table that the job writes, with one reference; undefined if the job
   * keeps nothing. Not to be called where it can be interrupted: `restore` is for
   * the job.
   */
  readonly write: <E>(
    job: (target: TableTarget) => Effect.Effect<TableMeta | undefined, E>,
    restore: Restore
  ) => Effect.Effect<LiveTable | undefined, E | TableError>
  /** Journals the event that names the table, or lets go of the table. */
  readonly journal: (table: LiveTable | undefined, event: ManifestEvent) => Effect.Effect<void, StoreReadOnly>
}

export const makeNewTables: Effect.Effect<NewTables, never, EngineState | Disk | Manifest | Retirement> = Effect.gen(
  function*() {
    const engine = yield* EngineState
    const disk = yield* Disk
    const manifest = yield* Manifest
    const retirement = yield* Retirement
    const { options } = engine
    const access = { disk, retirement, cache: engine.cache, policy: engine.readPolicy }

    const write: NewTables["write"] = (job, restore) =>
      Effect.suspend(() => {
        const { mark } = engine.directory
        const file = manifest.nextTable()
        const path = `${options.directory}/${tableName(file)}`
        const target = {
          path,
          file,
          level: 0,
          blockSize: options.blockSize,
          filterBitsPerKey: options.filterBitsPerKey,
          pinned: engine.snapshots.sequences()
        }
        const opened = Effect.gen(function*() {
          const meta = yield* restore(job(target))
          if (meta === undefined) return undefined
          yield* engine.directory.sync(mark)
          return yield* openTable(access, path, meta)
        })
        return Effect.onError(opened, () => Effect.ignore(disk.remove(path)))
      })

    return {
      write,
      journal: (table, event) =>
        Effect.onError(
          manifest.append(event),
          // Whether the event is durable is not known: the file stays for the next recovery to judge.
          () => Effect.sync(() => table?.release())
        )
    }
  }
)
