/** What the manifest on a simulated disk says: which files there are, and what each is for. */
import { Result } from "effect"
import { currentName, manifestName, segmentName, tableName } from "../../engine/FileNames.ts"
import type { ManifestState } from "../../engine/ManifestEvent.ts"
import { readCurrent, readManifest } from "../../engine/ManifestLog.ts"
import type { SimulatedDisk } from "../SimulatedDisk.ts"

export interface Structure extends ManifestState {
  /** The files that the manifest in force accounts for, itself included, in order. */
  readonly files: ReadonlyArray<string>
}

/** The structure that the manifest in force stands for. Throws what is wrong with the manifest. */
export const structureOn = (disk: SimulatedDisk, directory: string): Structure => {
  const read = (name: string) => disk.readFile(`${directory}/${name}`)
  const number = Result.getOrThrow(readCurrent(currentName, read(currentName)))
  const manifest = manifestName(number)
  const state = Result.getOrThrow(readManifest(manifest, number, read(manifest)))
  const files = [
    currentName,
    manifest,
    ...state.segments.map(segmentName),
    ...state.tables.map(({ file }) => tableName(file))
  ]
  return { ...state, files: files.sort() }
}

/** The names of the files in a directory, in order. */
export const filesIn = (disk: SimulatedDisk, directory: string): ReadonlyArray<string> => {
  const prefix = `${directory.replace(/^\/+/, "")}/`
  return disk.files().filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length))
}
