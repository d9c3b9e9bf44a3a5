/**
 * Which tables are merged, and when: the interface of a compaction strategy.
 *
 * A strategy is a pure function of the tree's shape. The engine carries out what
 * it picks, moves a table without rewriting it where that is enough, and decides
 * by itself which versions and tombstones may go (I9).
 */
import type { TableMeta } from "./table/TableMeta.ts"

/** Levels of a tree: 0, where flushes put their tables, to 6. */
export const levelCount = 7

/** The tables that there are. */
export interface TreeShape {
  /**
   * Always `levelCount` of them. Level 0 newest first, its tables may overlap;
   * the others in key order, and no two tables of a level share a key.
   */
  readonly levels: ReadonlyArray<ReadonlyArray<TableMeta>>
  /** The option `memtableSize`: about the bytes of a table in level 0. */
  readonly memtableSize: number
}

/** What to do next. */
export type CompactionPick =
  /**
   * Merge tables into `outputLevel`, which is 0 only if all of them are in level 0.
   * The engine adds every table that it must not leave out: those of the output
   * level, and of levels between, that overlap the inputs, and those of level 0
   * that are older than an input and overlap it.
   */
  | {
    readonly _tag: "Merge"
    readonly inputs: ReadonlyArray<TableMeta>
    readonly outputLevel: number
    /** Bytes after which an output table ends. */
    readonly tableSize: number
  }
  /** Drop tables with all that is in them. */
  | { readonly _tag: "Drop"; readonly tables: ReadonlyArray<TableMeta> }

/** Decides which tables are merged, and when. Its functions are pure, fast, and called on the event loop. */
export interface CompactionStrategy {
  /** For events and figures. */
  readonly name: string
  /** The next compaction; undefined if the tree is in shape. It must come to an end: each pick makes progress. */
  readonly pick: (shape: TreeShape) => CompactionPick | undefined
  /** About how many bytes are to be merged until the tree is in shape: writers are slowed in proportion. */
  readonly debt: (shape: TreeShape) => number
  /** Tables in level 0 from which on writers are slowed. */
  readonly slowdownTables: number
  /** Most tables in level 0: a flush waits for room. `Infinity` for a strategy that keeps them there. */
  readonly stopTables: number
  /** Bytes after which a table ends in a compaction of a key range that is asked for. */
  readonly tableSize: number
}
