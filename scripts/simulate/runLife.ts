/** One life of a store: opened, used by some fibers while things go wrong, and brought to its end. */
import { Cause, Deferred, Effect, Exit, Fiber, Option, Scope } from "effect"
import { StoreActorHook } from "../../src/engine/ActorHook.ts"
import type { Entry, LsmStore, ReadError, StoreOpenError, StoreStats, WriteError } from "../../src/index.ts"
import { interruptAtYield, settledProblems, StoreHistory } from "../../src/testing/index.ts"
import type { Interrupted } from "../../src/testing/index.ts"
import { closedProblems, shapeAtRest } from "./closedStore.ts"
import { followEvents } from "./followEvents.ts"
import { checkGlimpses, takeGlimpses } from "./glimpses.ts"
import { contentProblems, inspectStore } from "./inspectStore.ts"
import { inWords, LifeState } from "./LifeState.ts"
import { highestSequence } from "./logSequences.ts"
import { retriedSyncs, reusedNames } from "./Mishaps.ts"
import { contentOf, openStore, owesAfter, watchEnd } from "./opening.ts"
import type { Ended } from "./opening.ts"
import { checkAbsent, Hand, performOperation } from "./performOperation.ts"
import type { Stage } from "./performOperation.ts"
import type { Life, Operation } from "./Plan.ts"
import type { Owed, Run } from "./Run.ts"
import { Takeover } from "./Takeover.ts"
import { bank, bankEntries } from "./Workload.ts"

type Store = LsmStore["Service"]

/** What a store holds that has just been opened, and the history that begins there. */
interface Verified {
  readonly content: ReadonlyArray<Entry>
  readonly history: StoreHistory
}

/** Looks at all that a store holds that has just been opened, and begins a history there. */
const look = (
  state: LifeState,
  store: Store
): Effect.Effect<Verified & { readonly sequence: number }, ReadError> =>
  Effect.map(Effect.all([inspectStore(store), store.stats]), ([{ content, problems }, { sequence }]) => {
    const { run } = state
    run.checked(["I10"], problems)
    run.checked(["I4"], bank.problems(bankEntries(content), "I4"))
    state.firstSequence = sequence
    const history = new StoreHistory(content)
    state.history = history
    return { history, content, sequence }
  })

/** Looks whether recovery has found what the last life left. */
const verify = (
  state: LifeState,
  store: Store,
  expected: ReadonlyArray<Entry> | undefined
): Effect.Effect<Verified, ReadError> =>
  Effect.map(look(state, store), ({ content, history, sequence }) => {
    const { run } = state
    if (run.owed !== undefined) run.checkOwed(run.owed, content, sequence)
    if (expected !== undefined)
      run.checked(["I16"], contentProblems("the last of several openings", content, expected, "I16"))
    return { history, content }
  })

/** Interrupts the effect after so many yields of the fiber that started it, wherever it waits. */
const interruptAfterYields = <A, E>(effect: Effect.Effect<A, E>, yields: number): Effect.Effect<Interrupted<A, E>> =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect)
    for (let left = yields; left > 0 && fiber.pollUnsafe() === undefined; left--) yield* Effect.yieldNow
    const struck = fiber.pollUnsafe() === undefined
    yield* Fiber.interrupt(fiber)
    return { exit: yield* Fiber.await(fiber), struck }
  })

/** Interrupts the effect if and where the operation says so. */
const interrupted = <A, E>(
  effect: Effect.Effect<A, E>,
  { interruptAfter, interruptAt }: Operation
): Effect.Effect<Interrupted<A, E>> =>
  interruptAt !== undefined
    ? interruptAtYield(effect, interruptAt)
    : interruptAfter !== undefined
    ? interruptAfterYields(effect, interruptAfter)
    : Effect.map(Effect.exit(effect), (exit) => ({ exit, struck: false }))

