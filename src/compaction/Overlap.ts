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
export const overlappingBytes = (table: TableMeta, level: ReadonlyArray<TableMeta>): number => {
  let bytes = 0
  for (let index = firstAtOrAbove(level, table.smallestKey); index < level.length; index++) {
    if (compareBytes(level[index]!.smallestKey, table.largestKey) > 0) break
    bytes += level[index]!.size
  }
  return bytes
}
