/**
 * Levelled compaction: one sorted run a level, each a multiple of the one above.
 *
 * The last level takes what there is, and the targets of the levels above it
 * follow from the bytes there are, so that what is superseded stays a small part
 * of the data. Level 0 is merged into the base level, the first one that is in
 * use; from there on a table at a time goes down, the one that drags the fewest
 * bytes along first.
 */
import type { TableMeta } from "../table/TableMeta.ts"
import { readNumbers } from "./NumberOptions.ts"
import { bytesOf, overlappingBytes } from "./Overlap.ts"
import { levelCount } from "./Strategy.ts"
import type { CompactionPick, CompactionStrategy, TreeShape } from "./Strategy.ts"

const KiB = 1024
const MiB = 1024 * KiB
const lastLevel = levelCount - 1

export interface LevelledOptions {
  /** Bytes after which an output table ends, 64 KiB to 4095 MiB. Default 16 MiB. */
  readonly tableSize?: number | undefined
  /** Tables in level 0 that are merged into the next level together, 1 to 1024. Default 4. */
  readonly level0Tables?: number | undefined
  /** Least bytes that a level between level 0 and the last one is made for. Default: `level0Tables` memtables. */
  readonly baseLevelSize?: number | undefined
  /** How much larger each level is than the one above it, 2 to 100. Default 10. */
  readonly levelRatio?: number | undefined
  /** Tables in level 0 from which on writers are slowed. Default twice `level0Tables`. */
  readonly slowdownTables?: number | undefined
  /** Most tables in level 0. Default four times `level0Tables`. */
  readonly stopTables?: number | undefined
}

const known = {
  tableSize: { from: 64 * KiB, to: 4095 * MiB, fallback: 16 * MiB },
  level0Tables: { from: 1, to: 1024, fallback: 4 },
  baseLevelSize: { from: 64 * KiB, to: Number.MAX_SAFE_INTEGER, fallback: 0 },
  levelRatio: { from: 2, to: 100, fallback: 10 },
  slowdownTables: { from: 1, to: 65_536, fallback: 0 },
  stopTables: { from: 2, to: 65_536, fallback: 0 }
}

/** Bytes that each level from 1 on may have, and the level that level 0 is merged into. */
interface Targets {
  readonly baseLevel: number
  /** 0 for a level above the base level. */
  readonly bytes: ReadonlyArray<number>
}

const targetsOf = (sizes: ReadonlyArray<number>, baseLevelSize: number, levelRatio: number): Targets => {
  const bytes = sizes.map(() => 0)
  let target = 0
  for (let level = 1; level <= lastLevel; level++) target += sizes[level]!
  bytes[lastLevel] = Infinity
  let baseLevel = lastLevel
  // A level in use is given up only well below where it came into use.
  while (baseLevel > 1 && target / levelRatio >= baseLevelSize / (sizes[baseLevel - 1]! > 0 ? 2 : 1)) {
    target /= levelRatio
    baseLevel--
    bytes[baseLevel] = target
  }
  return { baseLevel, bytes }
}

/** Bytes to merge for each byte that leaves the level: the least over its tables, or over a sample of many. */
const cheapest = (level: ReadonlyArray<TableMeta>, next: ReadonlyArray<TableMeta>): TableMeta => {
  const stride = Math.ceil(level.length / 512)
  let best = level[0]!
  let least = Infinity
  for (let index = 0; index < level.length; index += stride) {
    const table = level[index]!
    const dead = (table.tombstones + table.shadowed) / Math.max(1, table.entries)
    const cost = (1 + overlappingBytes(table, next) / table.size) * (1 - dead / 2)
    if (cost < least) {
      least = cost
      best = table
    }
  }
  return best
}

/** Levels that each are a multiple of the one above: few bytes superseded, few tables to read, more merging. */
export const levelled = (options: LevelledOptions = {}): CompactionStrategy => {
  const numbers = readNumbers(options, known)
  if (typeof numbers === "string") return refused(numbers)
  const level0Tables = numbers("level0Tables")
  const levelRatio = numbers("levelRatio")
  const tableSize = numbers("tableSize")
  const slowdownTables = numbers("slowdownTables") || 2 * level0Tables
  const stopTables = numbers("stopTables") || Math.max(4 * level0Tables, slowdownTables + 1)
  if (slowdownTables < level0Tables) return refused("needs slowdownTables to be at least level0Tables")
  if (stopTables <= slowdownTables) return refused("needs stopTables to be more than slowdownTables")

  const baseSize = (shape: TreeShape) => numbers("baseLevelSize") || level0Tables * shape.memtableSize

  const level0Score = ({ levels, memtableSize }: TreeShape, sizes: ReadonlyArray<number>): number =>
    Math.max(levels[0]!.length / level0Tables, sizes[0]! / (level0Tables * memtableSize))

  const pick = (shape: TreeShape): CompactionPick | undefined => {
    const { levels } = shape
    const sizes = levels.map(bytesOf)
    const { baseLevel, bytes } = targetsOf(sizes, baseSize(shape), levelRatio)
    let highest = level0Score(shape, sizes)
    let from = highest >= 1 ? 0 : -1
    for (let level = 1; level < lastLevel; level++) {
      if (sizes[level] === 0) continue
      const score = level < baseLevel ? 1.5 : sizes[level]! / bytes[level]!
      if (score > 1 && score > highest) {
        highest = score
        from = level
      }
    }
    if (from < 0) return undefined
    const inputs = from === 0 ? levels[0]! : [cheapest(levels[from]!, levels[from + 1]!)]
    return { _tag: "Merge", inputs, outputLevel: from === 0 ? baseLevel : from + 1, tableSize }
  }

  const debt = (shape: TreeShape): number => {
    const sizes = shape.levels.map(bytesOf)
    const { baseLevel, bytes } = targetsOf(sizes, baseSize(shape), levelRatio)
    let carried = level0Score(shape, sizes) >= 1 ? sizes[0]! : 0
    let total = carried > 0 ? carried + sizes[baseLevel]! : 0
    for (let level = 1; level < lastLevel; level++) {
      const filled = sizes[level]! + (level >= baseLevel ? carried : 0)
      const excess = Math.max(0, filled - bytes[level]!)
      total += excess * (1 + sizes[level + 1]! / Math.max(1, filled))
      if (level >= baseLevel) carried = excess
    }
    return total
  }

  return { name: "levelled", pick, debt, slowdownTables, stopTables, tableSize, bottomLevel: lastLevel }
}

const refused = (problem: string): CompactionStrategy => ({
  name: "levelled",
  problem: `levelled ${problem}`,
  pick: () => undefined,
  debt: () => 0,
  slowdownTables: 1,
  stopTables: 2,
  tableSize: 1,
  bottomLevel: lastLevel
})
