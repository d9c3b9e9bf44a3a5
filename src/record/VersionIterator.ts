/**
 * How sources of entries are read: synchronously. A source whose block is not at
 * hand answers `needsLoad` from the move; the caller runs `load`, then goes on
 * with the move. Until a move has ended the source has no position.
 */
import type { Effect } from "effect"
import type { TableError } from "../StoreError.ts"
import type { RecordKind } from "./RecordKind.ts"

/** How a move ended. */
export const MoveStatus = { ready: 0, needsLoad: 1 } as const
export type MoveStatus = typeof MoveStatus[keyof typeof MoveStatus]

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
  first(): MoveStatus
  /** To the next version of the key, or the newest of the next key. */
  advance(): MoveStatus
  readonly load: Effect.Effect<void, TableError>
  resume(): MoveStatus
}
