/**
 * A table that the published view, or a reader of an older one, may be reading.
 *
 * At zero references its file is closed; if by then the manifest no longer names
 * it, the file is removed too (I8).
 */
import type { TableReader } from "../table/TableReader.ts"

export class LiveTable {
  readonly reader: TableReader
  readonly path: string
  readonly #onUnused: (table: LiveTable) => void
  #references = 0
  #obsolete = false

  constructor(reader: TableReader, path: string, onUnused: (table: LiveTable) => void) {
    this.reader = reader
    this.path = path
    this.#onUnused = onUnused
  }

  /** True once the manifest, durably, no longer names the table. */
  get isObsolete(): boolean {
    return this.#obsolete
  }

  markObsolete(): void {
    this.#obsolete = true
  }

  retain(): void {
    this.#references++
  }

  release(): void {
    this.#references--
    if (this.#references === 0) this.#onUnused(this)
  }
}
