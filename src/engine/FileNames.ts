/**
 * The names of the files in a store's directory.
 *
 *   LOCK                    the lock
 *   CURRENT                 names the manifest
 *   manifest-0000000001.log the journal of structural events
 *   wal-0000000001.seg      a segment of the write-ahead log
 *   table-0000000001.sst    a table
 *   *.tmp                   a file on its way to its name
 */
import { lockFileName } from "../disk/DirectoryLock.ts"
import { parseSegmentName, segmentName } from "../log/SegmentName.ts"

export { segmentName }

export const currentName = "CURRENT"
export const currentTemporaryName = "CURRENT.tmp"

const numbered = (prefix: string, suffix: string, number: number): string =>
  `${prefix}${String(number).padStart(10, "0")}${suffix}`

export const manifestName = (number: number): string => numbered("manifest-", ".log", number)
export const tableName = (number: number): string => numbered("table-", ".sst", number)

export type StoreFile =
  | { readonly _tag: "Lock" | "Current" | "Temporary" }
  | { readonly _tag: "Manifest" | "Segment" | "Table"; readonly number: number }

const pattern = /^(manifest|table)-(\d{10,16})\.(log|sst)$/

/** No store gets so far; with a larger one there might be no number for the next file. */
const largestNumber = 2 ** 48

/** What a name in the directory stands for, or undefined if it is none of the store's. */
export const parseFileName = (name: string): StoreFile | undefined => {
  if (name === lockFileName) return { _tag: "Lock" }
  if (name === currentName) return { _tag: "Current" }
  if (name === currentTemporaryName) return { _tag: "Temporary" }
  const segment = parseSegmentName(name)
  const number = segment ?? Number(pattern.exec(name)?.[2])
  if (!(number <= largestNumber)) return undefined
  if (number === segment) return { _tag: "Segment", number }
  if (name === manifestName(number)) return { _tag: "Manifest", number }
  if (name === tableName(number)) return { _tag: "Table", number }
  return undefined
}
