/** Runs a child of the crash test up to its kill, and collects what it reported. */
import { Effect, Exit, Schema } from "effect"
import { readAckLog } from "../support/AckLog.ts"
import { startChild } from "../support/ChildProcess.ts"
import { Phase, PlanArgument } from "./Plan.ts"
import type { Plan } from "./Plan.ts"
import { mergeBegins } from "./reportedJobs.ts"

/** When to kill: so many milliseconds after the child entered the phase. */
export interface KillTime {
  readonly phase: Phase
  readonly milliseconds: number
}

/** What is known of a child after its end. */
export interface CrashedChild {
  readonly plan: Plan
  /** The last phase that it entered, if any. */
  readonly phase: Phase | undefined
  /** False if it had come to its end before the kill. */
  readonly isKilled: boolean
  /** How many merges it began, and whether the kill struck one half done. */
  readonly merges: number
  readonly isMerging: boolean
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

const longestLife = 60_000

const script = new URL("child.ts", import.meta.url)

export const crashChild = (plan: Plan, killTime: KillTime): Effect.Effect<CrashedChild, ChildFailed> =>
  Effect.scoped(Effect.gen(function*() {
    const argument = yield* Effect.orDie(Schema.encodeEffect(PlanArgument)(plan))
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
      if (phase === killTime.phase && !isTimerSet) {
        isTimerSet = true
        setTimeout(() => child.kill(), killTime.milliseconds)
      }
    })
    const { code, errors, signal } = yield* Effect.timeoutOrElse(child.ended, {
      duration: longestLife,
      orElse: () =>
        new ChildFailed({ reason: `it was still ${phase ?? "starting"} after ${longestLife / 1000} seconds` })
    })
    const isKilled = signal === "SIGKILL"
    if ((!isKilled && code !== 0) || unexpected !== undefined) {
      return yield* new ChildFailed({ reason: unexpected ?? `exit code ${String(code)}\n${errors}` })
    }
    const merges = readAckLog(plan.merges)
    return {
      plan,
      phase,
      isKilled,
      merges: merges.filter((report) => report === mergeBegins).length,
      isMerging: isKilled && merges.at(-1) === mergeBegins,
      acks: readAckLog(plan.acks)
    }
  }))
