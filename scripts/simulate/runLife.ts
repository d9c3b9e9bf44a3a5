/** One life of a store: opened, used by some fibers while things go wrong, and brought to its end. */
import { Cause, Deferred, Effect, Exit, Fiber, Scope, Semaphore } from "effect"
import { StoreActorHook } from "../../src/engine/ActorHook.ts"
import type { Durability, Entry, LsmStore } from "../../src/index.ts"
import { interruptAtYield, StoreHistory } from "../../src/testing/index.ts"
import type { HistoryMark, StoreEnd } from "../../src/testing/index.ts"
import { boundProblems, restProblems } from "./bounds.ts"
import { followEvents } from "./followEvents.ts"
import { contentProblems, inspectStore } from "./inspectStore.ts"
import { Mishaps, retriedSyncs } from "./Mishaps.ts"
import { openStore, watchEnd } from "./opening.ts"
import { bankProblem, Hand, performOperation } from "./performOperation.ts"
import type { Stage } from "./performOperation.ts"
import type { Life, Operation } from "./Plan.ts"
import type { Run } from "./Run.ts"
import { accountKeys, keyBytes, sameBytes } from "./Workload.ts"

type Store = LsmStore["Service"]

/** Bytes that a record may take beyond its key and its value, generously. */
const recordOverhead = 64

const largestBatch = ({ fibers }: Life): number => {
  const sizeOf = (operation: Operation): number => {
    switch (operation._tag) {
      case "Put":
        return operation.key.length + operation.size + recordOverhead
      case "Write":
        return operation.records.reduce((sum, { key, size = 0 }) => sum + key.length + size + recordOverhead, 0)
      default:
        return 1024
    }
  }
  return Math.max(0, ...fibers.flat().map(sizeOf))
}

class LifeRun {
  readonly run: Run
  readonly life: Life
  readonly index: number
  readonly mishaps = new Mishaps()
  readonly died = Deferred.makeUnsafe<void>()
  readonly largestBatch: number
  history: StoreHistory | undefined
  /** When the power was cut, or the process killed. */
  mark: HistoryMark | undefined
  /** Of the acknowledged batches, by level, up to the end. */
  readonly sequences = { sync: 0, buffered: 0, async: 0 }
  /** What recovery has found. */
  firstSequence = 0

  constructor(run: Run, life: Life, index: number) {
    this.run = run
    this.life = life
    this.index = index
    this.largestBatch = largestBatch(life)
  }

  /** What recovery found is what the last life left. */
  verify(store: Store, expected: ReadonlyArray<Entry> | undefined) {
    const { run } = this
    return Effect.map(Effect.all([inspectStore(store), store.stats]), ([{ content, problems }, { sequence }]) => {
      this.firstSequence = sequence
      run.checked(["I10"], problems)
      if (run.owed !== undefined) {
        const { end, history, mark } = run.owed
        const owed = run.owed.sequence(end)
        run.checked(["I4", "I5"], history.problemsAfter(content, mark, end))
        run.checked(
          ["I16"],
          sequence >= owed ? [] : [{
            invariant: "I16",
            message: `the store opened at sequence ${sequence}, and ${owed} had been given`
          }]
        )
      }
      if (expected !== undefined)
        run.checked(["I16"], contentProblems("the last of several openings", content, expected, "I16"))
      const balances = accountKeys.map((key) => content.find(([found]) => sameBytes(found, keyBytes(key)))?.[1])
      const bank = bankProblem(balances)
      run.checked(["I4"], bank === undefined ? [] : [{ invariant: "I4", message: bank }])
      return content
    })
  }

  /** What `StoreActorHook` throws. */
  readonly hook = (actor: string, message: number): void => {
    const defect = this.life.defects.find((each) => each.actor === actor && each.message === message)
    if (defect === undefined) return
    this.mishaps.defects.push(defect)
    this.run.counts.add("defects", actor)
    throw new Error("a planned defect")
  }

