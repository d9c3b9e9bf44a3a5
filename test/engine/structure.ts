/** What the manifest on a disk says, and whether the files there are of that shape (I11). */
import { Effect, Result } from "effect"
import { currentName, manifestName, segmentName, tableName } from "../../src/engine/FileNames.ts"
import type { ManifestState } from "../../src/engine/ManifestEvent.ts"
import { readCurrent, readManifest } from "../../src/engine/ManifestLog.ts"
import { compareBytes } from "../../src/record/Bytes.ts"
import type { TableMeta } from "../../src/table/TableMeta.ts"
import type { SimulatedDisk } from "../../src/testing/index.ts"
import { openTable, readVersions } from "../table/TableFixture.ts"
import type { Entry } from "../table/TableFixture.ts"
import { directory } from "./harness.ts"

/** The structure that the manifest in force stands for, and the manifest's name. */
const manifestOn = (disk: SimulatedDisk): { readonly name: string; readonly state: ManifestState } => {
  const number = Result.getOrThrow(readCurrent(currentName, disk.readFile(`${directory}/${currentName}`)))
  const name = manifestName(number)
  return { name, state: Result.getOrThrow(readManifest(name, number, disk.readFile(`${directory}/${name}`))) }
}

export const structureOn = (disk: SimulatedDisk): ManifestState => manifestOn(disk).state

/** The files that the manifest in force accounts for. */
export const namedFiles = (disk: SimulatedDisk): ReadonlyArray<string> => {
  const { name, state: { segments, tables } } = manifestOn(disk)
  return [currentName, name, ...segments.map(segmentName), ...tables.map(({ file }) => tableName(file))].sort()
}

/** All that a table's file holds. */
export const entriesOn = (disk: SimulatedDisk, meta: TableMeta): ReadonlyArray<Entry> => {
  const bytes = disk.readFile(`${directory}/${tableName(meta.file)}`)
  return Effect.runSync(
    Effect.flatMap(openTable({ bytes, meta }), (reader) => readVersions(reader.versions()))
  )
}

/** What is wrong with the tables that the manifest names, by what is in them. */
export const shapeProblems = (disk: SimulatedDisk): ReadonlyArray<string> => {
  const problems: Array<string> = []
  const ends = new Map<number, Uint8Array>()
  for (const meta of structureOn(disk).tables) {
    const name = `table ${meta.file} of level ${meta.level}`
    const entries = entriesOn(disk, meta)
    const [first, last] = [entries[0], entries.at(-1)]
    if (first === undefined || last === undefined) {
      problems.push(`${name} is empty`)
      continue
    }
    for (const [at, { key, sequence }] of entries.entries()) {
      const before = entries[at - 1]
      const order = before === undefined ? -1 : compareBytes(before.key, key)
      if (order > 0 || (order === 0 && before!.sequence <= sequence)) problems.push(`${name} is not sorted`)
    }
    if (compareBytes(first.key, meta.smallestKey) !== 0 || compareBytes(last.key, meta.largestKey) !== 0) {
      problems.push(`${name} does not have the bounds that the manifest says`)
    }
    const before = ends.get(meta.level)
    if (meta.level > 0 && before !== undefined && compareBytes(before, first.key) >= 0)
      problems.push(`${name} overlaps`)
    ends.set(meta.level, last.key)
  }
  return problems
}
