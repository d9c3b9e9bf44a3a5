/** Compaction strategies under which little data makes many tables and levels. */
import type { CompactionStrategy, TreeShape } from "../../src/Compaction.ts"
import { levelled } from "../../src/compaction/Levelled.ts"
import { sizeTiered } from "../../src/compaction/SizeTiered.ts"
import type { TableMeta } from "../../src/table/TableMeta.ts"

const KiB = 1024

/** The strategy as if each byte were so many. */
const magnified = (strategy: CompactionStrategy, factor: number): CompactionStrategy => {
  const enlarge = (shape: TreeShape) => {
    const originals = new Map<TableMeta, TableMeta>()
    const levels = shape.levels.map((tables) =>
      tables.map((table) => {
        const large = { ...table, size: table.size * factor }
        originals.set(large, table)
        return large
      })
    )
    const original = (tables: ReadonlyArray<TableMeta>) => tables.map((table) => originals.get(table)!)
    return { shape: { levels, memtableSize: shape.memtableSize }, original }
  }
  return {
    ...strategy,
    tableSize: strategy.tableSize / factor,
    pick: (shape) => {
      const large = enlarge(shape)
      const pick = strategy.pick(large.shape)
      if (pick === undefined) return undefined
      return pick._tag === "Drop"
        ? { ...pick, tables: large.original(pick.tables) }
        : { ...pick, inputs: large.original(pick.inputs), tableSize: pick.tableSize / factor }
    },
    debt: (shape) => strategy.debt(enlarge(shape).shape) / factor
  }
}

/** Tables of 4 KiB; a level takes 4 KiB, and each further one twice as much. */
export const smallLevels: CompactionStrategy = magnified(
  levelled({ tableSize: 64 * KiB, level0Tables: 2, baseLevelSize: 64 * KiB, levelRatio: 2 }),
  16
)

/** Runs of a few KiB in several levels, and tables of 4 KiB in the last. */
export const smallTiers: CompactionStrategy = magnified(
  sizeTiered({ tableSize: 64 * KiB, level0Tables: 2, runs: 3 }),
  16
)

/** Takes of level 0 only its newest table, or two in its middle: the engine must see what else has to go along. */
export const oddPicks: CompactionStrategy = {
  ...smallLevels,
  name: "odd picks",
  pick: ({ levels }) => {
    const [level0 = []] = levels
    const { tableSize } = smallLevels
    if (level0.length < 4) return undefined
    const number = level0[0]!.file
    return number % 2 === 0
      ? { _tag: "Merge", inputs: level0.slice(1, 3), outputLevel: 0, tableSize }
      : { _tag: "Merge", inputs: level0.slice(0, 1), outputLevel: 1 + number % 3, tableSize }
  }
}
