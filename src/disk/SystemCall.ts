/**
 * Calls to the operating system as effects: errors become `DiskError`, and a
 * call that has begun always ends before its effect does, interrupted or not.
 *
 * Used only by the disk, and for calls of which there are few: the calls that
 * each read and each group of writes makes are callbacks of their own.
 */
import * as Effect from "effect/Effect"
import { DiskError } from "../StoreError.ts"

/** The system's (or the runtime's) name for what went wrong. */
export const errorCode = (cause: unknown): string =>
  cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : "UNKNOWN"

/** An error such as the system would have reported. */
export const systemError = (code: string): Error => Object.assign(new Error(code), { code })

export const diskError = (operation: string, path: string, cause: unknown): DiskError =>
  new DiskError({ operation, path, code: errorCode(cause) })

export const request = <A>(
  operation: string,
  path: string,
  run: () => Promise<A>
): Effect.Effect<A, DiskError> =>
  Effect.uninterruptible(Effect.tryPromise({ try: run, catch: (cause) => diskError(operation, path, cause) }))
