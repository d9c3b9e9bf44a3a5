/** One life of a store: opened, used by some fibers while things go wrong, and brought to its end. */
import { Cause, Deferred, Effect, Exit, Fiber, Option, Scope } from "effect"
import { StoreActorHook } from "../../src/engine/ActorHook.ts"
import type { Entry, LsmStore, ReadError, StoreStats } from "../../src/index.ts"
import { interruptAtYield, settledProblems, StoreHistory } from "../../src/testing/index.ts"
import type { Interrupted } from "../../src/testing/index.ts"
import { closedProblems, shapeAtRest } from "./closedStore.ts"
import { followEvents } from "./followEvents.ts"
import { checkGlimpses, takeGlimpses } from "./glimpses.ts"
import { contentProblems, inspectStore } from "./inspectStore.ts"
import { inWords, LifeState } from "./LifeState.ts"
import { highestSequence } from "./logSequences.ts"
import { retriedSyncs, reusedNames } from "./Mishaps.ts"
import { openStore, owesAfter, watchEnd } from "./opening.ts"
import { checkAbsent, Hand, performOperation } from "./performOperation.ts"
import type { Stage } from "./performOperation.ts"
import type { Life, Operation } from "./Plan.ts"
import type { Run } from "./Run.ts"
import { bank, bankEntries } from "./Workload.ts"

type Store = LsmStore["Service"]

interface Verified {
  readonly content: ReadonlyArray<Entry>
  readonly history: StoreHistory
}

/** Looks whether recovery has found what the last life left, and begins a history there. */
const verify = (
  state: LifeState,
  store: Store,
  expected: ReadonlyArray<Entry> | undefined
): Effect.Effect<Verified, ReadError> =>
  Effect.map(Effect.all([inspectStore(store), store.stats]), ([{ content, problems }, { sequence }]) => {
    const { run } = state
    run.checked(["I10"], problems)
    if (run.owed !== undefined) run.checkOwed(run.owed, content, sequence)
    if (expected !== undefined)
      run.checked(["I16"], contentProblems("the last of several openings", content, expected, "I16"))
    run.checked(["I4"], bank.problems(bankEntries(content), "I4"))
    state.firstSequence = sequence
    state.history = new StoreHistory(content)
    return { history: state.history, content }
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
  const ending = interrupted(performOperation(stage, hand, operation, name), operation)
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

const live = (state: LifeState, expected: ReadonlyArray<Entry> | undefined): Effect.Effect<void> =>
  Effect.gen(function*() {
    const { life, mishaps, run } = state
    const scope = yield* Scope.make()
    const opened = yield* Effect.exit(Effect.gen(function*() {
      const store = yield* openStore(run.disk, life.options, scope)
      return { store, found: yield* verify(state, store, expected) }
    }))
    let running: ReadonlyArray<Fiber.Fiber<void>> = []
    if (Exit.isSuccess(opened)) running = yield* use(state, opened.value.store, opened.value.found)
    else if (!mishaps.isDead) run.problem("I16", `the store does not open: ${inWords(opened.cause)}`)

    mishaps.isClosing = true
    const close = Effect.uninterruptible(Scope.close(scope, Exit.void))
    const interruptAt = life.end._tag === "Close" ? life.end.interruptAt : undefined
    if (interruptAt !== undefined) yield* interruptAtYield(close, interruptAt)
    yield* close
    yield* Effect.forEach(running, Fiber.await, { discard: true })
    if (Exit.isFailure(opened)) return
    const stats = yield* opened.value.store.stats
    run.check("I14", pinProblem(stats))
    if (!mishaps.mayLeaveFiles) run.checked(["I2", "I9", "I11"], closedProblems(run.disk, stats))
    countFigures(run, stats)
  }).pipe(Effect.provideService(StoreActorHook, state.hook))

/** Runs the life on the run's disk, which is then what the life has left. */
export const runLife = (run: Run, life: Life, index: number, expected: ReadonlyArray<Entry> | undefined): void => {
  const { disk } = run
  const state = new LifeState(run, life, index)
  state.seenSequence = Math.max(run.seenSequence, highestSequence(disk))
  const glimpses = takeGlimpses(state)
  const ended = watchEnd(run, life.end, life.seed, () => state.die())
  run.simulate(disk, live(state, expected), life)
  checkGlimpses(state, glimpses)
  for (const { call } of state.mishaps.struck) run.counts.add("faults", call.operation)
  run.checked(["I12"], [...retriedSyncs(disk, state.mishaps), ...reusedNames(disk)])
  const { history } = state
  if (history === undefined) {
    owesAfter(run, ended)
    return
  }
  run.seenSequence = state.seenSequence
  run.checked(["I1", "I3", "I8"], history.problems())
  run.owed = {
    history,
    mark: state.mark ?? history.mark(),
    end: ended.end ?? state.end,
    sequence: state.lastSequence
  }
}
