/**
 * The file of a table as its reader sees it: a `ReadFile`, or one that closes
 * itself while nobody reads it and opens again when somebody does. Such a file
 * may be gone by then, or be another.
 */
import type { Effect } from "effect"
import type { ReadFile } from "../disk/Disk.ts"
import type { TableError } from "../StoreError.ts"

export interface TableFile extends Omit<ReadFile, "read"> {
  /** False while only `read` can read, not `readSync`. A file without it is always open. */
  readonly isOpen?: boolean
  read(offset: number, length: number): Effect.Effect<Uint8Array, TableError>
}
