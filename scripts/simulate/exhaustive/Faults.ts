/**
 * Every kind of error at every disk call of a store's life, its openings included
 * (I5, I12, I13, I16): typed errors only, and no wait without an end; reads go on
 * after writes have stopped; a table is written again, and nothing is lost; once
 * it has healed, what waited goes on; on reopening, everything that was
 * acknowledged durably is there.
 */
import { Cause, Effect, Exit, Result } from "effect"
import type { Entry, ReadError, StoreOpenError, WriteError } from "../../../src/index.ts"
import type { ReadMode } from "../../../src/table/ReadPolicy.ts"
import { SimulatedDisk, StoreHistory } from "../../../src/testing/index.ts"
import type { DiskCall, Fault, Problem } from "../../../src/testing/index.ts"
import { callInWords, imageOf } from "../../support/diskImages.ts"
import type { ImageMode } from "../../support/diskImages.ts"
import { bytesOf } from "../../support/smallStore.ts"
import type { Store } from "../../support/smallStore.ts"
import { fileKind, retriedSyncs, reusedNames } from "../Mishaps.ts"
import { faultKinds } from "./FaultKinds.ts"
import type { FaultKind } from "./FaultKinds.ts"
import { liveSession, sessions, sparing } from "./Life.ts"
import { sampler } from "./Outcome.ts"
import type { Figures, Outcome, Sample } from "./Outcome.ts"
import { handleProblems, onlyError, readAll, reopen, runGuarded } from "./Reopened.ts"

type StoreError = StoreOpenError | ReadError | WriteError

/** A disk, and what the store on it holds. */
interface Base {
  readonly disk: SimulatedDisk
  readonly entries: ReadonlyArray<Entry>
}

/** One opening of the life. */
interface Opening {
  readonly name: string
  readonly base: Base
  readonly session: (typeof sessions)[number]
  readonly readMode: ReadMode
  /** Its calls when nothing goes wrong. */
  readonly calls: ReadonlyArray<DiskCall>
}

/** What happened to a store on a disk on which something went wrong. */
interface Struck {
  readonly problems: Array<Problem>
  isOpened: boolean
  readOnly: boolean
  /** How often the fault had struck when the store began to close. */
  firedBeforeClose: number
}

/** What an error of the disk may become. */
const expectedErrors: ReadonlySet<string> = new Set(["DiskError", "InvalidArgument", "StoreReadOnly"])

/** What a look at the owner that fails may become: it counts as a loss, and an opening that lost has met another owner. */
const lossErrors: ReadonlySet<string> = new Set(["StoreFenced", "StoreLocked"])

/** Whether what the fault has struck so far may become such an error. */
export const isExpected = (fault: Fault, { _tag }: { readonly _tag: string }): boolean =>
  expectedErrors.has(_tag) || (lossErrors.has(_tag) && fault.struck.some(({ operation }) => operation === "isHeld"))

const judge = (struck: Struck, fault: Fault, name: string, exit: Exit.Exit<unknown, StoreError>): void => {
  if (Exit.isSuccess(exit)) return
  const error = onlyError(exit.cause)
  if (error !== undefined && isExpected(fault, error)) return
  struck.problems.push({
    invariant: "I12",
    message: `${name} ended with ${error?.message ?? Cause.pretty(exit.cause)}`
  })
}

const check = (struck: Struck, invariant: string, isRight: boolean, message: string): void => {
  if (!isRight) struck.problems.push({ invariant, message })
}

/** Writes have stopped: every one is refused at once, and so it stays. */
const checkStopped = (store: Store, struck: Struck) =>
  Effect.forEach(
    [
      ["put", store.put(bytesOf("later"), bytesOf("later"))],
      ["delete", store.delete(bytesOf("a"), { durability: "async" })],
      ["sync", store.sync],
      ["flush", store.flush],
      ["compact", store.compact()]
    ] as const,
    ([name, call]) =>
      Effect.map(Effect.exit(call), (exit) => {
        const error = Exit.isFailure(exit) ? onlyError(exit.cause) : undefined
        check(
          struck,
          "I12",
          error?._tag === "StoreReadOnly",
          `${name} is not refused: ${error?.message ?? "it succeeds"}`
        )
      }),
    { discard: true }
  )

/** The store writes, flushes and compacts as if nothing had been, and nothing waits any more. */
const checkAlive = (store: Store, struck: Struck) =>
  Effect.gen(function*() {
    const works = Effect.gen(function*() {
      yield* store.put(bytesOf("later"), bytesOf("later"))
      yield* store.flush
      yield* store.compact()
      yield* store.sync
    })
    const exit = yield* Effect.exit(works)
    check(
      struck,
      "I13",
      Exit.isSuccess(exit),
      `once healed it fails with ${Exit.isFailure(exit) ? Cause.pretty(exit.cause) : ""}`
    )
    yield* Effect.sleep("1 second")
    const { actors, immutables, log } = yield* store.stats
    check(struck, "I13", immutables.count === 0, `${immutables.count} memtables wait for a flush`)
    check(struck, "I13", log.segments <= 2, `there are ${log.segments} segments`)
    for (const { name, queued, state } of actors) {
      check(struck, "I13", state === "idle" && queued === 0, `${name} is ${state}, and ${queued} messages wait for it`)
    }
  })

/** Once what went wrong is over: the store works, or has stopped for good and answers reads. */
const checkHealed = (store: Store, struck: Struck) =>
  Effect.gen(function*() {
    // Whatever is tried again has been.
    yield* Effect.sleep("1 minute")
    struck.readOnly = (yield* store.stats).readOnly
    yield* struck.readOnly ? checkStopped(store, struck) : checkAlive(store, struck)
    const read = yield* Effect.exit(readAll(store))
    if (Exit.isSuccess(read)) struck.problems.push(...read.value.problems)
    else check(struck, "I12", false, `reads do not go on: ${Cause.pretty(read.cause)}`)
  })

