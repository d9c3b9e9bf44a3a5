/** Compares the files of a closed store with those that its manifest names (I11). */
import { Result } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { currentName, manifestName, parseFileName, segmentName, tableName } from "../../src/engine/FileNames.ts"
import { readCurrent, readManifest } from "../../src/engine/ManifestLog.ts"

/** A line for each file that is missing or left over. */
export const inspectFiles = (directory: string): ReadonlyArray<string> => {
  const current = readCurrent(currentName, readFileSync(join(directory, currentName)))
  if (Result.isFailure(current)) return [current.failure.message]
  const manifest = manifestName(current.success)
  const state = readManifest(manifest, current.success, readFileSync(join(directory, manifest)))
  if (Result.isFailure(state)) return [state.failure.message]
  const { segments, tables } = state.success
  const named = new Set([
    currentName,
    manifest,
    ...segments.map(segmentName),
    ...tables.map(({ file }) => tableName(file))
  ])
  const found = readdirSync(directory).filter((name) => {
    const file = parseFileName(name)
    return file !== undefined && file._tag !== "Lock"
  })
  return [
    ...found.filter((name) => !named.has(name)).map((name) => `${name} is left over.`),
    ...[...named].filter((name) => !found.includes(name)).map((name) => `${name} is missing.`)
  ]
}
