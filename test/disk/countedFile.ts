/** A file in memory that counts how it is read. */
import { Effect } from "effect"
import type { ReadFile } from "../../src/disk/Disk.ts"
import { fileOfBytes } from "../../src/testing/shape/FileBytes.ts"

export interface CountedFile extends ReadFile {
  /** The lengths of the reads so far. */
  readonly reads: Array<number>
}

export const countedFile = (path: string, bytes: Uint8Array): CountedFile => {
  const file = fileOfBytes(path, bytes)
  const reads: Array<number> = []
  return {
    ...file,
    reads,
    readSync: (offset, length) => {
      const read = file.readSync(offset, length)
      reads.push(length)
      return read
    },
    read: (offset, length) => Effect.tap(file.read(offset, length), () => Effect.sync(() => void reads.push(length)))
  }
}
