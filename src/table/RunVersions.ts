/**
 * All versions of all keys of a run: tables that share no key, one after the
 * other. For compaction.
 *
 * A table is opened when the run reaches it and closed when it is passed, so that
 * a run of any length has one open file. Whoever reads a run closes it.
 */
import * as Effect from "effect/Effect"
import { RecordKind } from "../record/RecordKind.ts"
import { MoveStatus } from "../record/VersionIterator.ts"
import type { VersionIterator } from "../record/VersionIterator.ts"
import type { TableError } from "../StoreError.ts"

/** A table that has been opened. */
export interface OpenVersions {
  versions(): VersionIterator
  readonly close: Effect.Effect<void>
}

const nothing: Uint8Array = new Uint8Array(0)

export class RunVersions implements VersionIterator {
  valid = false
  keyBuffer = nothing
  keyOffset = 0
  keyLength = 0
  kind: RecordKind = RecordKind.put
  sequence = 0
  valueBuffer = nothing
  valueOffset = 0
  valueLength = 0

  readonly #tables: ReadonlyArray<Effect.Effect<OpenVersions, TableError>>
  /** The table that is read, or that is to be opened next. */
  #table = 0
  /** The table that is open, which may be one that has been passed. */
  #open: OpenVersions | undefined
  /** Of the table that is read; undefined while that is not open. */
  #versions: VersionIterator | undefined
  #begun = false
  #waiting = false

  /** The tables in key order, each by how it is opened: wholly, or nothing of it stays open. */
  constructor(tables: ReadonlyArray<Effect.Effect<OpenVersions, TableError>>) {
    this.#tables = tables
  }

  first(): MoveStatus {
    return this.#enter(0)
  }

  advance(): MoveStatus {
    const versions = this.#versions
    return versions === undefined || !this.valid ? MoveStatus.ready : this.#show(versions, versions.advance())
  }

  readonly load: Effect.Effect<void, TableError> = Effect.suspend(() => {
    if (!this.#waiting) return Effect.void
    return this.#versions === undefined ? this.#openTable : this.#versions.load
  })

  resume(): MoveStatus {
    const versions = this.#versions
    if (!this.#waiting || versions === undefined) return MoveStatus.ready
    if (this.#begun) return this.#show(versions, versions.resume())
    this.#begun = true
    return this.#show(versions, versions.first())
  }

  /** Closes the table that is open. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    const open = this.#open
    this.#open = undefined
    return open === undefined ? Effect.void : open.close
  })

  readonly #openTable: Effect.Effect<void, TableError> = Effect.uninterruptible(
    Effect.flatMap(this.close, () =>
      Effect.map(this.#tables[this.#table]!, (open) => {
        this.#open = open
        this.#versions = open.versions()
      }))
  )

  #enter(table: number): MoveStatus {
    this.valid = false
    this.#table = table
    this.#versions = undefined
    this.#begun = false
    this.#waiting = table < this.#tables.length
    return this.#waiting ? MoveStatus.needsLoad : MoveStatus.ready
  }

  /** Takes over where the table's versions stand after a move. */
  #show(versions: VersionIterator, status: MoveStatus): MoveStatus {
    this.valid = false
    this.#waiting = status === MoveStatus.needsLoad
    if (this.#waiting) return MoveStatus.needsLoad
    if (!versions.valid) return this.#enter(this.#table + 1)
    this.keyBuffer = versions.keyBuffer
    this.keyOffset = versions.keyOffset
    this.keyLength = versions.keyLength
    this.kind = versions.kind
    this.sequence = versions.sequence
    this.valueBuffer = versions.valueBuffer
    this.valueOffset = versions.valueOffset
    this.valueLength = versions.valueLength
    this.valid = true
    return MoveStatus.ready
  }
}
