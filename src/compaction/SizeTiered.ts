/**
 * Size-tiered compaction with a levelled last level: data is merged fewer times
 * than by levels, and there are more places to look for a key.
 *
 * Each level from 1 to 4 holds one sorted run, newer ones above older ones. Level 0
 * becomes a run in the deepest free one of them; if none is free it takes along
 * the runs that are not larger than what it has taken so far. When all of them
 * reach a part of the last level's bytes, they are merged into level 5, and from
 * there a table at a time into the last level: no merge is as large as the data.
 *
 * It comes to an end (I13): every merge leaves fewer tables in level 0 or moves
 * data down.
 */
import type { TableMeta } from "../table/TableMeta.ts"
import { alikeTables, bytesOf, cheapestTable } from "./Overlap.ts"
import { levelCount } from "./Strategy.ts"
import type { CompactionPick, CompactionStrategy, TreeShape } from "./Strategy.ts"
import { level0Options, MiB, readLevel0, readNumbers, refused, tableSizes } from "./StrategyOptions.ts"

const name = "sizeTiered"
const lastLevel = levelCount - 1
/** Takes what is on its way to the last level. */
const stagingLevel = lastLevel - 1
const mostRuns = stagingLevel - 1

/** Bytes of the last level, in multiples of what level 0 gathers, up to which it is merged into in one step. */
const smallLast = 8

/** What `Compaction.sizeTiered` takes. */
export interface SizeTieredOptions {
  /** Bytes after which an output table ends, 64 KiB to 4095 MiB. Default 16 MiB. */
  readonly tableSize?: number | undefined
  /** Tables in level 0, or as many times `memtableSize` in bytes, that make a run, 1 to 1024. Default 4. */
  readonly level0Tables?: number | undefined
  /** Most runs between level 0 and the last level, 1 to 4. Default 4. */
  readonly runs?: number | undefined
  /** Bytes above the last level, in per cent of it, from which on they are merged into it, 1 to 1000. Default 50. */
  readonly spacePercent?: number | undefined
  /** Tables in level 0 from which on writers are slowed, from `level0Tables` up. Default three times as many. */
  readonly slowdownTables?: number | undefined
  /** Most tables in level 0, more than `slowdownTables`. Default twice as many. */
  readonly stopTables?: number | undefined
}

const known = {
  tableSize: { ...tableSizes, fallback: 16 * MiB },
  runs: { from: 1, to: mostRuns, fallback: mostRuns },
  spacePercent: { from: 1, to: 1000, fallback: 50 },
  ...level0Options
}

export const sizeTiered = (options: SizeTieredOptions = {}): CompactionStrategy => {
  const numbers = readNumbers(options, known)
  if (typeof numbers === "string") return refused(name, numbers)
  const level0 = readLevel0(numbers)
  if (typeof level0 === "string") return refused(name, level0)
  const { level0Tables, slowdownTables, stopTables } = level0
  const tableSize = numbers("tableSize")
  const runs = numbers("runs")
  const spacePercent = numbers("spacePercent")

  const isFull = ({ levels, memtableSize }: TreeShape, sizes: ReadonlyArray<number>): boolean =>
    levels[0]!.length >= level0Tables || sizes[0]! >= level0Tables * memtableSize

  /** Where a full level 0 goes, and the deepest level whose run goes along. */
  const placeOf = ({ memtableSize }: TreeShape, sizes: ReadonlyArray<number>) => {
    let upper = 0
    let taken = 0
    for (let level = 0; level < stagingLevel; level++) {
      upper += sizes[level]!
      if (level > 0 && sizes[level]! > 0) taken++
    }
    const last = sizes[lastLevel]!
    if (100 * upper >= spacePercent * last) {
      const isSmall = sizes[stagingLevel] === 0 && last <= smallLast * level0Tables * memtableSize
      return { outputLevel: isSmall ? lastLevel : stagingLevel, deepest: stagingLevel - 1 }
    }
    let gathered = sizes[0]!
    let deepest = 0
    let mustMerge = taken >= runs || sizes[1]! > 0
    for (let level = 1; level < stagingLevel; level++) {
      const bytes = sizes[level]!
      if (bytes === 0) continue
      if (!mustMerge && (deepest === 0 || bytes > gathered)) return { outputLevel: level - 1, deepest }
      mustMerge = false
      gathered += bytes
      deepest = level
    }
    return { outputLevel: stagingLevel - 1, deepest }
  }

  const pick = (shape: TreeShape): CompactionPick | undefined => {
    const { levels, memtableSize } = shape
    const sizes = levels.map(bytesOf)
    if (isFull(shape, sizes)) {
      const little = alikeTables(levels[0]!, 2, memtableSize / 2)
      if (little !== undefined) return { _tag: "Merge", inputs: little, outputLevel: 0, tableSize: memtableSize }
      const { deepest, outputLevel } = placeOf(shape, sizes)
      const inputs: ReadonlyArray<TableMeta> = levels.slice(0, deepest + 1).flat()
      return { _tag: "Merge", inputs, outputLevel, tableSize }
    }
    if (sizes[stagingLevel] === 0) return undefined
    const inputs = [cheapestTable(levels[stagingLevel]!, levels[lastLevel]!)]
    return { _tag: "Merge", inputs, outputLevel: lastLevel, tableSize }
  }

  const debt = (shape: TreeShape): number => {
    const sizes = shape.levels.map(bytesOf)
    let staged = sizes[stagingLevel]!
    let total = 0
    if (isFull(shape, sizes)) {
      const { deepest, outputLevel } = placeOf(shape, sizes)
      for (let level = 0; level <= deepest; level++) total += sizes[level]!
      if (outputLevel > deepest) total += sizes[outputLevel]!
      if (outputLevel === stagingLevel) staged = total
    }
    return staged === 0 ? total : total + staged + sizes[lastLevel]!
  }

  return { name, pick, debt, slowdownTables, stopTables, tableSize, bottomLevel: lastLevel }
}