  /** One operation, interrupted if the plan says so; a failure without an excuse is a problem. */
  perform(stage: Stage, hand: Hand, fiber: number, at: number, operation: Operation): Effect.Effect<void> {
    const { counts } = this.run
    const effect = performOperation(stage, hand, operation, `${this.index}.${fiber}.${at}`)
    const interruptAt = "interruptAt" in operation ? operation.interruptAt : undefined
    counts.add("operations", operation._tag)
    const ending = interruptAt === undefined
      ? Effect.exit(effect)
      : Effect.map(interruptAtYield(effect, interruptAt), ({ exit, struck }) => {
        if (struck) counts.add("interrupts", operation._tag)
        return exit
      })
    return Effect.flatMap(ending, (exit) => {
      this.judge(operation, exit)
      return this.look(stage.store)
    })
  }

  judge(operation: Operation, exit: Exit.Exit<void, Parameters<Mishaps["excuses"]>[1]>): void {
    if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) return
    const error = Cause.squash(exit.cause)
    const failure = exit.cause.reasons.find(Cause.isFailReason)?.error
    if (failure !== undefined && this.mishaps.excuses(operation._tag, failure)) {
      this.run.counts.add("refusals", failure._tag)
      return
    }
    this.run.problem(
      "I12",
      `${operation._tag} failed: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`
    )
  }

  committed(sequence: number, level: Durability): void {
    if (this.mishaps.isDead) return
    this.sequences[level] = Math.max(this.sequences[level], sequence)
    this.run.checked(
      ["I16"],
      sequence > this.firstSequence ? [] : [{
        invariant: "I16",
        message: `sequence ${sequence} was given, and the store had opened at ${this.firstSequence}`
      }]
    )
  }

  /** The highest sequence that survives such an end. */
  readonly lastSequence = (end: StoreEnd): number => {
    const { async, buffered, sync } = this.sequences
    return Math.max(
      this.firstSequence,
      sync,
      end === "power cut" ? 0 : buffered,
      end === "close" ? async : 0
    )
  }

  look(store: Store): Effect.Effect<void> {
    return Effect.map(store.stats, (stats) => {
      if (!this.mishaps.isClosing) this.run.checked(["I13"], boundProblems(stats, this.life.options, this.largestBatch))
    })
  }

  useStore(store: Store, history: StoreHistory) {
    const { life, mishaps, run } = this
    return Effect.gen({ self: this }, function*() {
      const stage: Stage = {
        store: history.observe(store, { durability: life.options.durability }),
        teller: Semaphore.makeUnsafe(1),
        problem: (invariant, message) => run.problem(invariant, message),
        checked: (invariant) => run.checked([invariant], []),
        committed: (sequence, level = life.options.durability) => this.committed(sequence, level)
      }
      const fibers = yield* Effect.forEach(life.fibers, (operations, fiber) => {
        const hand = new Hand()
        const program = Effect.forEach(
          operations,
          (operation, at) => this.perform(stage, hand, fiber, at, operation),
          { discard: true }
        )
        return Effect.forkChild(Effect.ensuring(program, hand.release))
      })
      const { after } = life.end._tag === "Close" ? life.end : {}
      yield* Effect.raceAll([
        Effect.exit(Fiber.joinAll(fibers)),
        Deferred.await(this.died),
        ...(after === undefined ? [] : [Effect.sleep(after)])
      ])
      if (mishaps.isDead) yield* Effect.forEach(fibers, Fiber.interrupt, { concurrency: "unbounded" })
      else if (life.settles && after === undefined) yield* this.settle(stage.store)
      return fibers
    })
  }

  settle(store: Store): Effect.Effect<void> {
    const { mishaps, run } = this
    return Effect.gen({ self: this }, function*() {
      const exit = yield* Effect.exit(Effect.raceFirst(store.flush, Deferred.await(this.died)))
      this.judge({ _tag: "Flush" }, exit)
      if (mishaps.mayHaveStopped) return
      yield* Effect.sleep("1 minute")
      if (mishaps.mayHaveStopped) return
      const stats = yield* store.stats
      run.checked(["I13"], restProblems(stats))
      run.checked(
        ["I14"],
        stats.snapshots.count === 0
          ? []
          : [{ invariant: "I14", message: `${stats.snapshots.count} snapshots are left` }]
      )
    })
  }

  readonly program = (expected: ReadonlyArray<Entry> | undefined) =>
    Effect.gen({ self: this }, function*() {
      const { life, mishaps, run } = this
      const scope = yield* Scope.make()
      const opened = yield* Effect.exit(
        Effect.flatMap(openStore(run.disk, life.options, scope), (store) =>
          Effect.map(this.verify(store, expected), (content) => ({ content, store })))
      )
      let stats: Effect.Effect<void> = Effect.void
      let fibers: ReadonlyArray<Fiber.Fiber<void>> = []
      let events: Fiber.Fiber<void> | undefined
      if (Exit.isSuccess(opened)) {
        const { content, store } = opened.value
        const history = new StoreHistory(content)
        this.history = history
        events = yield* Effect.forkChild(followEvents(run, store))
        for (const fault of life.faults) {
          mishaps.plant(run.disk, fault)
        }
        fibers = yield* this.useStore(store, history)
        stats = Effect.map(store.stats, (figures) => {
          run.counts.add("engine", "rotations", figures.rotations)
          run.counts.add("engine", "flushes", figures.flushes)
          run.counts.add("engine", "compactions", figures.compaction.count)
          run.counts.add("engine", "tables moved", figures.compaction.moved)
          run.counts.add(
            "engine",
            "restarts",
            figures.actors.reduce((sum, { restarts }) =>
              sum + restarts, 0)
          )
          run.checked(
            ["I14"],
            figures.snapshots.count === 0
              ? []
              : [{ invariant: "I14", message: `${figures.snapshots.count} snapshots are left` }]
          )
        })
      } else if (!mishaps.isDead) {
        const error = Cause.squash(opened.cause)
        run.problem(
          "I16",
          `the store does not open: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`
        )
      }
      mishaps.isClosing = true
      const closing = Effect.uninterruptible(Scope.close(scope, Exit.void))
      const interruptAt = life.end._tag === "Close" ? life.end.interruptAt : undefined
      if (interruptAt === undefined) yield* closing
      else yield* Effect.andThen(interruptAtYield(closing, interruptAt), closing)
      yield* Effect.forEach(fibers, Fiber.await, { discard: true })
      if (events !== undefined) yield* Fiber.await(events)
      yield* stats
    }).pipe(Effect.provideService(StoreActorHook, this.hook))
}

/** Runs the life on the run's disk, which is then what the life has left. */
export const runLife = (run: Run, life: Life, index: number, expected: ReadonlyArray<Entry> | undefined): void => {
  run.latency = life.latency
  const disk = run.disk
  const lifeRun = new LifeRun(run, life, index)
  const { mishaps } = lifeRun
  const ended = watchEnd(run, life.end, life.seed, () => {
    mishaps.isDead = true
    lifeRun.mark = lifeRun.history?.mark()
    Deferred.doneUnsafe(lifeRun.died, Exit.void)
  })
  run.simulate(disk, lifeRun.program(expected), { seed: life.seed, earlyWakeChance: life.earlyWakeChance })
  for (const { call } of mishaps.struck) run.counts.add("faults", call.operation)
  run.checked(["I12"], retriedSyncs(disk, mishaps))
  const { history } = lifeRun
  if (history === undefined) return
  run.checked(["I1", "I3", "I8"], history.problems())
  const end = ended.end ?? (mishaps.mayHaveStopped ? "kill" : "close")
  run.owed = { history, mark: lifeRun.mark ?? history.mark(), end, sequence: lifeRun.lastSequence }
}
