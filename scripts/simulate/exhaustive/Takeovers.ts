/**
 * A newcomer at every disk call of a store's life, its openings and closings
 * included, whom no lock keeps out (I26): because it is lost, or because the
 * directory is another one. What either store acknowledged is there afterwards or
 * was refused; nothing of one is harmed by the other.
 *
 * A newcomer that lives within one call finds the old store stopped, as a process
 * may be for long: nothing of it runs meanwhile, and its clock has gone on when it
 * does again.
 */
import { Cause, Clock, Deferred, Effect, Exit, Fiber, Result } from "effect"
import { highestGeneration, storeFiles } from "../../../src/engine/FileNames.ts"
import type { Entry, ReadError, StoreOpenError, WriteError } from "../../../src/index.ts"
import { SimulatedDisk, StoreHistory } from "../../../src/testing/index.ts"
import type { DiskCall, HistoryMark, Problem } from "../../../src/testing/index.ts"
import { callInWords, fingerprint } from "../../support/diskImages.ts"
import { bytesOf, openStore, padded, runSeed } from "../../support/smallStore.ts"
import type { Store } from "../../support/smallStore.ts"
import { directory, lifeOptions, liveSession, sessions, sparing } from "./Life.ts"
import { sampler } from "./Outcome.ts"
import type { Figures, Outcome, Sample } from "./Outcome.ts"
import { handleProblems, onlyError, readAll, reopen, runGuarded } from "./Reopened.ts"

type StoreError = StoreOpenError | ReadError | WriteError

/** Where the old store's directory is when another stands in its place. */
const moved = "/moved"

/** Milliseconds for which the old store stands still. */
const stopped = 60_000

/** What becomes of the directory, and who comes. */
interface Variant {
  readonly name: string
  /** The place is taken by a new, empty directory; otherwise only the lock is lost. */
  readonly isMoved: boolean
  /**
   * How many come one after the other, each within one call of the one before, and are gone when that goes on. `"beside"`:
   * one, which stays until the old store has closed.
   */
  readonly newcomers: 0 | 1 | 2 | "beside"
  /** For what a newcomer leaves to chance: a new store's generation lies above the old one's, or below. */
  readonly seed: number
  /** At one call of so many. */
  readonly every: number
}

const variants: ReadonlyArray<Variant> = [
  { name: "the lock lost, and a newcomer while it stands still", isMoved: false, newcomers: 1, seed: 2, every: 1 },
  { name: "the lock lost, and a newcomer that stays", isMoved: false, newcomers: "beside", seed: 2, every: 2 },
  { name: "the lock lost twice", isMoved: false, newcomers: 2, seed: 2, every: 3 },
  { name: "the directory moved, and a newcomer that stays", isMoved: true, newcomers: "beside", seed: 2, every: 3 },
  { name: "the directory moved, and a newcomer", isMoved: true, newcomers: 1, seed: 2, every: 4 },
  { name: "the directory moved, and another newcomer", isMoved: true, newcomers: 1, seed: 3, every: 4 },
  { name: "the directory made again, and nobody", isMoved: true, newcomers: 0, seed: 2, every: 4 }
]

/** One opening of the life. */
interface Opening {
  readonly name: string
  readonly disk: SimulatedDisk
  readonly entries: ReadonlyArray<Entry>
  readonly session: (typeof sessions)[number]
  /** Its calls when nothing goes wrong. */
  readonly calls: ReadonlyArray<DiskCall>
}

/** A store that was opened, and what it is to leave. */
interface Stay {
  readonly history: StoreHistory
  /** What it found. */
  readonly entries: ReadonlyArray<Entry>
  /** The old store's history when it was open. */
  readonly opened: HistoryMark
}

/** Reads on with the time that it stood still. */
class StoppedClock implements Clock.Clock {
  stoppedFor = 0
  readonly currentTimeMillis = Effect.sync(() => this.currentTimeMillisUnsafe())
  readonly currentTimeNanos = Effect.sync(() => this.currentTimeNanosUnsafe())
  readonly monotonicTimeNanos = Effect.sync(() => this.monotonicTimeNanosUnsafe())
  readonly #inner: Clock.Clock

  constructor(inner: Clock.Clock) {
    this.#inner = inner
  }

  currentTimeMillisUnsafe(): number {
    return this.#inner.currentTimeMillisUnsafe() + this.stoppedFor
  }

