/**
 * Runs a program to its end in one synchronous call, in an order of events
 * that the seed alone decides: seeded scheduler, virtual clock, seeded
 * `Random`. A failing seed is a reproduction.
 *
 * Nothing real may be awaited inside: a promise or a timer of the host looks
 * like a deadlock. So does a fiber started with a default `runFork`, which
 * brings the host's own scheduler along.
 */
import { Clock, Context, Effect, Exit, Fiber, Random, Scheduler, Schema } from "effect"
import { StoreReadMode } from "../table/ReadPolicy.ts"
import { SeededRandom } from "./SeededRandom.ts"
import { SeededScheduler } from "./SeededScheduler.ts"
import type { FiberInterrupt, TaskOrder } from "./SeededScheduler.ts"
import { VirtualClock } from "./VirtualClock.ts"

/** The simulation cannot go on: the program waits for something that will never happen, or takes too many steps. */
export class SimulationStuck extends Schema.TaggedError<SimulationStuck>()("SimulationStuck", {
  /** `"deadlock"`: nothing can run and nobody sleeps. `"steps"`: the bound on steps was met. */
  reason: Schema.Literals(["deadlock", "steps"]),
  seed: Schema.Number,
  steps: Schema.Number,
  /** The virtual time, in milliseconds. */
  time: Schema.Number,
  /** The fibers that have not ended, as numbers in order of appearance, with their span's name. */
  fibers: Schema.Array(Schema.String)
}) {
  override get message(): string {
    const what = this.reason === "deadlock"
      ? "nothing can run and nobody sleeps (a promise or a host's timer is not seen here)"
      : "the bound on steps was met"
    return `Seed ${this.seed} got stuck after ${this.steps} steps at ${this.time} ms: ${what}. `
      + `Fibers that wait: ${this.fibers.join(", ")}.`
  }
}

/** What a simulation starts from. Equal options give equal runs of the same program. */
export interface SimulationOptions {
  /** Decides everything; any safe integer. */
  readonly seed: number
  /** How many tasks may run, 1,000,000 unless told. */
  readonly maxSteps?: number
  /** The time on the clock at the beginning, in milliseconds; 0 unless told. */
  readonly startTime?: number
  /**
   * The chance, at each step, that the clock moves to its earliest sleeper
   * although something could run, as if that something took long. 0 unless
   * told: timers then fire only when the program has come to rest.
   */
  readonly earlyWakeChance?: number
  /** The chance that a fiber yields at an operation. Unless told, the seed picks one. */
  readonly yieldChance?: number
  /** Which runnable task is preferred. Unless told, the seed picks one. */
  readonly order?: TaskOrder
  /**
   * Fibers to interrupt, each at one of its operations, whatever it is doing
   * there. Counting both numbers up until `interrupted` is 0 tries every point
   * of a small program; its own fiber is number 0. Where only one effect is
   * meant, {@link interruptAtYield} is the shorter way.
   */
  readonly interrupts?: ReadonlyArray<FiberInterrupt>
  /** Keeps a line for every choice in the report. */
  readonly trace?: boolean
}

/** What a simulation came to; it never throws, and a program that can't go on is a failed `exit`. */
export interface SimulationReport<A, E> {
  readonly exit: Exit.Exit<A, E | SimulationStuck>
  readonly seed: number
  /** How many tasks ran. */
  readonly steps: number
  /** The virtual time at the end, in milliseconds. */
  readonly time: number
  /** A checksum over all choices: equal for equal runs. */
  readonly digest: number
  /** One line for every choice, if asked for. */
  readonly trace: ReadonlyArray<string>
  /** Fibers that had not ended when the program did; the program leaks them unless it meant to. */
  readonly fibersLeft: ReadonlyArray<string>
  /** How many fibers were interrupted as planned, or by {@link interruptAtYield}: came as far as that. */
  readonly interrupted: number
}

/**
 * Runs a program under a seed and tells what happened.
 *
 * @example
 * ```ts
 * import { Effect, Exit, Fiber } from "effect"
 * import { simulate } from "effect-lsm/testing"
 *
 * // Two fibers that read, then write: some orders lose an update.
 * const race = Effect.gen(function*() {
 *   let count = 0
 *   const increment = Effect.gen(function*() {
 *     const seen = count
 *     yield* Effect.yieldNow
 *     count = seen + 1
 *   })
 *   const one = yield* Effect.forkChild(increment)
 *   const other = yield* Effect.forkChild(increment)
 *   yield* Fiber.joinAll([one, other])
 *   return count
 * })
 * const counts = Array.from({ length: 50 }, (_, seed) => simulate(race, { seed }).exit)
 *
 * counts.some((exit) => Exit.isSuccess(exit) && exit.value === 1) // => true
 * counts.some((exit) => Exit.isSuccess(exit) && exit.value === 2) // => true
 * simulate(race, { seed: 3 }).digest === simulate(race, { seed: 3 }).digest // => true
 * ```
 */
