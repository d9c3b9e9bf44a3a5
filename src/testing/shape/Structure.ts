/** What the manifest on a simulated disk says: which files there are, and what each is for. */
import { Result } from "effect"
import { currentGeneration } from "../../engine/Directory.ts"
import {
  currentName,
  highestGeneration,
  manifestName,
  ownerName,
  segmentName,
  storeFiles,
  tableName
} from "../../engine/FileNames.ts"
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
  return structureIn(filesIn(disk, directory), read)
}

/** The same for whatever gives the files' names and contents. */
export const structureIn = (names: ReadonlyArray<string>, read: (name: string) => Uint8Array): Structure => {
  const found = storeFiles(names)
  const generation = currentGeneration(found)
  const current = currentName(generation)
  const id = { number: Result.getOrThrow(readCurrent(current, read(current))), generation }
  const manifest = manifestName(id.number, generation)
  const state = Result.getOrThrow(readManifest(manifest, id, read(manifest)))
  const owner = ownerName(highestGeneration(found, ({ _tag }) => _tag === "Owner"))
  const files = [
    ...names.includes(owner) ? [owner] : [],
    current,
    manifest,
    ...state.segments.map((each) => segmentName(each.segment, each.generation)),
    ...state.tables.map(({ file, generation: made }) => tableName(file, made))
  ]
  return { ...state, files: files.sort() }
}

/** The names of the files in a directory, in order. */
export const filesIn = (disk: SimulatedDisk, directory: string): ReadonlyArray<string> => {
  const prefix = `${directory.replace(/^\/+/, "")}/`
  return disk.files().filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length))
}
