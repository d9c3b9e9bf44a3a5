/** What can be told of a store's files from outside. */
import { createHash } from "node:crypto"
import type { SimulatedDisk } from "../../../src/testing/index.ts"

/** What kind of a store's file a path names, or that it names the directory. */
export const fileKind = (path: string): string => {
  const name = path.slice(path.lastIndexOf("/") + 1)
  if (name.endsWith(".seg")) return "a segment"
  if (name.endsWith(".sst")) return "a table"
  if (name.startsWith("manifest-")) return "a manifest"
  return name.startsWith("CURRENT") ? "CURRENT" : "the directory"
}

/** Equal for disks that a program can't tell apart. */
export const fingerprint = (disk: SimulatedDisk): string => {
  const hash = createHash("sha1")
  for (const path of disk.files()) {
    const bytes = disk.readFile(path)
    hash.update(`${path}\0${bytes.length}\0`).update(bytes)
  }
  return hash.digest("base64")
}
