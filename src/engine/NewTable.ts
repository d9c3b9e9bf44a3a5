/**
 * Has a job write tables, and opens them: what flush and compaction have in
 * common (I7, I12).
 *
 * The tables are durable, their directory entries too, before they are returned;
 * no manifest names them yet. If anything fails, their files are removed, at the
 * latest by the next recovery. Only the job itself can be interrupted.
 */
import { Effect } from "effect"
import { Disk } from "../disk/Disk.ts"
import { removeFiles } from "../disk/removeFiles.ts"
import type { NewFile, TableShape } from "../jobs/Jobs.ts"
import { removeMade } from "../jobs/removeMade.ts"
import type { StoreReadOnly, TableError } from "../StoreError.ts"
import { filterBits } from "../table/FilterBits.ts"
import type { FilterChange } from "../table/FilterBits.ts"
import type { TableMeta } from "../table/TableMeta.ts"
import { EngineState } from "./EngineState.ts"
import { tablePath } from "./FileNames.ts"
import type { LiveTable } from "./LiveTable.ts"
import { Manifest } from "./Manifest.ts"
import type { ManifestEvent } from "./ManifestEvent.ts"
import { openTable } from "./OpenTable.ts"
import { Retirement } from "./Retirement.ts"

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

export interface NewTables {
  /**
   * The tables that the job writes, each with one reference. `count` is how many
   * names it may need, `keys` how many keys it writes at most, and `removed` are the
   * tables that go when they come. Not to be called where it can be interrupted: `restore` is
   * for the job.
   */
  readonly write: <E>(
    plan: FilterChange & { readonly count: number },
    job: (targets: ReadonlyArray<NewFile>, shape: TableShape) => Effect.Effect<ReadonlyArray<TableMeta>, E>,
    restore: Restore
  ) => Effect.Effect<ReadonlyArray<LiveTable>, E | TableError | StoreReadOnly>
  /** Journals the event that names the tables, or lets go of them. */
  readonly journal: (tables: ReadonlyArray<LiveTable>, event: ManifestEvent) => Effect.Effect<void, StoreReadOnly>
}

export const makeNewTables: Effect.Effect<NewTables, never, EngineState | Disk | Manifest | Retirement> = Effect.gen(
  function*() {
    const engine = yield* EngineState
    const disk = yield* Disk
    const manifest = yield* Manifest
    const retirement = yield* Retirement
    const { options } = engine
    const access = { files: engine.files, retirement, cache: engine.cache, policy: engine.readPolicy }
    const fence = engine.ownership
    const { generation } = fence
    const pathOf = (meta: { readonly file: number; readonly generation: number }): string =>
      tablePath(options.directory, meta)

    const release = (tables: ReadonlyArray<LiveTable>) =>
      Effect.sync(() => {
        for (const table of tables) table.release()
      })

    const open = (metas: ReadonlyArray<TableMeta>) =>
      Effect.suspend(() => {
        const opened: Array<LiveTable> = []
        return Effect.onError(
          Effect.as(
            Effect.forEach(
              metas,
              (meta) => Effect.map(openTable(access, pathOf(meta), meta, true), (table) => opened.push(table)),
              { discard: true }
            ),
            opened
          ),
          () => release(opened)
        )
      })

    const write: NewTables["write"] = ({ count, ...change }, job, restore) =>
      Effect.suspend(() => {
        const { mark } = engine.directory
        const targets = Array.from({ length: count }, (): NewFile => {
          const file = manifest.nextTable()
          return { file, generation, path: pathOf({ file, generation }), isMade: false }
        })
        const { level } = change
        const { levels } = engine.view.value.tables.shape(options.memtableSize)
        const shape = {
          level,
          blockSize: options.blockSize,
          filterBitsPerKey: filterBits(options.filterBitsPerKey, levels, change),
          compression: options.compression[level]!,
          pinned: engine.snapshots.sequences()
        }
        const failed = <E>(error: E): Effect.Effect<never, E | StoreReadOnly> => {
          const lost = fence.look()
          return lost === undefined
            ? Effect.fail(error)
            : Effect.flatMap(engine.stopWrites(lost.message), (stopped) => Effect.fail(stopped))
        }
        const work = Effect.andThen(fence.check, restore(job(targets, shape)))
        const opened = Effect.flatMap(work, (metas) =>
          metas.length === 0
            ? Effect.succeed([])
            : Effect.andThen(engine.directory.sync(mark), open(metas)))
        const written = Effect.catch(opened, failed)
        // An interrupt may strike when the job has just ended, and left its tables to nobody.
        return Effect.onError(written, () => removeMade(disk, targets))
      })

    return {
      write,
      journal: (tables, event) =>
        // Whether a failed event is durable may not be known: then the files stay for the next recovery to judge.
        Effect.onError(
          manifest.append(event, removeFiles(disk, tables.map(({ path }) => path))),
          () => release(tables)
        )
    }
  }
)
