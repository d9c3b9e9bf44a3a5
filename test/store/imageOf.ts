import { readdirSync, readFileSync } from "node:fs"

/** A directory's content, byte for byte. */
export const imageOf = (directory: string): ReadonlyMap<string, string> =>
  new Map(
    readdirSync(directory, { recursive: true, withFileTypes: true }).map((entry) => {
      const path = `${entry.parentPath}/${entry.name}`
      return [path, entry.isFile() ? readFileSync(path, "base64") : "directory"]
    })
  )
