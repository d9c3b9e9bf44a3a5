/**
 * First in, first out: the oldest tables are dropped, with all that is in them,
 * when there are too many bytes. For data that is of use for a while, such as
 * logs and caches.
 *
 * Everything stays in level 0. Tables of like size that follow one another are
 * merged within it, so that there are few places to look for a key. Tables in
 * deeper levels, left by another strategy, are the oldest.
 *
 * It comes to an end (I13): every pick leaves fewer tables.
 */
import type { TableMeta } from "../table/TableMeta.ts"
import { alikeTables, bytesOf } from "./Overlap.ts"
import type { CompactionPick, CompactionStrategy, TreeShape } from "./Strategy.ts"
import { KiB, MiB, readNumbers, refused, tableSizes } from "./StrategyOptions.ts"

const name = "fifo"

/** What `Compaction.fifo` takes. */
export interface FifoOptions {
  /** Bytes of tables above which the oldest are dropped, from 64 KiB up. The newest table always stays. */
  readonly maxBytes: number
  /** Tables of like size that are merged into one, 2 to 1024. Default 4. */
  readonly mergeTables?: number | undefined
  /** Most bytes of a merged table, and so of what is dropped at once. Default a sixteenth of `maxBytes`. */
  readonly tableSize?: number | undefined
}

const known = {
  maxBytes: { from: 64 * KiB, to: Number.MAX_SAFE_INTEGER, fallback: 0 },
  mergeTables: { from: 2, to: 1024, fallback: 4 },
  tableSize: { ...tableSizes, fallback: 0 }
}

export const fifo = (options: FifoOptions): CompactionStrategy => {
  const numbers = readNumbers<keyof typeof known>(options, known)
  if (typeof numbers === "string") return refused(name, numbers)
  const maxBytes = numbers("maxBytes")
  if (maxBytes === 0) return refused(name, "needs maxBytes")
  const mergeTables = numbers("mergeTables")
  const tableSize = numbers("tableSize") || Math.min(1024 * MiB, Math.max(tableSizes.from, Math.floor(maxBytes / 16)))

  const tooOld = ({ levels }: TreeShape): ReadonlyArray<TableMeta> => {
    let bytes = 0
    for (const level of levels) bytes += bytesOf(level)
    if (bytes <= maxBytes) return []
    const newestFirst = levels.flatMap((level, index) =>
      index === 0 ? level : level.toSorted((a, b) => b.largestSequence - a.largestSequence)
    )
    let first = newestFirst.length
    while (first > 1 && bytes > maxBytes) bytes -= newestFirst[--first]!.size
    return newestFirst.slice(first)
  }

  const pick = (shape: TreeShape): CompactionPick | undefined => {
    const tables = tooOld(shape)
    if (tables.length > 0) return { _tag: "Drop", tables }
    const inputs = alikeTables(shape.levels[0]!, mergeTables, tableSize)
    return inputs === undefined ? undefined : { _tag: "Merge", inputs, outputLevel: 0, tableSize }
  }

  return {
    name,
    pick,
    debt: ({ levels }) => bytesOf(alikeTables(levels[0]!, mergeTables, tableSize) ?? []),
    slowdownTables: Infinity,
    stopTables: Infinity,
    tableSize,
    bottomLevel: 0
  }
}
