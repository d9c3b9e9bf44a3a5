/**
 * A position among the keys of one sorted source, at the granularity of user
 * keys: however many versions a key has, a cursor stands on it once.
 *
 * A cursor reads synchronously. A source whose block is not at hand answers
 * `needsLoad` from the move; the caller runs `load`, then `resume`, which ends
 * the move that was begun. Until a move has ended the cursor has no position.
 * What the key and value fields name is valid until the next move.
 */
import type { Effect } from "effect"
import type { DiskError, StoreCorrupted, UnsupportedFormat } from "../StoreError.ts"
import type { RecordKind } from "./RecordKind.ts"

/** How a move ended. */
export const CursorStatus = { ready: 0, needsLoad: 1 } as const
export type CursorStatus = typeof CursorStatus[keyof typeof CursorStatus]

export interface Cursor {
  /** True while the cursor stands on a key. */
  readonly valid: boolean

  readonly keyBuffer: Uint8Array
  readonly keyOffset: number
  readonly keyLength: number

  seekFirst(): CursorStatus
  seekLast(): CursorStatus
  /** To the smallest key at or above the given one. */
  seekAtOrAfter(key: Uint8Array): CursorStatus
  /** To the largest key at or below the given one. */
  seekAtOrBefore(key: Uint8Array): CursorStatus
  /** To the next larger key. */
  next(): CursorStatus
  /** To the next smaller key. */
  previous(): CursorStatus

  /**
   * Chooses the newest version of the current key at or below `sequence`, whose
   * fields are then readable. `selected` tells whether there is one.
   */
  select(sequence: number): CursorStatus
  readonly selected: boolean
  readonly kind: RecordKind
  readonly sequence: number
  readonly valueBuffer: Uint8Array
  readonly valueOffset: number
  readonly valueLength: number

  /**
   * Reads what the last move or `select` lacked. Interruptible between reads.
   * It leaves nothing behind when it fails or is interrupted.
   */
  readonly load: Effect.Effect<void, DiskError | StoreCorrupted | UnsupportedFormat>
  /** Ends the move or `select` that `needsLoad` interrupted; it may answer `needsLoad` again. */
  resume(): CursorStatus
}

/** The keys and all their versions in key order, newest version first: what flush and compaction read. */
export interface VersionIterator {
  readonly valid: boolean
  readonly keyBuffer: Uint8Array
  readonly keyOffset: number
  readonly keyLength: number
  readonly kind: RecordKind
  readonly sequence: number
  readonly valueBuffer: Uint8Array
  readonly valueOffset: number
  readonly valueLength: number
  /** To the first entry. */
  first(): CursorStatus
  /** To the next version of the key, or the newest of the next key. */
  advance(): CursorStatus
  readonly load: Effect.Effect<void, DiskError | StoreCorrupted | UnsupportedFormat>
  resume(): CursorStatus
}