/** One operation, interrupted if the plan says so. */
const perform = (
  state: LifeState,
  stage: Stage,
  hand: Hand,
  operation: Operation,
  name: string
): Effect.Effect<void> => {
  const { counts } = state.run
  counts.add("operations", operation._tag)
  const performed = Effect.withFiber<void, ReadError | WriteError>((fiber) => {
    if (state.isLossKnown) state.knowing.add(fiber)
    return performOperation(stage, hand, operation, name)
  })
  const ending = interrupted(performed, operation)
  return Effect.flatMap(ending, ({ exit, struck }) => {
    if (struck) counts.add("interrupts", operation._tag)
    state.judge(operation._tag, exit)
    const isRefused = Exit.isFailure(exit)
      && Option.getOrUndefined(Cause.findErrorOption(exit.cause))?._tag === "StoreReadOnly"
    return Effect.andThen(isRefused ? checkAbsent(stage, operation, name) : Effect.void, state.look(stage.store))
  })
}

const startFibers = (state: LifeState, stage: Stage) =>
  Effect.forEach(state.life.fibers, (operations, fiber) => {
    const hand = new Hand()
    const program = Effect.forEach(
      operations,
      (operation, at) => perform(state, stage, hand, operation, `${state.index}.${fiber}.${at}`),
      { discard: true }
    )
    return Effect.forkChild(Effect.ensuring(program, hand.release))
  })

const pinProblem = ({ snapshots }: StoreStats): string | undefined =>
  snapshots.count === 0 ? undefined : `${snapshots.count} snapshots are left`

/** Waits until the store has come to rest. */
const settle = (state: LifeState, store: Store): Effect.Effect<void> =>
  Effect.gen(function*() {
    const { died, life, mishaps, run } = state
    const problems = yield* Effect.raceFirst(settledProblems(store), Effect.as(Deferred.await(died), []))
    if (mishaps.mayHaveStopped) return
    run.checked(["I13", "I14"], problems)
    if (mishaps.isQuiet) run.check("I13", shapeAtRest(run.disk, life.options, yield* store.stats))
  })

/** Opens the bank if there is none; whether there is one then. */
const openBank = (state: LifeState, store: Store, content: ReadonlyArray<Entry>): Effect.Effect<boolean> =>
  bankEntries(content).length > 0
    ? Effect.succeed(true)
    : Effect.map(Effect.exit(store.write(bank.opening())), (exit) => {
      state.judge("Transfer", exit)
      return Exit.isSuccess(exit)
    })

/** A store that has lost its directory still answers, from what it has open. */
const lastLook: Operation = { _tag: "Scan", range: {}, reverse: false }

/** The life while the store is open; gives the fibers that may still run. */
const use = (state: LifeState, opened: Store, { content, history }: Verified) =>
  Effect.gen(function*() {
    const { life, mishaps, run } = state
    const store = history.observe(opened, { durability: life.options.durability })
    const events = yield* Effect.forkChild(followEvents(run, store))
    for (const fault of life.faults) mishaps.plant(run.disk, fault)
    const stage: Stage = {
      store,
      isBankOpen: yield* openBank(state, store, content),
      check: (invariant, problem) => run.check(invariant, problem),
      checked: (invariant, problems) => run.checked([invariant], problems),
      committed: state.committed
    }
    const fibers = yield* startFibers(state, stage)
    const after = life.end._tag === "Close" ? life.end.after : undefined
    yield* Effect.raceAll([
      Effect.exit(Fiber.joinAll(fibers)),
      Deferred.await(state.died),
      ...(after === undefined ? [] : [Effect.sleep(after)])
    ])
    if (mishaps.isDead) yield* Effect.forEach(fibers, Fiber.interrupt, { concurrency: "unbounded" })
    else if (state.isLossKnown) yield* perform(state, stage, new Hand(), lastLook, `${state.index}.last`)
    else if (life.settles && after === undefined) yield* settle(state, store)
    return [events, ...fibers]
  })

const countFigures = ({ counts }: Run, { actors, compaction, flushes, rotations }: StoreStats): void => {
  counts.add("engine", "rotations", rotations)
  counts.add("engine", "flushes", flushes)
  counts.add("engine", "compactions", compaction.count)
  counts.add("engine", "tables moved", compaction.moved)
  counts.add("engine", "restarts", actors.reduce((sum, { restarts }) => sum + restarts, 0))
}

