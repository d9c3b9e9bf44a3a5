/**
 * The open tables by level: level 0 newest first, every other level one sorted
 * run (I9, I11).
 *
 * Immutable: a change makes another tree, which shares the runs of the levels
 * that it leaves as they are. A table's level is its place here; the manifest
 * says which it is, and a table can move without its file being touched.
 */
import { levelCount } from "../compaction/Strategy.ts"
import type { CompactionStrategy, TreeShape } from "../compaction/Strategy.ts"
import { compareBytes } from "../record/Bytes.ts"
import { SortedRun } from "../table/SortedRun.ts"
import type { LiveTable } from "./LiveTable.ts"

/** A table and the level it is to be in. */
export interface PlacedTable {
  readonly table: LiveTable
  readonly level: number
}

const newestFirst = (a: LiveTable, b: LiveTable): number =>
  b.reader.meta.largestSequence - a.reader.meta.largestSequence

const inKeyOrder = (a: LiveTable, b: LiveTable): number =>
  compareBytes(a.reader.meta.smallestKey, b.reader.meta.smallestKey)

export class TableTree {
  /** Always `levelCount` of them. */
  readonly levels: ReadonlyArray<ReadonlyArray<LiveTable>>
  /** The levels below 0 that hold anything, from the top down. */
  readonly runs: ReadonlyArray<SortedRun<LiveTable>>
  /** The levels of the runs. */
  readonly runLevels: ReadonlyArray<number>
  /** What a scan merges, newest first: each table of level 0 as a run of its own, then the runs. */
  readonly sources: ReadonlyArray<SortedRun<LiveTable>>
  #shape: TreeShape | undefined
  #debt = -1
  #bytes = -1

  private constructor(levels: ReadonlyArray<ReadonlyArray<LiveTable>>, known: ReadonlyArray<SortedRun<LiveTable>>) {
    this.levels = levels
    this.runs = levels.slice(1).filter((tables) => tables.length > 0).map((tables) =>
      known.find((run) => run.tables === tables) ?? new SortedRun(tables)
    )
    this.runLevels = this.runs.map((run) => levels.indexOf(run.tables))
    this.sources = [...this.level0.map((table) => new SortedRun([table])), ...this.runs]
  }

  static of(placed: ReadonlyArray<PlacedTable>): TableTree {
    const levels = Array.from(
      { length: levelCount },
      (_, level) =>
        placed.filter((each) => each.level === level).map(({ table }) => table).sort(
          level === 0 ? newestFirst : inKeyOrder
        )
    )
    return new TableTree(levels, [])
  }

  get level0(): ReadonlyArray<LiveTable> {
    return this.levels[0]!
  }

  /** What a compaction strategy is shown; the same object each time. */
  shape(memtableSize: number): TreeShape {
    this.#shape ??= {
      levels: this.levels.map((tables, level) =>
        tables.map(({ reader: { meta } }) => meta.level === level ? meta : { ...meta, level })
      ),
      memtableSize
    }
    return this.#shape
  }

  /** What the strategy takes for the tree's debt, asked once. */
  debt(strategy: CompactionStrategy, memtableSize: number): number {
    if (this.#debt < 0) {
      try {
        this.#debt = Math.max(0, strategy.debt(this.shape(memtableSize)) || 0)
      } catch {
        // A user's strategy must not stop the log, which asks.
        this.#debt = 0
      }
    }
    return this.#debt
  }

  /** Bytes of all tables. */
  get bytes(): number {
    if (this.#bytes < 0) this.#bytes = this.all().reduce((bytes, { reader }) => bytes + reader.meta.size, 0)
    return this.#bytes
  }

  /** Every table, level by level. */
  all(): ReadonlyArray<LiveTable> {
    return this.levels.flat()
  }

  /** The tree without the removed tables and with the added ones; a table may be both, and so move. */
  with(removed: ReadonlySet<LiveTable>, added: ReadonlyArray<PlacedTable>): TableTree {
    const levels = this.levels.map((tables, level) => {
      const arriving = added.filter((each) => each.level === level).map(({ table }) => table)
      const leaves = removed.size > 0 && tables.some((table) => removed.has(table))
      if (arriving.length === 0 && !leaves) return tables
      const kept = leaves ? tables.filter((table) => !removed.has(table)) : tables
      return [...arriving, ...kept].sort(level === 0 ? newestFirst : inKeyOrder)
    })
    return new TableTree(levels, this.runs)
  }
}