export const simulate = <A, E>(effect: Effect.Effect<A, E>, options: SimulationOptions): SimulationReport<A, E> => {
  const random = new SeededRandom(options.seed)
  const timeRandom = random.fork()
  const programRandom = random.fork()
  const modeRandom = new SeededRandom(options.seed ^ 0x5f35_9a1c)
  const scheduler = new SeededScheduler(random, options)
  const clock = new VirtualClock(options.startTime)
  const context = Context.make(Scheduler.Scheduler, scheduler).pipe(
    Context.add(Clock.Clock, clock),
    Context.add(Random.Random, programRandom),
    Context.add(StoreReadMode, modeRandom.bool() ? "sync" : "async")
  )
  const maxSteps = options.maxSteps ?? 1_000_000
  const earlyWakeChance = options.earlyWakeChance ?? 0

  const stuck = (reason: SimulationStuck["reason"]): SimulationStuck =>
    new SimulationStuck({
      reason,
      seed: options.seed,
      steps: scheduler.steps,
      time: clock.currentTimeMillisUnsafe(),
      fibers: scheduler.fibers
    })
  const advance = (): boolean => {
    const advanced = clock.advance((wake) => scheduler.schedule(wake))
    if (advanced) scheduler.note("time", clock.currentTimeMillisUnsafe())
    return advanced
  }
  const drive = (fiber: Fiber.Fiber<A, E>): Exit.Exit<A, E | SimulationStuck> => {
    while (true) {
      const exit = fiber.pollUnsafe()
      if (exit !== undefined) return exit
      if (scheduler.steps >= maxSteps) return Exit.fail(stuck("steps"))
      if (earlyWakeChance > 0 && timeRandom.bool(earlyWakeChance)) advance()
      if (!scheduler.step() && !advance()) return Exit.fail(stuck("deadlock"))
    }
  }

  const exit = drive(Effect.runForkWith(context)(effect))
  return {
    exit,
    seed: options.seed,
    steps: scheduler.steps,
    time: clock.currentTimeMillisUnsafe(),
    digest: scheduler.digest,
    trace: scheduler.trace,
    fibersLeft: scheduler.fibers,
    interrupted: scheduler.interrupted
  }
}

/**
 * Runs a program under a seed; {@link simulate} without the report.
 *
 * @example
 * ```ts
 * import { Deferred, Effect, Exit } from "effect"
 * import { runSimulation } from "effect-lsm/testing"
 *
 * const forever = Effect.flatMap(Deferred.make(), Deferred.await)
 *
 * runSimulation(Effect.succeed(42), { seed: 1 }) // => Exit.succeed(42)
 * Exit.isFailure(runSimulation(forever, { seed: 1 })) // => true
 * ```
 */
export const runSimulation = <A, E>(
  effect: Effect.Effect<A, E>,
  options: SimulationOptions
): Exit.Exit<A, E | SimulationStuck> => simulate(effect, options).exit

/** How an effect ended that was to be interrupted. */
export interface Interrupted<A, E> {
  readonly exit: Exit.Exit<A, E>
  /** False if the effect ended before it came so far: there is no later point to interrupt it at. */
  readonly struck: boolean
}

/**
 * Inside a simulation: runs the effect in a child fiber, which is made to yield
 * at its n-th operation and interrupted before it goes on; then awaits it.
 * Counting n up until `struck` is false tries every point there is.
 *
 * @example
 * ```ts
 * import { Effect, Exit } from "effect"
 * import { interruptAtYield, runSimulation } from "effect-lsm/testing"
 *
 * const points = Effect.gen(function*() {
 *   for (let n = 0; ; n++) {
 *     let open = 0
 *     const use = Effect.acquireUseRelease(
 *       Effect.sync(() => void open++),
 *       () => Effect.yieldNow,
 *       () => Effect.sync(() => void open--)
 *     )
 *     const { struck } = yield* interruptAtYield(use, n)
 *     if (open !== 0) return "leaked at " + n
 *     if (!struck) return "never leaked"
 *   }
 * })
 *
 * runSimulation(points, { seed: 1 }) // => Exit.succeed("never leaked")
 * ```
 */
export const interruptAtYield = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  n: number
): Effect.Effect<Interrupted<A, E>, never, R> =>
  Effect.gen(function*() {
    const scheduler = yield* Scheduler.Scheduler
    if (!(scheduler instanceof SeededScheduler)) {
      return yield* Effect.die(new Error("interruptAtYield works only inside a simulation: run it by simulate"))
    }
    let struck = () => false
    const fiber = yield* Effect.forkChild(Effect.withFiber<A, E, R>((self) => {
      const mark = scheduler.interruptAt(self, n)
      struck = () => mark.struck
      return effect
    }))
    const exit = yield* Fiber.await(fiber)
    return { exit, struck: struck() }
  })