/** One opening of the life on a disk with this fault. */
const strike = ({ base, readMode, session }: Opening, kind: FaultKind, fault: Fault, disk: SimulatedDisk) => {
  const struck: Struck = { problems: [], isOpened: false, readOnly: false, firedBeforeClose: 0 }
  const history = new StoreHistory(base.entries)
  const isForGood = kind.lasts === "for good"
  const life = liveSession(sparing(disk), session, {
    readMode,
    observe: (store) => {
      struck.isOpened = true
      return history.observe(store)
    },
    // What waits for a disk that does not heal is given up.
    attempt: (each) =>
      Effect.map(
        Effect.exit(isForGood ? Effect.timeoutOption(each, "20 seconds") : each),
        (exit) => judge(struck, fault, "a call", exit)
      ),
    beforeClose: (store) =>
      // What is to strike while the store closes must find the calls that it finds in a life without faults.
      Effect.tap(isForGood || fault.fired === 0 ? Effect.void : checkHealed(store, struck), () =>
        Effect.sync(() => {
          struck.firedBeforeClose = fault.fired
        }))
  })
  const result = runGuarded(Effect.exit(life))
  if (Result.isFailure(result)) struck.problems.push(result.failure)
  else judge(struck, fault, "the opening", result.success)
  struck.problems.push(...history.problems(), ...handleProblems(disk))
  return { struck, history }
}

/** Whether writes have stopped if, and only if, the call is one of the log or of the manifest. */
const checkRightStop = (struck: Struck, call: DiskCall, kind: FaultKind, fault: Fault): void => {
  const hasStruckWhileOpen = struck.isOpened && fault.fired > 0 && struck.firedBeforeClose > 0
  if (!hasStruckWhileOpen || kind.lasts !== "once" || kind.isHarmless) return
  const file = fileKind(call.path)
  const isFatal = call.operation === "isHeld"
    || ((file === "segment" || file === "manifest") && writes.has(call.operation))
  if (isFatal) check(struck, "I12", struck.readOnly, "writes go on")
  if (file === "table") check(struck, "I12", !struck.readOnly, "writes stop, though a table can be written again")
}

const writes: ReadonlySet<DiskCall["operation"]> = new Set(["createAppend", "append", "sync"])

/** What becomes of the disk in the end. */
const endings: ReadonlyArray<ImageMode> = ["kill", "synced", "random"]

const faultOutcome = (
  opening: Opening,
  call: DiskCall,
  kind: FaultKind,
  figures: Figures
): Outcome | undefined => {
  const plan = kind.plan(call)
  if (plan === undefined) return undefined
  const disk = opening.base.disk.killImage()
  const fault = disk.fail(plan)
  figures.lives++
  const { history, struck } = strike(opening, kind, fault, disk)
  const { firedBeforeClose, isOpened, problems, readOnly } = struck
  checkRightStop(struck, call, kind, fault)
  problems.push(...reusedNames(disk))
  if (kind.lasts === "once" && kind.isHarmless !== true) problems.push(...retriedSyncs(disk, { failed: [{ call }] }))
  fault.heal()
  const hasClosedWell = isOpened && !readOnly && kind.lasts !== "for good"
    && fault.fired === firedBeforeClose
  const mark = history.mark()
  for (const mode of endings) {
    figures.recoveries++
    const found = reopen(imageOf(disk, mode, call.index))
    problems.push(...found.problems)
    if (found.refusal === undefined) {
      const end = hasClosedWell ? "close" : mode === "kill" ? "kill" : "power cut"
      problems.push(...history.problemsAfter(found.entries, mark, end))
    } else {
      problems.push({ invariant: "I16", message: `after "${mode}" it does not open: ${found.refusal.message}` })
    }
  }
  if (fault.fired === 0)
    problems.push({ invariant: "I12", message: "the fault did not strike: the run is not repeatable" })
  return {
    kind: kind.name,
    answer: !isOpened ? "does not open" : readOnly ? "writes stop" : hasClosedWell ? "goes on" : "closes",
    what: `${opening.name}: ${kind.name} at ${callInWords(call)}`,
    problems
  }
}

const readModes: ReadonlyArray<ReadMode> = ["sync", "async"]

/** The openings of the life, and the calls of each when nothing goes wrong. */
const undisturbed = (): ReadonlyArray<Opening> => {
  const openings: Array<Opening> = []
  let base: Base = { disk: SimulatedDisk.make(), entries: [] }
  for (const [at, session] of sessions.entries()) {
    const before = base
    for (const readMode of readModes) {
      const disk = before.disk.killImage()
      const ended = runGuarded(liveSession(sparing(disk), session, { readMode, observe: (store) => store }))
      if (Result.isFailure(ended)) throw new Error(ended.failure.message)
      // A close can't be refused; and only reads differ from one mode to the other.
      const calls = disk.trace.filter(({ operation }) =>
        readMode === "async" ? operation === "read" : operation !== "close"
      )
      openings.push({ name: `opening ${at}, read by ${readMode} calls`, base: before, session, readMode, calls })
      base = { disk, entries: reopen(disk.killImage()).entries }
    }
  }
  return openings
}

/** All that can go wrong in the life of a store. */
export function* faults(sample: Sample, figures: Figures): Generator<Outcome> {
  const takes = sampler(sample)
  for (const opening of undisturbed()) {
    for (const call of opening.calls) {
      for (const kind of faultKinds) {
        if (!takes()) continue
        const outcome = faultOutcome(opening, call, kind, figures)
        if (outcome !== undefined) yield outcome
      }
    }
  }
}
