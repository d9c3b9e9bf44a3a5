/** What a store on a simulated disk turns out to hold, and whether it behaves while that is looked at. */
import { Cause, Effect, Exit, Option, Result } from "effect"
import { createHash } from "node:crypto"
import type { Entry, ReadError, StoreOpenError } from "../../../src/index.ts"
import { StoreReadMode } from "../../../src/table/ReadPolicy.ts"
import type { ReadMode } from "../../../src/table/ReadPolicy.ts"
import { shapeProblems } from "../../../src/testing/index.ts"
import type { Problem, SimulatedDisk } from "../../../src/testing/index.ts"
import { directory, openStore, runSeed } from "../../support/smallStore.ts"
import type { Store, TestOptions } from "../../support/smallStore.ts"
import { inspectStore } from "../inspectStore.ts"
import { lifeOptions, sparing } from "./Life.ts"

/** Runs a program to its end in a simulation; throws if it fails, gets stuck or leaves fibers behind. */
export type Run = <A, E>(program: Effect.Effect<A, E>) => A

/**
 * In one fixed order: what is varied here is the point at which something happens.
 * A read that stalls outlives a close that gives up the merge it is for: it has
 * the time to end.
 */
export const runPlainly: Run = (program) =>
  runSeed(Effect.ensuring(program, Effect.sleep("1 minute")), 1, { yieldChance: 0, order: "oldest" })

/** Runs a program; a defect, a fiber that was left behind and a wait without an end are a problem. */
export const runGuarded = <A, E>(program: Effect.Effect<A, E>, run: Run = runPlainly): Result.Result<A, Problem> =>
  Result.try({
    try: () => run(program),
    catch: (error) => ({ invariant: "I13", message: error instanceof Error ? error.message : String(error) })
  })

/** Short, and equal for equal contents. */
export const digestOf = (entries: Iterable<Entry>): string => {
  const hash = createHash("sha1")
  for (const [key, value] of entries) hash.update(Uint32Array.of(key.length, value.length)).update(key).update(value)
  return hash.digest("base64")
}

/** Reads everything in every way, which must agree. */
export const readAll = (store: Store, keys: ReadonlyArray<Uint8Array> = []) =>
  Effect.map(inspectStore(store, keys), ({ content, problems }) => ({
    entries: content,
    digest: digestOf(content),
    problems
  }))

/** What opening a store and reading all of it came to. */
export interface Reopened {
  /** All that is in it; nothing if it was refused. */
  readonly entries: ReadonlyArray<Entry>
  /** Short, and equal for equal entries. */
  readonly digest: string
  /** The typed error that opening or reading failed with. */
  readonly refusal: StoreOpenError | ReadError | undefined
  readonly problems: ReadonlyArray<Problem>
}

export interface ReopenOptions {
  /** Keys to ask for beside those that are there. */
  readonly keys?: ReadonlyArray<Uint8Array>
  readonly options?: TestOptions
  /** How tables' blocks are read: at once, unless told. */
  readonly readMode?: ReadMode
  /** Told as soon as the store is open. */
  readonly onOpen?: () => void
  /** Whether files may be left behind for the next recovery, because they could not be removed. */
  readonly mayLeaveFiles?: boolean
}

const refused = (
  refusal: Reopened["refusal"],
  problems: ReadonlyArray<Problem>
): Reopened => ({ entries: [], digest: refusal?._tag ?? "", refusal, problems })

/** The error that it failed with, if nothing else went wrong. */
export const onlyError = <E>(cause: Cause.Cause<E>): E | undefined =>
  cause.reasons.every((reason) => reason._tag === "Fail")
    ? Option.getOrUndefined(Cause.findErrorOption(cause))
    : undefined

/** Files that a store has left open which is no longer there. */
export const handleProblems = (disk: SimulatedDisk): ReadonlyArray<Problem> =>
  disk.openHandles.length === 0 ? [] : [{ invariant: "I14", message: `left open: ${disk.openHandles.join(", ")}` }]

/** Opens the store on the disk, reads all of it and closes it again. */
export const reopen = (disk: SimulatedDisk, reopening: ReopenOptions = {}): Reopened => {
  const { keys, mayLeaveFiles = false, onOpen, options = lifeOptions, readMode = "sync" } = reopening
  const program = Effect.scoped(Effect.gen(function*() {
    const store = yield* Effect.provideService(openStore(sparing(disk), options), StoreReadMode, readMode)
    onOpen?.()
    return yield* readAll(store, keys)
  }))
  const result = runGuarded(Effect.exit(program))
  if (Result.isFailure(result)) return refused(undefined, [result.failure])
  const exit = result.success
  const left = handleProblems(disk)
  if (Exit.isFailure(exit)) {
    const refusal = onlyError(exit.cause)
    if (refusal === undefined)
      return refused(undefined, [...left, { invariant: "I15", message: Cause.pretty(exit.cause) }])
    return refused(refusal, left)
  }
  const { problems, ...found } = exit.value
  return {
    ...found,
    refusal: undefined,
    problems: [...problems, ...left, ...mayLeaveFiles ? [] : shapeProblems(disk, directory)]
  }
}
