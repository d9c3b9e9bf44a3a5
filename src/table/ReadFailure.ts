/**
 * What synchronous reads of tables throw, back in the typed channel (I15).
 *
 * Cursors and lookups are plain functions that throw their errors; whoever
 * drives them from an effect turns them into failures here.
 */
import * as Effect from "effect/Effect"
import { DiskError, StoreCorrupted, UnsupportedFormat } from "../StoreError.ts"
import type { TableError } from "../StoreError.ts"

/** What a synchronous read threw, as a failure; anything else is a defect. */
export const readFailure = (thrown: unknown): Effect.Effect<never, TableError> =>
  thrown instanceof DiskError || thrown instanceof StoreCorrupted || thrown instanceof UnsupportedFormat
    ? Effect.fail(thrown)
    : Effect.die(thrown)
