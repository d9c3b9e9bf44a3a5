/** Runs a child of the crash test up to its end, and collects what it reported. */
import { Effect, Exit, Latch, Schema } from "effect"
import type { Scope } from "effect"
import { countAcks, readAckLog } from "../support/AckLog.ts"
import { startChild } from "../support/ChildProcess.ts"
import { hasEndedBy, signalOf } from "./endings.ts"
import { Phase, PlanArgument } from "./Plan.ts"
import type { Ending, Plan } from "./Plan.ts"
import { readJobs } from "./reportedJobs.ts"
import type { ReportedJobs } from "./reportedJobs.ts"

/** What is known of a child after its end. */
export interface CrashedChild extends ReportedJobs {
  readonly plan: Plan
  /** The last phase that it entered, if any. */
  readonly phase: Phase | undefined
  /** How it ended; undefined if it had closed its store before that. */
  readonly ending: Ending | undefined
  /** The fibers whose writes were acknowledged, in the order of the acknowledgements. */
  readonly acks: Uint32Array
}

export class ChildFailed extends Schema.TaggedError<ChildFailed>()("ChildFailed", {
  reason: Schema.String
}) {
  override get message(): string {
    return `The child process failed by itself: ${this.reason}`
  }
}

/** Milliseconds in which a child reports something, on a busy machine too. */
const longestSilence = 60_000

/** Fails once the child has reported nothing for so long. */
const whileItReports = (plan: Plan, argument: string): Effect.Effect<never, ChildFailed> =>
  Effect.gen(function*() {
    let reported = -1
    for (;;) {
      yield* Effect.sleep(longestSilence)
      const now = countAcks(plan.acks) + countAcks(plan.jobs)
      if (now === reported) {
        const reason = `it reported nothing for ${longestSilence / 1000} seconds, with the plan ${argument}`
        return yield* new ChildFailed({ reason })
      }
      reported = now
    }
  })

const script = new URL("child.ts", import.meta.url)

/** One that runs. */
export interface StartedChild {
  /** Returns once it has entered the phase, or has come to its end before. */
  readonly entered: (phase: Phase) => Effect.Effect<void>
  readonly signal: (name: NodeJS.Signals) => Effect.Effect<void>
  /** What is known of it after its end. */
  readonly outcome: Effect.Effect<CrashedChild, ChildFailed>
}

export const startCrashChild = Effect.fnUntraced(
  function*(plan: Plan): Effect.fn.Return<StartedChild, never, Scope.Scope> {
    const argument = yield* Effect.orDie(Schema.encodeEffect(PlanArgument)(plan))
    const { ending, milliseconds, phase: lastPhase } = plan.end
    const signal = signalOf(ending)
    const hasEntered = new Map(Phase.literals.map((phase) => [phase, Latch.makeUnsafe(false)]))
    let phase: Phase | undefined
    let unexpected: string | undefined
    let isTimerSet = false
    const child = yield* startChild(script, [argument], (line) => {
      const entered = Schema.decodeUnknownExit(Phase)(line)
      if (Exit.isFailure(entered)) {
        unexpected ??= line
        return
      }
      phase = entered.value
      hasEntered.get(phase)?.openUnsafe()
      if (signal !== undefined && phase === lastPhase && !isTimerSet) {
        isTimerSet = true
        setTimeout(() => child.kill(signal), milliseconds)
      }
    })
    const outcome = Effect.gen(function*() {
      const ended = yield* Effect.raceFirst(child.ended, whileItReports(plan, argument))
      const isAsPlanned = hasEndedBy(ending, ended, ended.errors)
      if ((!isAsPlanned && ended.code !== 0) || unexpected !== undefined) {
        const end = ended.signal ?? `exit code ${String(ended.code)}`
        return yield* new ChildFailed({ reason: unexpected ?? `${end} where the plan says ${ending}\n${ended.errors}` })
      }
      const jobs = readJobs(readAckLog(plan.jobs))
      return {
        ...jobs,
        plan,
        phase,
        ending: isAsPlanned ? ending : undefined,
        isMerging: isAsPlanned && jobs.isMerging,
        acks: readAckLog(plan.acks)
      }
    })
    return {
      entered: (awaited) => Effect.raceFirst(hasEntered.get(awaited)?.await ?? Effect.void, Effect.asVoid(child.ended)),
      signal: (name) => Effect.sync(() => child.kill(name)),
      outcome
    }
  }
)

export const crashChild = (plan: Plan): Effect.Effect<CrashedChild, ChildFailed> =>
  Effect.scoped(Effect.flatMap(startCrashChild(plan), ({ outcome }) => outcome))
