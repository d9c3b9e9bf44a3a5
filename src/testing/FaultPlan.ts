/** Which calls to a simulated disk fail or stall, when, and how. */
import { Duration } from "effect"
import type { DiskCall } from "./DiskCall.ts"

/**
 * Which calls a plan strikes, and what becomes of them. See `SimulatedDisk.fail`.
 *
 * Once: `{ when, nth }`. Persistent: `{ when, times: Infinity }`. Healing later:
 * `{ when, healAfter: "1 minute" }`. A slow call: `{ when, stall: "5 seconds" }`.
 */
export interface FaultPlan {
  /** The first call, by index, that the plan is about; 0 unless told. With nothing else: exactly that call is struck. */
  readonly from?: number
  /** Which calls the plan is about; any, unless told. */
  readonly when?: (call: DiskCall) => boolean
  /** How many of the calls that it is about it lets pass first; 0 unless told. Those that another plan strikes count. */
  readonly nth?: number
  /** How many calls it strikes from there on: 1 unless told, or `Infinity` if it heals by itself. */
  readonly times?: number
  /** How long after its first strike, on the clock of the fibers that call, it strikes no more; never, unless told. */
  readonly healAfter?: Duration.Input
  /**
   * How long a call that is struck waits, on the clock of the fiber that calls,
   * before it takes effect, or fails if there is a `code`. Others go on
   * meanwhile. `readSync` and `isHeld` can't wait: it fails at once, or is not struck.
   */
  readonly stall?: Duration.Input
  /**
   * The system's code, `"EIO"` unless told; with `stall` the call does not fail
   * unless told. `"ESHORT"` is a read that got fewer bytes than it asked for.
   */
  readonly code?: string
  /**
   * What a call does before it fails: `"none"` nothing, `"all"` everything,
   * `"some"` (unless told) a part of an append's bytes, as a full disk would,
   * and nothing of other calls. A sync or a syncDirectory that fails without
   * doing everything gives up what it was to make durable: no later one does,
   * although it succeeds, and although all of it can still be read.
   */
  readonly keep?: "none" | "some" | "all"
}

/** A plan at work. */
export interface Fault {
  /** How many calls it has struck. */
  readonly fired: number
  /** Those calls, in order. */
  readonly struck: ReadonlyArray<DiskCall>
  /** From here on it strikes no more calls. */
  heal(): void
}

/** A plan and what is left of it. `now` is a reading of the clock in milliseconds. */
export class ActiveFault implements Fault {
  /** Nothing: a call that is struck is late, and does not fail. */
  readonly code: string | undefined
  readonly stall: Duration.Duration | undefined
  readonly keep: "none" | "some" | "all"
  readonly #plan: FaultPlan
  #toPass: number
  readonly struck: Array<DiskCall> = []
  #left: number
  #healsAt = Infinity

  constructor(plan: FaultPlan) {
    this.stall = plan.stall === undefined ? undefined : Duration.fromInputUnsafe(plan.stall)
    this.code = plan.code ?? (plan.stall === undefined ? "EIO" : undefined)
    this.keep = plan.keep ?? "some"
    this.#plan = plan
    this.#toPass = plan.nth ?? 0
    this.#left = plan.times ?? (plan.healAfter === undefined ? 1 : Infinity)
  }

  get fired(): number {
    return this.struck.length
  }

  heal(): void {
    this.#left = 0
  }

  /** Whether the call is one to strike; if it is not the turn of it yet, it counts towards that. */
  meets(call: DiskCall, now: () => number): boolean {
    if (this.#left <= 0 || call.index < (this.#plan.from ?? 0) || this.#plan.when?.(call) === false) return false
    if ((call.operation === "readSync" || call.operation === "isHeld") && this.code === undefined) return false
    if (this.#toPass > 0) {
      this.#toPass--
      return false
    }
    return this.#healsAt === Infinity || now() < this.#healsAt
  }

  strike(call: DiskCall, now: () => number): void {
    this.#left--
    this.struck.push(call)
    const { healAfter } = this.#plan
    if (healAfter !== undefined && this.fired === 1) this.#healsAt = now() + Duration.toMillis(healAfter)
  }
}
