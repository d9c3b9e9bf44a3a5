/**
 * An Effect scheduler on which every choice comes from a seed: which runnable
 * task goes next, and where a fiber is made to yield. All fibers share one run
 * queue, which something else drives step by step; nothing runs on its own.
 *
 * A seed also settles how it explores: how often fibers are preempted, and
 * whether old or new tasks are preferred, since some interleavings are only
 * found by starving somebody for long.
 *
 * Queues and semaphores remember the dispatcher of the fiber that made them:
 * build what is simulated, its layers included, inside the simulation.
 */
import { Fiber } from "effect"
import type { Scheduler } from "effect"
import type { SeededRandom } from "./SeededRandom.ts"

/** Below this many operations between two yields a fiber may make no progress. */
const MIN_OPS_BEFORE_YIELD = 3

const YIELD_CHANCES = [0, 1 / 128, 1 / 32, 1 / 8, 1 / 2]

/** Which runnable task is preferred: any, the one that waits longest, or the one that came last. */
export type TaskOrder = "any" | "oldest" | "newest"

/** Which fiber to interrupt, and where. */
export interface FiberInterrupt {
  /** The fiber's number in order of appearance, from 0: the one that {@link SeededScheduler.fibers} shows. */
  readonly fiber: number
  /** At which of its operations, from 0. Until then it is not made to yield. */
  readonly yields: number
}

/** How a seeded scheduler explores. */
export interface SeededSchedulerOptions {
  /** Fibers to interrupt as they appear; none unless told. Of two for one fiber the first counts. */
  readonly interrupts?: ReadonlyArray<FiberInterrupt> | undefined
  /** The chance that a fiber yields at an operation. Unless told, the seed picks one between 0 and a half. */
  readonly yieldChance?: number | undefined
  /** Unless told, the seed picks one. A preference is never absolute, so that everybody gets on. */
  readonly order?: TaskOrder | undefined
  /** Keeps a line for every choice. */
  readonly trace?: boolean | undefined
}

/** A mark that a fiber is to be interrupted, see {@link SeededScheduler.interruptAt}. */
export interface InterruptMark {
  /** Whether the fiber got so far, and was interrupted. */
  readonly struck: boolean
}

interface Victim {
  pointsLeft: number
  struck: boolean
}

/**
 * The scheduler of a simulation. {@link simulate} makes one and drives it; use
 * it by itself to drive a program one step at a time.
 *
 * @example
 * ```ts
 * import { Effect, Exit } from "effect"
 * import { SeededRandom, SeededScheduler } from "effect-lsm/testing"
 *
 * const scheduler = new SeededScheduler(new SeededRandom(1))
 * const fiber = Effect.runFork(Effect.as(Effect.yieldNow, "done"), { scheduler })
 *
 * scheduler.runnable // => 1
 * while (scheduler.step());
 * fiber.pollUnsafe() // => Exit.succeed("done")
 * ```
 */
export class SeededScheduler implements Scheduler.Scheduler {
  readonly executionMode = "async"
  /** One line for every choice, if asked for. */
  readonly trace: Array<string> = []
  readonly #orderRandom: SeededRandom
  readonly #yieldRandom: SeededRandom
  readonly #yieldChance: number
  readonly #order: TaskOrder
  readonly #tracing: boolean
  readonly #interrupts: ReadonlyArray<FiberInterrupt>
  readonly #tasks: Array<() => void> = []
  readonly #fibers = new Map<Fiber.Fiber<unknown, unknown>, number>()
  readonly #victims = new WeakMap<Fiber.Fiber<unknown, unknown>, Victim>()
  readonly #dispatcher: Scheduler.SchedulerDispatcher
  #doomed: Fiber.Fiber<unknown, unknown> | undefined
  #fibersSeen = 0
  #struck = 0
  #steps = 0
  #digest = 0x811c9dc5

