/**
 * The names of the files in a store's directory.
 *
 *   LOCK                               the lock
 *   OWNER-1784205611                   who writes: the one with the highest generation (I26)
 *   CURRENT-1784205611                 names the manifest; the one with the highest generation is in force
 *   CURRENT-1784205611.tmp             the same on its way to its name
 *   manifest-0000000001-1784205611.log the journal of structural events
 *   wal-0000000001-1784205611.seg      a segment of the write-ahead log
 *   table-0000000001-1784205611.sst    a table
 *
 * The generation is that of the opening that made the file, so no two openings
 * of a directory ever make files of one name. That is also so for two stores
 * that have been at one path, one after the other: a new store begins with a
 * random generation.
 */
import { lockFileName } from "../disk/DirectoryLock.ts"
import { parseSegmentName, segmentName } from "../log/SegmentName.ts"

export { segmentName }

export const ownerName = (generation: number): string => `OWNER-${generation}`
export const currentName = (generation: number): string => `CURRENT-${generation}`
export const currentTemporaryName = (generation: number): string => `CURRENT-${generation}.tmp`

const numbered = (prefix: string, suffix: string, number: number, generation: number): string =>
  `${prefix}${String(number).padStart(10, "0")}-${generation}${suffix}`

export const manifestName = (number: number, generation: number): string =>
  numbered("manifest-", ".log", number, generation)
export const tableName = (number: number, generation: number): string => numbered("table-", ".sst", number, generation)

/** Where a table's file is. */
export const tablePath = (
  directory: string,
  table: { readonly file: number; readonly generation: number }
): string => `${directory}/${tableName(table.file, table.generation)}`

export type StoreFile =
  | { readonly _tag: "Lock" }
  | { readonly _tag: "Owner" | "Current" | "Temporary"; readonly generation: number }
  | {
    readonly _tag: "Manifest" | "Segment" | "Table"
    readonly number: number
    readonly generation: number
  }

const pointerPattern = /^(?:OWNER|CURRENT)-(\d{1,16})(?:\.tmp)?$/
const numberedPattern = /^(?:manifest|table)-(\d{10,16})-(\d{1,16})\.(?:log|sst)$/

/** No store gets so far; with a larger one there might be no number for the next file. */
export const largestNumber = 2 ** 48

const isInRange = (number: number): boolean => number >= 0 && number <= largestNumber

const parsePointer = (name: string): StoreFile | undefined => {
  const generation = Number(pointerPattern.exec(name)?.[1])
  if (!isInRange(generation)) return undefined
  if (name === ownerName(generation)) return { _tag: "Owner", generation }
  if (name === currentName(generation)) return { _tag: "Current", generation }
  return name === currentTemporaryName(generation) ? { _tag: "Temporary", generation } : undefined
}

/** What a name in the directory stands for, or undefined if it is none of the store's. */
export const parseFileName = (name: string): StoreFile | undefined => {
  if (name === lockFileName) return { _tag: "Lock" }
  const pointer = parsePointer(name)
  if (pointer !== undefined) return pointer
  const segment = parseSegmentName(name)
  if (segment !== undefined) {
    const { generation, segment: number } = segment
    return isInRange(number) && isInRange(generation) ? { _tag: "Segment", number, generation } : undefined
  }
  const match = numberedPattern.exec(name)
  const number = Number(match?.[1])
  const generation = Number(match?.[2])
  if (!isInRange(number) || !isInRange(generation)) return undefined
  if (name === manifestName(number, generation)) return { _tag: "Manifest", number, generation }
  return name === tableName(number, generation) ? { _tag: "Table", number, generation } : undefined
}

/** The files among the names, by name. */
export const storeFiles = (names: Iterable<string>): ReadonlyMap<string, StoreFile> => {
  const files = new Map<string, StoreFile>()
  for (const name of names) {
    const file = parseFileName(name)
    if (file !== undefined) files.set(name, file)
  }
  return files
}

/** The highest generation in the names of the files that `counts`; -1 if there are none. */
export const highestGeneration = (
  files: ReadonlyMap<string, StoreFile>,
  counts: (file: StoreFile) => boolean = () => true
): number => {
  let highest = -1
  for (const file of files.values()) {
    if ("generation" in file && file.generation > highest && counts(file)) highest = file.generation
  }
  return highest
}
