/**
 * One immutable record of all that a reader needs, published in one `TxRef`
 * (I1, I2, I7, I8).
 *
 * A reader loads it with one field read, without a transaction. A read that
 * ends synchronously needs no reference; one that waits retains the view in the
 * stretch in which it loaded it. A view holds one reference on each memtable and
 * table in it, from the moment it is published until the last reader has let go
 * of it; files close and arenas are reused only at zero references.
 */
import { Effect, TxRef } from "effect"
import type { Memtable } from "./Memtable.ts"
import type { TableTree } from "./TableTree.ts"

export class ReadView {
  readonly active: Memtable
  /** Memtables that take no more records, newest first: rotated ones, which wait for their flush, then replayed ones. */
  readonly immutables: ReadonlyArray<Memtable>
  /** How many of them were rotated. */
  readonly rotated: number
  readonly tables: TableTree
  #references = 1
  #adopted = false

  constructor(active: Memtable, immutables: ReadonlyArray<Memtable>, tables: TableTree) {
    this.active = active
    this.immutables = immutables
    const firstReplayed = immutables.findIndex((memtable) => memtable.isReplayed)
    this.rotated = firstReplayed < 0 ? immutables.length : firstReplayed
    this.tables = tables
  }

  /** The same memtables over other tables. */
  withTables(tables: TableTree): ReadView {
    return new ReadView(this.active, this.immutables, tables)
  }

  /**
   * Takes a reference on everything in the view. Called once, when the view has
   * been published. By then it may have been replaced, and nobody be left who
   * would give the references back: then it takes none.
   */
  adopt(): this {
    if (this.#references === 0) return this
    this.#adopted = true
    this.active.retain()
    for (const memtable of this.immutables) memtable.retain()
    for (const level of this.tables.levels) {
      for (const table of level) table.retain()
    }
    return this
  }

  retain(): void {
    this.#references++
  }

  release(): void {
    this.#references--
    if (this.#references > 0 || !this.#adopted) return
    this.active.release()
    for (const memtable of this.immutables) memtable.release()
    for (const level of this.tables.levels) {
      for (const table of level) table.release()
    }
  }
}

/**
 * Replaces the published view in one transaction. `change` is pure: it may run
 * more than once. Uninterruptible, so that references are moved with the view.
 */
export const publishView = (
  ref: TxRef.TxRef<ReadView>,
  change: (current: ReadView) => ReadView
): Effect.Effect<ReadView> =>
  Effect.uninterruptible(
    Effect.map(
      Effect.tx(TxRef.modify(ref, (current) => {
        const next = change(current)
        return [[current, next] as const, next]
      })),
      ([previous, next]) => {
        if (previous !== next) {
          next.adopt()
          previous.release()
        }
        return next
      }
    )
  )
