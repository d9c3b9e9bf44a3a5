/** How stores are opened, and how a life or an opening is cut short. */
import { Cause, Context, Effect, Exit, Layer, Option, Scope } from "effect"
import { LsmStore } from "../../src/index.ts"
import type { Entry, StoreOpenError, StoreOptions } from "../../src/index.ts"
import { interruptAtYield, SeededRandom, shapeProblems } from "../../src/testing/index.ts"
import type { DiskCall, SimulatedDisk } from "../../src/testing/index.ts"
import { contentProblems, inspectStore } from "./inspectStore.ts"
import { isOneOf, Mishaps, retriedSyncs, reusedNames } from "./Mishaps.ts"
import type { Attempt, Crash, End, Kill, PlannedOptions } from "./Plan.ts"
import type { Run } from "./Run.ts"
import { directory, storeOptions } from "./storeOptions.ts"

export const openStore = (
  disk: SimulatedDisk,
  options: PlannedOptions,
  scope: Scope.Scope,
  others: Pick<Partial<StoreOptions>, "readOnly" | "directory"> = {}
): Effect.Effect<LsmStore["Service"], StoreOpenError> => {
  const layer = LsmStore.layer({ ...storeOptions(options), ...others })
  return Effect.map(
    Scope.provide(Layer.build(Layer.provide(layer, disk.layer)), scope),
    (context) => Context.get(context, LsmStore)
  )
}

export interface Ended {
  /** How it ended, if before its time. */
  end: "power cut" | "kill" | undefined
}

/** Calls back once, right before the call that is meant. */
export const watchMoment = (
  disk: SimulatedDisk,
  { call: nth, of }: Pick<Kill, "call" | "of">,
  onMoment: (call: DiskCall) => void
): void => {
  let left = nth
  const stop = disk.onCall((call, phase) => {
    if (phase !== "before" || (of !== undefined && !isOneOf(of, call)) || left-- > 0) return
    stop()
    onMoment(call)
  })
}

/** What is found on the disk after that. */
export const imageOf = (disk: SimulatedDisk, end: Crash | Kill, random: SeededRandom): SimulatedDisk =>
  end._tag === "Crash" ? disk.crashImage(end.mode, random) : disk.killImage()

/**
 * Ends what happens on the run's disk right before the call that the end names:
 * from then on no call has any effect, and the run goes on with what is left.
 */
export const watchEnd = (run: Run, end: End, seed: number, onEnd: () => void): Ended => {
  const ended: Ended = { end: undefined }
  const { disk } = run
  if (end._tag === "Close") return ended
  watchMoment(disk, end, () => {
    ended.end = end._tag === "Crash" ? "power cut" : "kill"
    run.counts.add("crashes", end._tag === "Crash" ? end.mode : "kill")
    run.disk = run.clear(imageOf(disk, end, new SeededRandom(seed)))
    disk.powerCut()
    onEnd()
  })
  return ended
}

/** What is owed after an opening was cut short too: what a kill has left in the page cache a power cut may take. */
export const owesAfter = (run: Run, { end }: Ended): void => {
  if (end === "power cut" && (run.owed?.end === "kill" || run.owed?.isCached === true)) {
    run.owed = { ...run.owed, end, isCached: false }
  }
}

/** Opens the store on the run's disk, which does not have to succeed, and closes it. */
export const runAttempt = (run: Run, attempt: Attempt, options: PlannedOptions): void => {
  const { disk } = run
  const mishaps = new Mishaps()
  const ended = watchEnd(run, attempt.end, attempt.seed, () => {
    mishaps.isDead = true
  })
  if (attempt.fault !== undefined) mishaps.plant(disk, attempt.fault)
  const opening = Effect.gen(function*() {
    const scope = yield* Scope.make()
    const open = openStore(disk, options, scope)
    const { exit, struck } = attempt.interruptAt === undefined
      ? { exit: yield* Effect.exit(open), struck: false }
      : yield* interruptAtYield(open, attempt.interruptAt)
    yield* Scope.close(scope, Exit.void)
    return { exit, struck }
  })
  const outcome = run.simulate(disk, opening, {
    seed: attempt.seed,
    faults: attempt.fault === undefined ? [] : [attempt.fault]
  })
  for (const { call } of mishaps.struck) run.counts.add("faults within recovery", call.operation)
  run.checked(["I12"], [...retriedSyncs(disk, mishaps), ...reusedNames(disk)])
  if (ended.end !== undefined) run.counts.add("crashes within recovery", attempt.end._tag)
  owesAfter(run, ended)
  if (Exit.isFailure(outcome)) return
  const { exit, struck } = outcome.value
  if (struck) run.counts.add("interrupts", "open")
  if (Exit.isSuccess(exit)) return
  const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  const isExcused = error === undefined
    ? struck && Cause.hasInterruptsOnly(exit.cause)
    : mishaps.excusesOpening(error)
  if (!isExcused) run.problem("I12", `an opening failed: ${Cause.pretty(exit.cause)}`)
}

const changes = new Set([
  "createAppend",
  "claim",
  "append",
  "sync",
  "makeDirectory",
  "rename",
  "remove",
  "syncDirectory"
])

/** Opens the store on the run's disk for reading: it finds what a writer would, and changes nothing. */
export const openReadOnly = (
  run: Run,
  { seed }: Pick<Attempt, "seed">,
  options: PlannedOptions,
  expected: ReadonlyArray<Entry> | undefined
): void => {
  const { disk } = run
  const program = Effect.scoped(Effect.gen(function*() {
    const store = yield* openStore(disk, options, yield* Effect.scope, { readOnly: true })
    const { content, problems } = yield* inspectStore(store)
    run.checked(["I10"], problems)
    if (expected !== undefined) run.checked(["I10"], contentProblems("a read-only opening", content, expected))
    for (const write of [store.put(new Uint8Array(1), new Uint8Array(1)), store.flush, store.compact()]) {
      const error = yield* Effect.flip(write)
      if (error._tag !== "StoreReadOnly")
        run.problem("I10", `a write to a store that was opened for reading: ${error._tag}`)
    }
  }))
  const exit = run.simulate(disk, program, { seed })
  run.counts.add("run", "read-only openings")
  // Without a store there is nothing to read.
  if (Exit.isFailure(exit) && expected?.length !== 0)
    run.problem("I16", `no read-only opening: ${Cause.pretty(exit.cause)}`)
  const changed = disk.trace.find(({ operation }) => changes.has(operation))
  run.checked(
    ["I10"],
    changed === undefined ? [] : [{
      invariant: "I10",
      message: `a read-only opening calls ${changed.operation} of ${changed.path}`
    }]
  )
}

/** All that the store on the run's disk holds, and a copy of the disk on which it was closed; undefined if there is a problem. */
export const contentOf = (
  run: Run,
  options: PlannedOptions,
  seed: number,
  at = directory
): { readonly content: ReadonlyArray<Entry>; readonly closed: SimulatedDisk } | undefined => {
  const closed = run.disk.killImage()
  const program = Effect.scoped(Effect.gen(function*() {
    const store = yield* openStore(closed, options, yield* Effect.scope, { directory: at })
    return yield* inspectStore(store)
  }))
  const exit = run.simulate(closed, program, { seed })
  if (Exit.isSuccess(exit)) {
    run.checked(["I10"], exit.value.problems)
    run.checked(["I2", "I9", "I11"], shapeProblems(closed, at))
    return { content: exit.value.content, closed }
  }
  run.problem("I16", `the store does not open: ${Cause.pretty(exit.cause)}`)
  return undefined
}