  currentTimeNanosUnsafe(): bigint {
    return this.#inner.currentTimeNanosUnsafe() + BigInt(this.stoppedFor) * 1_000_000n
  }

  monotonicTimeNanosUnsafe(): bigint {
    return this.#inner.monotonicTimeNanosUnsafe() + BigInt(this.stoppedFor) * 1_000_000n
  }

  sleep(duration: Parameters<Clock.Clock["sleep"]>[0]): Effect.Effect<void> {
    return this.#inner.sleep(duration)
  }
}

/** What a newcomer does first. */
const write = (store: Store, name: string) =>
  Effect.gen(function*() {
    yield* store.put(bytesOf("a"), padded(name, 40))
    yield* store.put(bytesOf(name), padded(name, 9_000), { durability: "buffered" })
    yield* store.delete(bytesOf("first"), { durability: "async" })
    yield* store.flush
    yield* store.put(bytesOf("filling"), padded(name, 9_000), { durability: "async" })
  })

/** And once the old store has gone. */
const writeMore = (store: Store, name: string) =>
  Effect.andThen(
    store.put(bytesOf("later"), padded(name, 40)),
    store.compact()
  )

const expected: ReadonlySet<string> = new Set(["StoreReadOnly", "StoreFenced"])

/** One case: the old store, what happens to its directory, and what came of it. */
class Case {
  readonly problems: Array<Problem> = []
  readonly disk: SimulatedDisk
  readonly history: StoreHistory
  answer = "gone before"
  readonly #figures: Figures
  readonly #opening: Opening
  readonly #variant: Variant
  readonly #at: DiskCall
  readonly #clock: { current: StoppedClock | undefined } = { current: undefined }
  readonly #begun = Deferred.makeUnsafe<void>()
  readonly #closed = Deferred.makeUnsafe<void>()
  /** The newest store at the path, if it has opened. */
  #newest: Stay | undefined
  #isOpen = false
  #isTaken = false
  /** The old store's history when its owner file went. */
  #lost: HistoryMark | undefined

  constructor(opening: Opening, variant: Variant, at: DiskCall, figures: Figures) {
    this.#figures = figures
    this.#opening = opening
    this.#variant = variant
    this.#at = at
    this.disk = opening.disk.killImage()
    this.history = new StoreHistory(opening.entries)
  }