/** The other store's life, if it comes to that. */
const liveBeside = (takeover: Takeover): Effect.Effect<void> =>
  Effect.gen(function*() {
    const { begun, disk, firstClosed, planned, rival } = takeover
    const { mishaps, run } = rival
    yield* Deferred.await(begun)
    const scope = yield* Scope.make()
    const opened = yield* Effect.exit(Effect.gen(function*() {
      const store = yield* openStore(disk, rival.life.options, scope)
      const mark = takeover.opened()
      const { content, history, sequence } = yield* look(rival, store)
      takeover.found = { mark, content, sequence }
      return { store, found: { content, history } }
    }))
    let running: ReadonlyArray<Fiber.Fiber<void>> = []
    if (Exit.isSuccess(opened)) running = yield* use(rival, opened.value.store, opened.value.found)
    else {
      const error = Option.getOrUndefined(Cause.findErrorOption(opened.cause))
      const isExcused = error !== undefined
        && (mishaps.excusesOpening(error)
          || (error._tag === "StoreCorrupted" && takeover.isRefused(disk))
          || (error._tag === "StoreLocked" && takeover.isOutnumbered(disk)))
      if (!isExcused)
        run.problem("I26", `a second store does not open: ${inWords(opened.cause)}`)
    }
    if (planned.outlives) yield* Effect.raceFirst(Deferred.await(firstClosed), Deferred.await(rival.died))
    mishaps.isClosing = true
    yield* Effect.uninterruptible(Scope.close(scope, Exit.void))
    yield* Effect.forEach(running, Fiber.await, { discard: true })
    if (Exit.isSuccess(opened)) countFigures(run, yield* opened.value.store.stats)
  })

/** The life, and what takes its directory over. */
const liveTogether = (
  state: LifeState,
  takeover: Takeover | undefined,
  expected: ReadonlyArray<Entry> | undefined
): Effect.Effect<void> =>
  takeover === undefined ? live(state, expected) : Effect.gen(function*() {
    const late = yield* Effect.forkChild(takeover.late)
    const rival = yield* Effect.forkChild(liveBeside(takeover))
    yield* live(state, expected)
    yield* Deferred.succeed(takeover.firstClosed, undefined)
    if (!(yield* Deferred.isDone(takeover.begun))) yield* Fiber.interrupt(rival)
    yield* Fiber.await(rival)
    yield* Fiber.interrupt(late)
    const { mishaps } = takeover.rival
    const isInOrder = takeover.found !== undefined && !mishaps.isDead && mishaps.failed.length === 0
    if (isInOrder) state.run.checked(["I2", "I9", "I11"], takeover.shapeProblems())
  })

/** Who is overtaken as it opens says that another has the directory; or that there is none, if so it is. */
const isLoss = ({ life, mishaps }: LifeState, cause: Cause.Cause<StoreOpenError | ReadError>): boolean => {
  const error = Option.getOrUndefined(Cause.findErrorOption(cause))
  if (!mishaps.isOvertaken || error === undefined) return false
  return error._tag === "StoreLocked" || error._tag === "StoreFenced"
    || (error._tag === "DiskError" && error.code === "ENOENT" && life.rival?.how === "directory moved")
}

const live = (state: LifeState, expected: ReadonlyArray<Entry> | undefined): Effect.Effect<void> =>
  Effect.gen(function*() {
    const { life, mishaps, run } = state
    const scope = yield* Scope.make()
    const opened = yield* Effect.exit(Effect.gen(function*() {
      const store = yield* openStore(run.disk, life.options, scope)
      state.store = store
      return { store, found: yield* verify(state, store, expected) }
    }))
    let running: ReadonlyArray<Fiber.Fiber<void>> = []
    if (Exit.isSuccess(opened)) running = yield* use(state, opened.value.store, opened.value.found)
    else if (!mishaps.isDead && !isLoss(state, opened.cause))
      run.problem("I16", `the store does not open: ${inWords(opened.cause)}`)

    mishaps.isClosing = true
    const close = Effect.uninterruptible(Scope.close(scope, Exit.void))
    const interruptAt = life.end._tag === "Close" ? life.end.interruptAt : undefined
    if (interruptAt !== undefined) yield* interruptAtYield(close, interruptAt)
    yield* close
    yield* Effect.forEach(running, Fiber.await, { discard: true })
    if (Exit.isFailure(opened)) return
    const stats = yield* opened.value.store.stats
    run.check("I14", pinProblem(stats))
    state.checkChanges(stats)
    if (!mishaps.mayLeaveFiles) run.checked(["I2", "I9", "I11"], closedProblems(run.disk, stats))
    countFigures(run, stats)
  }).pipe(Effect.provideService(StoreActorHook, state.hook))

