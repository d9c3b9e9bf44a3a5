/** Which calls to a simulated disk fail, and how. */
import type { DiskCall } from "./DiskCall.ts"

/** Which calls to fail, and how. See `SimulatedDisk.fail`. */
export interface FaultPlan {
  /** The first call, by index, that may fail; 0 unless told. With nothing else: exactly that call. */
  readonly from?: number
  /** Which calls fail; any, unless told. */
  readonly when?: (call: DiskCall) => boolean
  /** How many calls fail, 1 unless told; `Infinity` for all of them until it is healed. */
  readonly times?: number
  /** The system's code, `"EIO"` unless told. */
  readonly code?: string
  /**
   * What the call does before it fails: `"none"` nothing, `"all"` everything,
   * `"some"` (unless told) a part of an append's bytes, as a full disk would,
   * and nothing of other calls. A sync or a syncDirectory that fails without
   * doing everything gives up what it was to make durable: no later one does.
   */
  readonly keep?: "none" | "some" | "all"
}

/** A plan at work. */
export interface Fault {
  /** How many calls it has failed. */
  readonly fired: number
  /** From here on it fails no more calls. */
  heal(): void
}

/** A plan and what is left of it. */
export class ActiveFault implements Fault {
  readonly code: string
  readonly keep: "none" | "some" | "all"
  readonly #plan: FaultPlan
  #left: number
  #fired = 0

  constructor(plan: FaultPlan) {
    this.code = plan.code ?? "EIO"
    this.keep = plan.keep ?? "some"
    this.#plan = plan
    this.#left = plan.times ?? 1
  }

  get fired(): number {
    return this.#fired
  }

  heal(): void {
    this.#left = 0
  }

  /** Whether the call is to fail; if so, it counts. */
  strikes(call: DiskCall): boolean {
    if (this.#left <= 0 || call.index < (this.#plan.from ?? 0) || this.#plan.when?.(call) === false) return false
    this.#left--
    this.#fired++
    return true
  }
}
