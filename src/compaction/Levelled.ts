/**
 * Levelled compaction: one sorted run a level, each a multiple of the one above.
 *
 * The last level takes what there is, and the targets of the levels above it
 * follow from the bytes there are, so that what is superseded stays a small part
 * of the data. Level 0 is merged into the base level, the first that is in use;
 * from there on a table at a time goes down.
 *
 * It comes to an end (I13): within level 0 a merge leaves fewer tables, every other
 * one moves data down or rewrites a table of the last level that holds garbage
 * which nothing keeps, and so leaves it without.
 */
import type { TableMeta } from "../table/TableMeta.ts"
import { alikeTables, bytesOf, cheapestTable, garbageOf } from "./Overlap.ts"
import { levelCount } from "./Strategy.ts"
import type { CompactionPick, CompactionStrategy, TreeShape } from "./Strategy.ts"
import { KiB, level0Options, MiB, readLevel0, readNumbers, refused, tableSizes } from "./StrategyOptions.ts"

const name = "levelled"
const lastLevel = levelCount - 1

/**
 * Data, in multiples of the base level's size, from which on another level pays.
 * At less, level 0 costs less merged into the last level at once. A load of 9 times
 * that size in random order wrote 7.0 bytes for each without the level, 5.3 with it.
 */
const roomForLevel = 4

/** Share of garbage from which on a table is worth a merge of its own: a table on its way down, one of the last level. */
const garbageAbove = 0.5
const garbageInLast = 0.25

/** What `Compaction.levelled` takes. */
export interface LevelledOptions {
  /** Bytes after which an output table ends, 64 KiB to 4095 MiB. Default 16 MiB. */
  readonly tableSize?: number | undefined
  /** Tables in level 0, or as many times `memtableSize` in bytes, that are merged together, 1 to 1024. Default 4. */
  readonly level0Tables?: number | undefined
  /** Least bytes that a level between level 0 and the last one is made for, from 64 KiB. Default: those of level 0. */
  readonly baseLevelSize?: number | undefined
  /** How much smaller a level is than the one below it, 2 to 100. Default 10. */
  readonly levelRatio?: number | undefined
  /** Tables in level 0 from which on writers are slowed, from `level0Tables` up. Default three times as many. */
  readonly slowdownTables?: number | undefined
  /** Most tables in level 0, more than `slowdownTables`. Default twice as many. */
  readonly stopTables?: number | undefined
}

const known = {
  tableSize: { ...tableSizes, fallback: 16 * MiB },
  baseLevelSize: { from: 64 * KiB, to: Number.MAX_SAFE_INTEGER, fallback: 0 },
  levelRatio: { from: 2, to: 100, fallback: 10 },
  ...level0Options
}

export const levelled = (options: LevelledOptions = {}): CompactionStrategy => {
  const numbers = readNumbers(options, known)
  if (typeof numbers === "string") return refused(name, numbers)
  const level0 = readLevel0(numbers)
  if (typeof level0 === "string") return refused(name, level0)
  const { level0Tables, slowdownTables, stopTables } = level0
  const tableSize = numbers("tableSize")
  const levelRatio = numbers("levelRatio")

  /** Bytes that each level from the base level on may have; 0 for those above it. */
  const targetsOf = ({ memtableSize }: TreeShape, sizes: ReadonlyArray<number>) => {
    const least = numbers("baseLevelSize") || level0Tables * memtableSize
    const bytes = sizes.map(() => 0)
    let target = 0
    for (let level = 1; level <= lastLevel; level++) target += sizes[level]!
    bytes[lastLevel] = Infinity
    let baseLevel = lastLevel
    const room = least * Math.min(levelRatio, roomForLevel)
    // A level in use is given up only well below the size at which it came into use.
    while (baseLevel > 1 && target >= (sizes[baseLevel - 1]! > 0 ? room / 2 : room)) {
      target = Math.max(target / levelRatio, least)
      baseLevel--
      bytes[baseLevel] = target
    }
    return { baseLevel, bytes }
  }

  const level0Score = ({ levels, memtableSize }: TreeShape, sizes: ReadonlyArray<number>): number =>
    Math.max(levels[0]!.length / level0Tables, sizes[0]! / (level0Tables * memtableSize))

  /** A merge that is not due, but drops much for what it costs. */
  const garbage = ({ levels, oldestSnapshot = -1 }: TreeShape): CompactionPick | undefined => {
    for (let level = 1; level < lastLevel; level++) {
      for (const table of levels[level]!) {
        if (garbageOf(table) > garbageAbove) {
          return { _tag: "Merge", inputs: [table], outputLevel: level + 1, tableSize }
        }
      }
    }
    for (const table of levels[lastLevel]!) {
      if (garbageOf(table) > garbageInLast && table.largestSequence <= oldestSnapshot) {
        return { _tag: "Merge", inputs: [table], outputLevel: lastLevel, tableSize }
      }
    }
    return undefined
  }

  const pick = (shape: TreeShape): CompactionPick | undefined => {
    const { levels, memtableSize } = shape
    const sizes = levels.map(bytesOf)
    const { baseLevel, bytes } = targetsOf(shape, sizes)
    let highest = level0Score(shape, sizes)
    let from = highest >= 1 ? 0 : -1
    for (let level = 1; level < lastLevel; level++) {
      // What is above the base level is left from when there was more data.
      const score = level < baseLevel ? Math.sign(sizes[level]!) * 2 : sizes[level]! / bytes[level]!
      if (score > 1 && score > highest) {
        highest = score
        from = level
      }
    }
    if (from < 0) return garbage(shape)
    if (from > 0) {
      const inputs = [cheapestTable(levels[from]!, levels[from + 1]!)]
      return { _tag: "Merge", inputs, outputLevel: from + 1, tableSize }
    }
    // Many flushes of little data are not worth a merge with a level of much.
    const little = alikeTables(levels[0]!, 2, memtableSize / 2)
    if (little !== undefined && 4 * bytesOf(little) < sizes[baseLevel]!) {
      return { _tag: "Merge", inputs: little, outputLevel: 0, tableSize: memtableSize }
    }
    const inputs: ReadonlyArray<TableMeta> = levels[0]!
    return { _tag: "Merge", inputs, outputLevel: baseLevel, tableSize }
  }

  const debt = (shape: TreeShape): number => {
    const sizes = shape.levels.map(bytesOf)
    const { baseLevel, bytes } = targetsOf(shape, sizes)
    let arriving = level0Score(shape, sizes) >= 1 ? sizes[0]! : 0
    let total = arriving > 0 ? arriving + sizes[baseLevel]! : 0
    for (let level = 1; level < lastLevel; level++) {
      const filled = sizes[level]! + (level >= baseLevel ? arriving : 0)
      const excess = Math.max(0, filled - bytes[level]!)
      total += excess * (1 + sizes[level + 1]! / Math.max(1, filled))
      if (level >= baseLevel) arriving = excess
    }
    return total
  }

  return { name, pick, debt, slowdownTables, stopTables, tableSize, bottomLevel: lastLevel }
}