const owedAfter = (state: LifeState, history: StoreHistory, ended: Ended): Owed => ({
  history,
  mark: state.mark ?? history.mark(),
  end: ended.end ?? state.end,
  sequence: state.lastSequence
})

/** The directory is the rival's, if it has opened. */
const owesAfterTakeover = (state: LifeState, takeover: Takeover, ended: Ended): void => {
  const { rival } = takeover
  const { run } = state
  run.clear(run.disk)
  run.seenSequence = takeover.isMove ? 0 : Math.max(state.seenSequence, rival.seenSequence)
  if (rival.history !== undefined) {
    run.checked(["I1", "I3", "I8"], rival.history.problems())
    run.owed = owedAfter(rival, rival.history, ended)
  } else if (state.history !== undefined && !takeover.isMove) {
    // What it has acknowledged at other levels since may be behind what the rival has read.
    run.owed = { ...owedAfter(state, state.history, ended), end: "power cut", isCached: ended.end !== "power cut" }
  } else if (takeover.isMove) {
    run.owed = takeover.owed("power cut")
  } else {
    owesAfter(run, ended)
  }
}

/** The directory that was moved away holds what the first store has acknowledged, whatever stands in its place. */
const checkMoved = (state: LifeState, takeover: Takeover, ended: Ended): void => {
  const { history, life, run } = state
  const { disk, owed, place } = run
  run.place = `${place}, the store that was moved`
  const found = contentOf(run, life.options, life.seed, takeover.movedTo)
  if (found !== undefined && history !== undefined) {
    const mark = state.mark ?? history.mark()
    run.checked(["I4", "I5", "I26"], history.problemsAfter(found.content, mark, ended.end ?? "kill"))
  } else if (found !== undefined && owed !== undefined) {
    run.checked(["I4", "I5", "I26"], owed.history.problemsAfter(found.content, owed.mark, ended.end ?? owed.end))
  }
  run.disk = disk
  run.place = place
}

/** Runs the life on the run's disk, which is then what the life has left. */
export const runLife = (run: Run, life: Life, index: number, expected: ReadonlyArray<Entry> | undefined): void => {
  const { disk } = run
  const state = new LifeState(run, life, index)
  state.seenSequence = Math.max(run.seenSequence, highestSequence(disk))
  const takeover = life.rival === undefined ? undefined : new Takeover(state, life.rival)
  const glimpses = takeGlimpses(state, takeover)
  const ended = watchEnd(run, life.end, life.seed, () => {
    state.die()
    takeover?.rival.die()
  })
  run.simulate(disk, liveTogether(state, takeover, expected), life)
  checkGlimpses(state, glimpses)
  for (const { call } of state.mishaps.struck) run.counts.add("faults", call.operation)
  run.checked(["I12"], [...retriedSyncs(disk, state.mishaps), ...reusedNames(disk)])
  if (state.history !== undefined) run.checked(["I1", "I3", "I8"], state.history.problems())
  if (takeover !== undefined && state.mishaps.isOvertaken) {
    takeover.check()
    if (takeover.isMove) checkMoved(state, takeover, ended)
    owesAfterTakeover(state, takeover, ended)
  } else if (state.history === undefined) {
    owesAfter(run, ended)
  } else {
    run.seenSequence = state.seenSequence
    run.owed = owedAfter(state, state.history, ended)
  }
}
