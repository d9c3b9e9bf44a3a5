/** A file's bytes as a file to read, of which no disk knows. */
import { Effect } from "effect"
import type { ReadFile } from "../../disk/Disk.ts"
import { DiskError } from "../../StoreError.ts"

export const fileOfBytes = (path: string, bytes: Uint8Array): ReadFile => {
  const isWithin = (offset: number, length: number) => offset >= 0 && offset + length <= bytes.length
  const short = () => new DiskError({ operation: "read", path, code: "ESHORT" })
  return {
    path,
    size: bytes.length,
    read: (offset, length) =>
      Effect.suspend(() =>
        isWithin(offset, length) ? Effect.succeed(bytes.slice(offset, offset + length)) : Effect.fail(short())
      ),
    readSync: (offset, length) => {
      if (!isWithin(offset, length)) throw short()
      return bytes.slice(offset, offset + length)
    },
    close: Effect.void
  }
}
