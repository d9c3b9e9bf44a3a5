/** How tables lie over one another. Called on the event loop: nothing here looks at more tables than it must. */
import { compareBytes } from "../record/Bytes.ts"
import type { TableMeta } from "../table/TableMeta.ts"

/** Bytes of all tables. */
export const bytesOf = (tables: ReadonlyArray<TableMeta>): number => {
  let bytes = 0
  for (let index = 0; index < tables.length; index++) bytes += tables[index]!.size
  return bytes
}

/** The index of the first table, of disjoint ones in key order, that ends at or above the key. */
const firstAtOrAbove = (tables: ReadonlyArray<TableMeta>, key: Uint8Array): number => {
  let from = 0
  let to = tables.length
  while (from < to) {
    const middle = (from + to) >>> 1
    if (compareBytes(tables[middle]!.largestKey, key) < 0) from = middle + 1
    else to = middle
  }
  return from
}

/** Bytes of the tables of a level from 1 on that share keys with the table's range. */
const overlappingBytes = (table: TableMeta, level: ReadonlyArray<TableMeta>): number => {
  let bytes = 0
  for (let index = firstAtOrAbove(level, table.smallestKey); index < level.length; index++) {
    if (compareBytes(level[index]!.smallestKey, table.largestKey) > 0) break
    bytes += level[index]!.size
  }
  return bytes
}

/** The part of a table's records that a merge may be able to drop. */
export const garbageOf = (table: TableMeta): number => (table.tombstones + table.shadowed) / Math.max(1, table.entries)

/** Tables that are looked at for one pick: of a level with more it is a sample. */
const sample = 512

/** The table of a level that is not empty with the fewest bytes to merge for each of its own, garbage in its favour. */
export const cheapestTable = (level: ReadonlyArray<TableMeta>, next: ReadonlyArray<TableMeta>): TableMeta => {
  const stride = Math.ceil(level.length / sample)
  let best = level[0]!
  let least = Infinity
  for (let index = 0; index < level.length; index += stride) {
    const table = level[index]!
    const cost = (1 + overlappingBytes(table, next) / table.size) * (1 - garbageOf(table) / 2)
    if (cost < least) {
      least = cost
      best = table
    }
  }
  return best
}

/**
 * The newest tables of level 0 in a row, at least so many and with at most so many
 * bytes together, none much larger than those before it: merged within the level
 * they cost little and leave one. Undefined if there are none.
 */
export const alikeTables = (
  level0: ReadonlyArray<TableMeta>,
  least: number,
  mostBytes: number
): ReadonlyArray<TableMeta> | undefined => {
  for (let from = 0; from + least <= level0.length; from++) {
    let bytes = level0[from]!.size
    let to = from + 1
    while (to < level0.length && level0[to]!.size <= 2 * bytes && bytes + level0[to]!.size <= mostBytes) {
      bytes += level0[to++]!.size
    }
    if (to - from >= least && bytes <= mostBytes) return level0.slice(from, to)
  }
  return undefined
}
