/**
 * The interface between the engine and a compaction strategy; `src/Compaction.ts` shows it to users.
 *
 * A strategy is a pure function of the tree's shape. The engine carries out what
 * it picks, moves a table without rewriting it where that is enough, and decides
 * by itself which versions and tombstones may go (I9).
 */
import type { TableMeta } from "../table/TableMeta.ts"

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
  /**
   * The lowest sequence that a snapshot pins, or the newest one if none does: of the
   * versions of a key at or below it only the newest is kept by a merge, and no
   * tombstone that shadows nothing. Unknown if it is left out.
   */
  readonly oldestSnapshot?: number | undefined
}

/** What to do next. */
export type CompactionPick =
  /**
   * Merge tables into `outputLevel`.
   *
   * `inputs`: tables of the shape, at least one, none twice, in any order, none
   * deeper than `outputLevel`.
   *
   * If `outputLevel` is 1 or deeper, the engine adds every table that must not be
   * left out: those that a table of the merge would otherwise jump over, which are
   * older ones of level 0 and those of levels between that overlap it, and then
   * those of the output level between the smallest key and the largest. Where
   * nothing was added and the inputs share no key, it may move the tables as they
   * are; one that is in the output level already is always rewritten.
   *
   * If `outputLevel` is 0, all inputs are in level 0 and follow one another in
   * it, and nothing is added: one table is written, which takes their place in the
   * order.
   */
  | {
    readonly _tag: "Merge"
    readonly inputs: ReadonlyArray<TableMeta>
    readonly outputLevel: number
    /** Bytes after which an output table ends. */
    readonly tableSize: number
  }
  /** Drop tables of the shape with all that is in them. What older tables hold of their keys comes to light. */
  | { readonly _tag: "Drop"; readonly tables: ReadonlyArray<TableMeta> }

/**
 * Decides which tables are merged, and when. Its functions are called on the event
 * loop with one compaction at a time: they depend on nothing but the shape, throw
 * nothing, and take well under a millisecond. A pick that breaks the rules of
 * `CompactionPick` is not carried out.
 */
export interface CompactionStrategy {
  /** For events and figures. */
  readonly name: string
  /** What is wrong with its options: no store opens with it. */
  readonly problem?: string | undefined
  /**
   * The next compaction; undefined if the tree is in shape. It is asked again
   * after each, so without new tables its picks must come to an end: each leaves
   * fewer tables in level 0, or data in a deeper level, or less data.
   */
  readonly pick: (shape: TreeShape) => CompactionPick | undefined
  /** About how many bytes are to be merged until the tree is in shape: writers are slowed in proportion. */
  readonly debt: (shape: TreeShape) => number
  /** Tables in level 0 from which on writers are slowed. */
  readonly slowdownTables: number
  /** Most tables in level 0: a flush waits for room. `Infinity` for a strategy that keeps them there. */
  readonly stopTables: number
  /** Bytes after which a table ends in a compaction of a key range that is asked for. */
  readonly tableSize: number
  /** The level that such a compaction brings data to, if none below it holds any; 0: it leaves all as it is. */
  readonly bottomLevel: number
}
