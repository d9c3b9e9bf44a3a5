/**
 * Keeps level 0 short where a store is opened again and again and never stays
 * open for long enough to be compacted (I13, I16).
 *
 * An opening that writes its log as a table merges the small ones with it, and
 * the newer half of level 0 where that is full. Only neighbours in age are
 * merged, into one table of level 0 that takes their place in the order. A
 * strategy without a bound keeps its tables there, and merges them itself.
 *
 * It is a help and no more: what can't be merged stays as it is, for the
 * Compactor, and the store opens.
 */
import { Effect } from "effect"
import { levelCount } from "../compaction/Strategy.ts"
import type { TreeShape } from "../compaction/Strategy.ts"
import { removeFiles } from "../disk/removeFiles.ts"
import type { TableMeta } from "../table/TableMeta.ts"
import { planMerge } from "./CompactionPlan.ts"
import { tablePath } from "./FileNames.ts"
import type { RecoveryAccess, RecoveryError } from "./RecoveryAccess.ts"
import { pathsOf } from "./Replay.ts"

/**
 * A table below this part of a memtable is small. Four of them are merged: 8 MiB at most where a memtable takes 32,
 * which is a tenth of a second, once in 36 lives.
 */
const smallPart = 16
const smallTables = 4
/** Of a merge: each has a descriptor. */
const mostSources = 32

const shapeOf = (tables: ReadonlyArray<TableMeta>, memtableSize: number): TreeShape => ({
  levels: Array.from({ length: levelCount }, (_, level) => tables.filter((table) => table.level === level)),
  memtableSize
})

/** The newest tables of level 0 that are to become one; none if there is no need. */
const toMerge = (
  level0: ReadonlyArray<TableMeta>,
  memtableSize: number,
  stopTables: number
): ReadonlyArray<TableMeta> => {
  if (stopTables === Infinity) return []
  const firstLarge = level0.findIndex(({ size }) => size * smallPart >= memtableSize)
  const small = firstLarge < 0 ? level0.length : firstLarge
  const half = level0.length >= stopTables && level0.length > 1 ? Math.max(2, Math.ceil(level0.length / 2)) : 0
  return level0.slice(0, Math.min(mostSources, Math.max(small >= smallTables ? small : 0, half)))
}

export interface Tidied {
  /** In the manifest's order. */
  readonly tables: ReadonlyArray<TableMeta>
  /** Those among them that this opening has made. */
  readonly made: ReadonlyArray<TableMeta>
}

const mergeOnce = Effect.fnUntraced(function*(
  { disk, jobs, options }: RecoveryAccess,
  generation: number,
  { made, tables }: Tidied,
  file: number
): Effect.fn.Return<Tidied | undefined, RecoveryError> {
  const { compaction, directory, memtableSize } = options
  const shape = shapeOf(tables, memtableSize)
  const inputs = toMerge(shape.levels[0]!, memtableSize, compaction.stopTables)
  if (inputs.length === 0) return undefined
  const plan = planMerge(shape, { inputs, outputLevel: 0, tableSize: memtableSize }, () => false)
  if (typeof plan === "string") return yield* Effect.die(new Error(`Small tables can't be merged: ${plan}.`))
  const target = { file, generation }
  const merged = yield* jobs.merge({
    sources: plan.sources.map((run) => run.map((meta) => ({ meta, path: tablePath(directory, meta) }))),
    targets: [{ ...target, path: tablePath(directory, target), isMade: false }],
    shape: {
      level: 0,
      blockSize: options.blockSize,
      filterBitsPerKey: options.filterBitsPerKey,
      compression: options.compression[0]!,
      pinned: []
    },
    tableSize: plan.tableSize,
    below: plan.below,
    largestOverlap: plan.largestOverlap,
    older: plan.older
  })
  yield* Effect.onError(disk.syncDirectory(directory), () => removeFiles(disk, pathsOf(directory, merged)))
  const gone = new Set(inputs)
  // Those of earlier openings are named by the manifest that is still in force.
  yield* removeFiles(disk, pathsOf(directory, made.filter((table) => gone.has(table))))
  return {
    tables: [...merged, ...tables.filter((table) => !gone.has(table))],
    made: [...merged, ...made.filter((table) => !gone.has(table))]
  }
})

/** `tables` in the manifest's order, `made` those of them that this opening has written and synced. */
export const tidyLevel0 = Effect.fnUntraced(function*(
  access: RecoveryAccess,
  tables: ReadonlyArray<TableMeta>,
  made: ReadonlyArray<TableMeta>,
  firstFile: number
): Effect.fn.Return<Tidied, RecoveryError> {
  const { fence } = access
  let tidied: Tidied = { tables, made }
  if (fence === undefined || made.length === 0) return tidied
  for (let file = firstFile;; file++) {
    const next = yield* Effect.catchIf(
      mergeOnce(access, fence.generation, tidied, file),
      () => fence.look() === undefined,
      () => Effect.succeed(undefined)
    )
    if (next === undefined) return tidied
    tidied = next
  }
})