  constructor(random: SeededRandom, options: SeededSchedulerOptions = {}) {
    this.#orderRandom = random.fork()
    this.#yieldRandom = random.fork()
    const chosenChance = random.pick(YIELD_CHANCES)
    const chosenOrder = random.pick<TaskOrder>(["any", "any", "oldest", "newest"])
    this.#yieldChance = options.yieldChance ?? chosenChance
    this.#order = options.order ?? chosenOrder
    this.#tracing = options.trace ?? false
    this.#interrupts = options.interrupts ?? []
    this.#dispatcher = {
      scheduleTask: (task) => this.schedule(task),
      flush: () => {
        while (this.step());
      }
    }
  }

  /** How many tasks have run. */
  get steps(): number {
    return this.#steps
  }

  /** How many tasks could run now. */
  get runnable(): number {
    return this.#tasks.length
  }

  /** How many fibers were interrupted, by {@link SeededScheduler.interruptAt} or as planned. */
  get interrupted(): number {
    return this.#struck
  }

  /** A checksum over every choice so far: equal for equal runs. */
  get digest(): number {
    return this.#digest >>> 0
  }

  /** The fibers that have run and not ended, by their number in order of appearance, and their span if they have one. */
  get fibers(): ReadonlyArray<string> {
    return Array.from(this.#fibers, ([fiber, ordinal]) => {
      const span = fiber.cache.span
      return span?._tag === "Span" ? `${ordinal} (${span.name})` : String(ordinal)
    })
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return this.#dispatcher
  }

  shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    const ordinal = this.#ordinal(fiber)
    const victim = this.#victims.get(fiber)
    if (victim !== undefined && !victim.struck) return this.#strikes(fiber, victim, ordinal)
    const ops = fiber.currentOpCount
    if (ops < MIN_OPS_BEFORE_YIELD) return false
    if (!this.#yieldRandom.bool(this.#yieldChance) && ops < fiber.cache.maxOpsBeforeYield) return false
    this.note("yield", ordinal)
    return true
  }

  /** Adds a task to those that can run. */
  schedule(task: () => void): void {
    const fiber = this.#doomed
    if (fiber === undefined || Fiber.getCurrent() !== fiber) {
      this.#tasks.push(task)
      return
    }
    this.#doomed = undefined
    this.#tasks.push(() => {
      fiber.interruptUnsafe()
      task()
    })
  }

  /** Runs one of the tasks that can run; false if there is none. */
  step(): boolean {
    const runnable = this.#tasks.length
    if (runnable === 0) return false
    const choice = this.#choose(runnable)
    this.note("run", choice)
    this.#steps++
    for (const task of this.#tasks.splice(choice, 1)) task()
    return true
  }

  /**
   * Makes the fiber yield at its n-th operation from now (0 is the next one)
   * and interrupts it before it goes on. Until then it is not made to yield, so
   * that n means the same point from run to run.
   */
  interruptAt(fiber: Fiber.Fiber<unknown, unknown>, n: number): InterruptMark {
    const victim: Victim = { pointsLeft: n, struck: false }
    this.#victims.set(fiber, victim)
    return victim
  }

  /** Records a choice for the trace and the digest. Whoever drives the scheduler records its own here too. */
  note(what: string, value: number): void {
    this.#digest = Math.imul(this.#digest ^ what.charCodeAt(0), 0x01000193)
    this.#digest = Math.imul(this.#digest ^ value, 0x01000193)
    if (this.#tracing) this.trace.push(`${what} ${value}`)
  }

  #strikes(fiber: Fiber.Fiber<unknown, unknown>, victim: Victim, ordinal: number): boolean {
    if (victim.pointsLeft-- > 0) return false
    victim.struck = true
    this.#struck++
    this.#doomed = fiber
    this.note("interrupt", ordinal)
    return true
  }

  #choose(runnable: number): number {
    if (runnable === 1) return 0
    if (this.#order === "any" || this.#orderRandom.bool(1 / 8)) return this.#orderRandom.int(runnable)
    return this.#order === "oldest" ? 0 : runnable - 1
  }

  #ordinal(fiber: Fiber.Fiber<unknown, unknown>): number {
    const known = this.#fibers.get(fiber)
    if (known !== undefined) return known
    const ordinal = this.#fibersSeen++
    this.#fibers.set(fiber, ordinal)
    const planned = this.#interrupts.find((each) => each.fiber === ordinal)
    if (planned !== undefined) this.interruptAt(fiber, planned.yields)
    fiber.addObserver(() => this.#fibers.delete(fiber))
    return ordinal
  }
}