  run(): void {
    const { disk, history } = this
    const { newcomers } = this.#variant
    const stop = disk.onCall((call, phase) => {
      if (phase !== "before" || call.index !== this.#at.index) return
      stop()
      this.#take(call)
    })
    const program = Effect.gen({ self: this }, function*() {
      const clock = new StoppedClock(yield* Effect.clockWith(Effect.succeed))
      this.#clock.current = clock
      const beside = newcomers === "beside" ? yield* Effect.forkChild(this.#liveBeside) : undefined
      const exit = yield* Effect.exit(Effect.provideService(this.#old, Clock.Clock, clock))
      if (Exit.isFailure(exit)) this.#judgeOpening(exit.cause)
      yield* Deferred.succeed(this.#closed, undefined)
      if (beside === undefined) return
      if (!(yield* Deferred.isDone(this.#begun))) yield* Fiber.interrupt(beside)
      yield* Fiber.await(beside)
    })
    const result = runGuarded(program)
    if (Result.isFailure(result)) this.problems.push(result.failure)
    // Where another fiber waits beside it, it may look once less.
    const isShorter = disk.calls <= this.#at.index
    if (!this.#isTaken && !isShorter) this.#fail("nobody came: the run is not repeatable")
    this.problems.push(...history.problems(), ...handleProblems(disk))
    this.#checkOld()
    this.#checkLeft()
  }

  readonly #old = Effect.suspend(() =>
    liveSession(sparing(this.disk), this.#opening.session, {
      observe: (store) => {
        this.#isOpen = true
        return this.history.observe(store)
      },
      attempt: (each) => Effect.map(Effect.exit(each), (exit) => this.#judge(exit))
    })
  )

  /** The old store's directory is taken, right before a call of it. */
  #take(call: DiskCall): void {
    const { disk } = this
    const { isMoved, newcomers, seed } = this.#variant
    this.#isTaken = true
    this.answer = this.#isOpen ? "open" : "opening"
    if (isMoved) {
      disk.move(directory, moved)
      this.#lost = this.history.mark()
    } else {
      disk.dropLocks()
      this.#watchLoss()
    }
    if (newcomers === "beside") {
      Deferred.doneUnsafe(this.#begun, Exit.void)
      return
    }
    if (newcomers === 0) runSeed(disk.service.makeDirectory(directory), seed)
    else this.#newest = this.#visit(newcomers, seed, call.index)
    const clock = this.#clock.current
    if (clock !== undefined) clock.stoppedFor = stopped
  }

  #watchLoss(): void {
    const { disk } = this
    const own = highestGeneration(storeFiles(disk.files().map((path) => path.slice(path.lastIndexOf("/") + 1))))
    const stop = disk.onCall(({ operation, path }, phase) => {
      if (phase !== "after" || operation !== "remove" || !path.endsWith(`/OWNER-${own}`)) return
      stop()
      this.#lost = this.history.mark()
    })
  }

  /** A newcomer that lives from its opening to its close while nothing else runs, or loses the directory meanwhile. */
  #visit(newcomers: number, seed: number, index: number): Stay | undefined {
    const { disk } = this
    const name = `newcomer ${newcomers}`
    let stay: Stay | undefined
    let next: Stay | undefined
    // Another one comes at some call of this one.
    let left = newcomers > 1 ? 20 + index % 60 : Infinity
    const stop = disk.onCall((_, phase) => {
      if (phase !== "before" || left-- > 0) return
      stop()
      disk.dropLocks()
      next = this.#visit(newcomers - 1, seed + 10, index)
    })
    const program = Effect.scoped(Effect.gen({ self: this }, function*() {
      const store = yield* openStore(sparing(disk), lifeOptions)
      const opened = this.history.mark()
      const { entries, problems } = yield* readAll(store)
      this.problems.push(...problems)
      const history = new StoreHistory(entries)
      stay = { history, entries, opened }
      yield* write(history.observe(store), name)
    }))
    const run = <A, E>(effect: Effect.Effect<A, E>): A =>
      runSeed(Effect.ensuring(effect, Effect.sleep("1 minute")), seed, { yieldChance: 0, order: "oldest" })
    const result = runGuarded(Effect.exit(program), run)
    stop()
    if (Result.isFailure(result)) this.problems.push(result.failure)
    else if (Exit.isFailure(result.success)) {
      if (next === undefined) this.#fail(`${name} ends with ${Cause.pretty(result.success.cause)}`)
      else if (stay === undefined) this.#judgeLoss(result.success.cause)
      else this.#judge(result.success)
    }
    if (next === undefined || stay === undefined) return next ?? stay
    const { entries, history } = stay
    this.problems.push(
      ...history.problems(),
      ...history.problemsAfter(next.entries, history.mark(), "power cut"),
      ...next.entries.length < entries.length - 2 ? [{ invariant: "I26", message: "entries are lost" }] : []
    )
    return next
  }

  readonly #liveBeside = Effect.scoped(Effect.gen({ self: this }, function*() {
    yield* Deferred.await(this.#begun)
    const store = yield* openStore(sparing(this.disk), lifeOptions)
    const opened = this.history.mark()
    const { entries, problems } = yield* readAll(store)
    this.problems.push(...problems)
    const history = new StoreHistory(entries)
    this.#newest = { history, entries, opened }
    const observed = history.observe(store)
    yield* write(observed, "beside")
    yield* Deferred.await(this.#closed)
    yield* writeMore(observed, "beside")
  })).pipe(Effect.catchCause((cause) =>
    Effect.sync(() => {
      const error = onlyError(cause)
      if (error !== undefined && this.#mayRefuse(error)) this.answer = "refused for a stray file"
      else this.#fail(`a newcomer ends with ${Cause.pretty(cause)}`)
    })
  ))

  /** What the old store must have left to whoever has come, and what it may not have acknowledged. */
  #checkOld(): void {
    const { history } = this
    const { isMoved, newcomers } = this.#variant
    const lost = this.#lost
    const end = history.mark()
    if (lost !== undefined) {
      const count = history.acknowledgedSince(lost, "sync")
      if (count > 0) this.#fail(`${count} writes are acknowledged at "sync" that began after the loss`)
      const late = newcomers === "beside" ? 0 : history.acknowledgedSince(lost)
      if (late > 0) this.#fail(`${late} writes are acknowledged that began after it had stood still`)
    }
    if (isMoved) {
      this.#figures.recoveries++
      const found = reopen(this.disk.killImage(), {
        options: { ...lifeOptions, directory: moved },
        mayLeaveFiles: true
      })
      this.#checkRefusal("the store that was moved", found.refusal)
      this.problems.push(...found.problems, ...history.problemsAfter(found.entries, end, "kill"))
      if ((this.#newest?.entries.length ?? 0) > 0) this.#fail("a new store holds something")
    } else if (this.#newest !== undefined && newcomers !== 2) {
      const { entries, opened } = this.#newest
      this.problems.push(
        ...history.problemsAfter(entries, lost ?? opened, "kill", opened),
        ...history.problemsAfter(entries, end, newcomers === "beside" ? "power cut" : "kill", opened)
      )
    }
  }

  /** What is found at the path in the end. */
  #checkLeft(): void {
    const stay = this.#newest
    const images = [this.disk.killImage(), this.disk.crashImage("synced")]
    const different = new Map(images.map((image) => [fingerprint(image), image]))
    for (const image of different.values()) {
      this.#figures.recoveries++
      const found = reopen(image)
      this.#checkRefusal("what is left", found.refusal)
      if (found.refusal !== undefined) return
      this.problems.push(...found.problems)
      if (stay === undefined) continue
      const { history } = stay
      this.problems.push(...history.problems(), ...history.problemsAfter(found.entries, history.mark(), "close"))
    }
  }

  #checkRefusal(what: string, refusal: StoreError | undefined): void {
    if (refusal === undefined) return
    if (this.#mayRefuse(refusal)) this.answer = "refused for a stray file"
    else this.#fail(`${what} does not open: ${refusal.message}`)
  }

  /**
   * A file that the old store has made in another directory, before it looked again, can't be told from what is left of
   * a store that has lost its CURRENT: who finds it before there is one refuses the directory.
   */
  #mayRefuse(error: StoreError): boolean {
    const { isMoved } = this.#variant
    return isMoved && error._tag === "StoreCorrupted" && error.reason.startsWith("it is missing, but ")
  }

  #judge(exit: Exit.Exit<unknown, StoreError>): void {
    if (Exit.isSuccess(exit)) return
    const error = onlyError(exit.cause)
    if (!this.#isTaken || error === undefined || !expected.has(error._tag))
      this.#fail(`a call ends with ${Cause.pretty(exit.cause)}`)
  }

  #judgeOpening(cause: Cause.Cause<StoreError>): void {
    if (this.#isTaken && !this.#isOpen) this.#judgeLoss(cause)
    else this.#fail(`it ends with ${Cause.pretty(cause)}`)
  }

  /** An opening that is overtaken. */
  #judgeLoss(cause: Cause.Cause<StoreError>): void {
    const error = onlyError(cause)
    const isLost = error?._tag === "StoreLocked" || error?._tag === "StoreFenced"
      || (this.#variant.isMoved && error?._tag === "DiskError" && error.code === "ENOENT")
    if (!isLost) this.#fail(`an opening that is overtaken ends with ${Cause.pretty(cause)}`)
  }

  #fail(message: string): void {
    this.problems.push({ invariant: "I26", message })
  }
}

/** The openings of the life, and the calls of each when nothing goes wrong. */
const undisturbed = (): ReadonlyArray<Opening> => {
  let left = { disk: SimulatedDisk.make(), entries: [] as ReadonlyArray<Entry> }
  return sessions.map((session, at) => {
    const before = left
    const disk = before.disk.killImage()
    const ended = runGuarded(liveSession(sparing(disk), session, { observe: (store) => store }))
    if (Result.isFailure(ended)) throw new Error(ended.failure.message)
    const claim = disk.trace.findIndex(({ operation }) => operation === "claim")
    left = { disk, entries: reopen(disk.killImage()).entries }
    const { disk: base, entries } = before
    return { name: `opening ${at}`, disk: base, entries, session, calls: disk.trace.slice(claim + 1) }
  })
}

/** Everybody who may come, at every call from the old store's claim to its last. */
export function* takeovers(sample: Sample, figures: Figures): Generator<Outcome> {
  const takes = sampler(sample)
  for (const opening of undisturbed()) {
    for (const [nth, call] of opening.calls.entries()) {
      for (const [each, variant] of variants.entries()) {
        if ((nth + each) % variant.every !== 0 || !takes()) continue
        figures.lives++
        const taken = new Case(opening, variant, call, figures)
        taken.run()
        yield {
          kind: variant.name,
          answer: taken.answer,
          what: `${opening.name}: ${variant.name}, at ${callInWords(call)}`,
          problems: taken.problems
        }
      }
    }
  }
}
