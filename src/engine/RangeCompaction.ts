/**
 * A compaction of a key range that somebody asked for, piece by piece: what is
 * in the range goes down level by level to the deepest level that holds any of
 * it, and what can be dropped there is (I9).
 *
 * A level is gone through from its smallest key to its largest, so that it comes
 * to an end however much is written meanwhile. Between two pieces the strategy's
 * own compactions have their turn.
 */
import { levelCount } from "../compaction/Strategy.ts"
import type { CompactionPick, TreeShape } from "../compaction/Strategy.ts"
import { compareBytes } from "../record/Bytes.ts"
import type { TableMeta } from "../table/TableMeta.ts"
import { isBehind } from "./ScanRange.ts"
import type { ScanRange } from "./ScanRange.ts"

/** Bytes of a piece, with what it overlaps in the level below, in tables: enough that few tables are merged twice. */
const tablesPerPiece = 16

export class RangeCompaction {
  readonly #range: ScanRange
  readonly #tableSize: number
  readonly #bottomLevel: number
  /** Tables numbered from here on were made since this began. */
  readonly #firstNewTable: number
  #level = 0
  /** What lies at or below this key in the level has been dealt with. */
  #done: Uint8Array | undefined

  constructor(
    range: ScanRange,
    { bottomLevel, tableSize }: { readonly bottomLevel: number; readonly tableSize: number },
    firstNewTable: number
  ) {
    this.#range = range
    this.#tableSize = tableSize
    this.#bottomLevel = bottomLevel
    this.#firstNewTable = firstNewTable
  }

  /** The next piece; undefined when all is done. It is taken as carried out when the next one is asked for. */
  next(shape: TreeShape): Extract<CompactionPick, { readonly _tag: "Merge" }> | undefined {
    const deepest = this.#deepest(shape)
    for (; this.#level < levelCount; this.#level++, this.#done = undefined) {
      const piece = this.#level < deepest ? this.#down(shape, deepest) : this.#rewrite(shape)
      if (piece !== undefined) return { _tag: "Merge", ...piece, tableSize: this.#tableSize }
    }
    return undefined
  }

  /** The deepest level that holds any of the range, and no less than the strategy's bottom. */
  #deepest({ levels }: TreeShape): number {
    for (let level = levelCount - 1; level > this.#bottomLevel; level--) {
      if (levels[level]!.some((table) => this.#isInRange(table))) return level
    }
    return this.#bottomLevel
  }

  /** Tables of the level that are to go down, and where to. */
  #down({ levels }: TreeShape, deepest: number) {
    const level = this.#level
    const waiting = this.#waiting(levels[level]!)
    if (waiting.length === 0) return undefined
    let outputLevel = level + 1
    while (outputLevel < deepest && levels[outputLevel]!.length === 0) outputLevel++
    if (level === 0) {
      this.#level++
      return { inputs: waiting, outputLevel }
    }
    return { inputs: this.#piece(waiting, levels[outputLevel]!), outputLevel }
  }

  /** Tables of the deepest level that are older than this compaction and hold what may be dropped. */
  #rewrite({ levels }: TreeShape) {
    const tables = levels[this.#level]!
    const waiting = this.#waiting(tables).filter((table) =>
      table.file < this.#firstNewTable && table.tombstones + table.shadowed > 0
    )
    if (waiting.length === 0 || this.#level === 0) return undefined
    // A merge of tables apart would rewrite all that lies between them.
    const first = tables.indexOf(waiting[0]!)
    const adjacent = waiting.filter((table, at) => tables[first + at] === table)
    return { inputs: this.#piece(adjacent, []), outputLevel: this.#level }
  }

  #waiting(tables: ReadonlyArray<TableMeta>): ReadonlyArray<TableMeta> {
    const done = this.#done
    return tables.filter((table) =>
      this.#isInRange(table) && (this.#level > 0 || table.file < this.#firstNewTable)
      && (done === undefined || compareBytes(table.largestKey, done) > 0)
    )
  }

  /** The first tables, as many as make up a piece with what they overlap. */
  #piece(waiting: ReadonlyArray<TableMeta>, below: ReadonlyArray<TableMeta>): ReadonlyArray<TableMeta> {
    const limit = tablesPerPiece * this.#tableSize
    const inputs: Array<TableMeta> = []
    let bytes = 0
    let at = 0
    for (const table of waiting) {
      while (at < below.length && compareBytes(below[at]!.largestKey, table.smallestKey) < 0) at++
      bytes += table.size
      for (; at < below.length && compareBytes(below[at]!.smallestKey, table.largestKey) <= 0; at++) {
        bytes += below[at]!.size
      }
      if (inputs.length > 0 && bytes > limit) break
      inputs.push(table)
    }
    this.#done = inputs.at(-1)?.largestKey
    return inputs
  }

  #isInRange({ largestKey, smallestKey }: TableMeta): boolean {
    const { lower } = this.#range
    if (lower !== undefined) {
      const order = compareBytes(largestKey, lower.key)
      if (order < 0 || (order === 0 && !lower.inclusive)) return false
    }
    return !isBehind({ ...this.#range, reverse: false }, smallestKey, 0, smallestKey.length)
  }
}
