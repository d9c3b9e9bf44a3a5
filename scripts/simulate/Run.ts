/** What is known in the course of a plan's run, and what it came to. */
import { Cause, Effect, Exit, Logger } from "effect"
import { simulate, SimulatedDisk, SimulationStuck } from "../../src/testing/index.ts"
import type { SimulationReport } from "../../src/testing/index.ts"
import { Counts } from "./Counts.ts"
import type { HistoryMark, StoreHistory } from "./LifeHistory.ts"
import type { Plan } from "./Plan.ts"

export interface Problem {
  readonly invariant: string
  readonly message: string
}

/** What the next opening must find. */
export interface Owed {
  readonly history: StoreHistory
  readonly mark: HistoryMark
  readonly end: "power cut" | "kill" | "close"
}

/** More steps than any life takes that comes to its end. */
const maxSteps = 400_000

export class Run {
  readonly plan: Plan
  readonly counts = new Counts()
  readonly problems: Array<Problem> = []
  /** Of each simulation, in order. */
  readonly digests: Array<number> = []
  /** Milliseconds that a call to the disk waits on either side. */
  latency = 0
  disk: SimulatedDisk
  owed: Owed | undefined
  /** Highest sequence that anybody was told of and that a store may not give again. */
  lastSequence = 0
  /** For messages. */
  place = ""

  constructor(plan: Plan) {
    this.plan = plan
    const delay = Effect.suspend(() => this.latency === 0 ? Effect.yieldNow : Effect.sleep(this.latency))
    this.disk = SimulatedDisk.make({ seed: plan.seed, delay })
  }

  problem(invariant: string, message: string): void {
    this.problems.push({ invariant, message: `${this.place}: ${message}` })
  }

  /** Takes over what a checker found, and counts that it looked. */
  checked(invariants: ReadonlyArray<string>, problems: ReadonlyArray<Problem>): void {
    for (const invariant of invariants) this.counts.add("invariants", invariant)
    for (const { invariant, message } of problems) this.problem(invariant, message)
  }

  /** Runs a part of the plan to its end; what it leaves behind, or dies of, is a problem. */
  simulate<A, E>(
    program: Effect.Effect<A, E>,
    options: { readonly seed: number; readonly earlyWakeChance?: number }
  ): Exit.Exit<A, E | SimulationStuck> {
    // The clock moves on when nothing can run: what ends by itself has ended then.
    const settled = Effect.ensuring(program, Effect.sleep("1 second")).pipe(Effect.provide(Logger.layer([])))
    const report: SimulationReport<A, E> = simulate(settled, { ...options, maxSteps })
    this.digests.push(report.digest)
    this.counts.add("run", "simulations")
    this.counts.add("run", "steps", report.steps)
    this.counts.add("run", "milliseconds", report.time)
    const { exit } = report
    if (Exit.isFailure(exit)) {
      const error = Cause.squash(exit.cause)
      if (error instanceof SimulationStuck) this.problem("I13", error.message)
      else if (Cause.hasDies(exit.cause)) this.problem("I12", `a defect: ${Cause.pretty(exit.cause)}`)
    } else {
      this.checked(
        ["I14"],
        report.fibersLeft.length === 0
          ? []
          : [{ invariant: "I14", message: `fibers were left behind: ${report.fibersLeft.join(", ")}` }]
      )
    }
    return exit
  }
}
