/** Compares the files of a closed store with those that its manifest names (I11). */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { parseFileName } from "../../src/engine/FileNames.ts"
import { structureIn } from "../../src/testing/shape/Structure.ts"

/** A line for each file that is missing or left over. */
export const inspectFiles = (directory: string): ReadonlyArray<string> => {
  const found = readdirSync(directory).filter((name) => {
    const file = parseFileName(name)
    return file !== undefined && file._tag !== "Lock"
  })
  try {
    const named = new Set(structureIn(found, (name) => readFileSync(join(directory, name))).files)
    return [
      ...found.filter((name) => !named.has(name)).map((name) => `${name} is left over.`),
      ...[...named].filter((name) => !found.includes(name)).map((name) => `${name} is missing.`)
    ]
  } catch (cause) {
    return [`The manifest can't be read: ${String(cause)}.`]
  }
}
