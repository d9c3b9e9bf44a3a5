/**
 * The way of every call through a simulated disk: it waits, is taken up (counted,
 * traced, told of, and struck by a fault or not), may stall, takes effect or
 * fails, waits again, and returns.
 *
 * Unless it stalls, a call is taken up and takes effect in one step, which no
 * other fiber sees the inside of.
 */
import { Clock, Context, Effect, Fiber } from "effect"
import { DiskError } from "../StoreError.ts"
import type { DiskCall, DiskRequest } from "./DiskCall.ts"
import { Errno } from "./Errno.ts"
import { ActiveFault } from "./FaultPlan.ts"
import type { Fault, FaultPlan } from "./FaultPlan.ts"

/**
 * Told of each call as it is taken up, before it has any effect, and right
 * after it took effect or failed. Between the two others may come if it stalls.
 */
export type DiskCallListener = (call: DiskCall, phase: "before" | "after") => void

/** What a call does: wholly, or partly before it fails. */
export interface CallEffect<A> {
  readonly apply: () => A
  readonly failPartly?: (keep: "none" | "some") => void
}

/** A call that was taken up. */
interface TakenUp {
  readonly call: DiskCall
  readonly fault: ActiveFault | undefined
}

/** After a power cut every call fails with this code. */
const NO_POWER = "ESHUTDOWN"

export const diskError = (request: DiskRequest, code: string): DiskError =>
  new DiskError({
    operation: request.operation === "readSync" ? "read" : request.operation,
    path: request.path,
    code
  })

/** Of the fiber that runs: a call begins and takes effect within one. */
const now = (): number =>
  (Fiber.getCurrent()?.getRef(Clock.Clock) ?? Context.get(Context.empty(), Clock.Clock)).currentTimeMillisUnsafe()

const attempt = <A>(step: () => Effect.Effect<A, DiskError>): Effect.Effect<A, DiskError> =>
  Effect.suspend(() => {
    try {
      return step()
    } catch (cause) {
      return cause instanceof DiskError ? Effect.fail(cause) : Effect.die(cause)
    }
  })

export class DiskCalls {
  readonly trace: Array<DiskCall> = []
  readonly #waitBefore: (request: DiskRequest) => Effect.Effect<void>
  readonly #waitAfter: Effect.Effect<void>
  readonly #listeners = new Set<DiskCallListener>()
  #faults: ReadonlyArray<ActiveFault> = []
  #powerless = false

  constructor(waitBefore: (request: DiskRequest) => Effect.Effect<void>, waitAfter: Effect.Effect<void>) {
    this.#waitBefore = waitBefore
    this.#waitAfter = waitAfter
  }

  listen(listener: DiskCallListener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  fail(plan: FaultPlan): Fault {
    const fault = new ActiveFault(plan)
    this.#faults = [...this.#faults, fault]
    return fault
  }

  cutPower(): void {
    this.#powerless = true
  }

  make<A>(request: DiskRequest, effect: CallEffect<A>): Effect.Effect<A, DiskError> {
    const perform = attempt(() => {
      const taken = this.#takeUp(request)
      const stall = taken.fault?.stall
      return stall === undefined
        ? Effect.succeed(this.#end(taken, effect))
        : Effect.andThen(Effect.sleep(stall), attempt(() => Effect.succeed(this.#end(taken, effect))))
    })
    return Effect.suspend(() => this.#waitBefore(request)).pipe(
      Effect.andThen(Effect.exit(perform)),
      Effect.tap(this.#waitAfter),
      Effect.flatMap((exit) => this.#powerless ? Effect.fail(diskError(request, NO_POWER)) : exit),
      Effect.uninterruptible
    )
  }

  /** The same at once, for a caller that can't wait. */
  makeSync<A>(request: DiskRequest, effect: CallEffect<A>): A {
    return this.#end(this.#takeUp(request), effect)
  }

  #takeUp(request: DiskRequest): TakenUp {
    this.#needPower(request)
    const call: DiskCall = { index: this.trace.length, ...request }
    this.trace.push(call)
    this.#tell(call, "before")
    this.#needPower(request)
    let fault: ActiveFault | undefined
    // All plans that are about it count it, whichever strikes.
    for (const each of this.#faults) if (each.meets(call, now)) fault ??= each
    fault?.strike(call, now)
    return { call, fault }
  }

  #end<A>({ call, fault }: TakenUp, { apply, failPartly }: CallEffect<A>): A {
    this.#needPower(call)
    try {
      if (fault?.code === undefined) return apply()
      if (fault.keep === "all") apply()
      else failPartly?.(fault.keep)
      throw new Errno(fault.code)
    } catch (cause) {
      throw cause instanceof Errno ? diskError(call, cause.code) : cause
    } finally {
      this.#tell(call, "after")
    }
  }

  #needPower(request: DiskRequest): void {
    if (this.#powerless) throw diskError(request, NO_POWER)
  }

  #tell(call: DiskCall, phase: "before" | "after"): void {
    for (const listener of this.#listeners) listener(call, phase)
  }
}
