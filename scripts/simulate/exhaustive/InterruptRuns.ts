/** Every operation in every scenario, interrupted at every point. */
import { Result } from "effect"
import { SimulatedDisk } from "../../../src/testing/index.ts"
import { afterTurns, atYield, interruptOften } from "./Interrupts.ts"
import type { Activity, Interrupt, Scenario, Source } from "./Interrupts.ts"
import { operations } from "./Operations.ts"
import { sampler } from "./Outcome.ts"
import type { Figures, Outcome, Sample } from "./Outcome.ts"
import { handleProblems, reopen, runGuarded, runPlainly } from "./Reopened.ts"
import type { Run } from "./Reopened.ts"

const sources: ReadonlyArray<{ readonly source: Source; readonly mode: Scenario["mode"] }> = [
  { source: "memory", mode: "sync" },
  { source: "the block cache", mode: "sync" },
  { source: "the disk", mode: "sync" },
  { source: "the disk", mode: "async" }
]

export const activities: ReadonlyArray<Activity> = ["idle", "busy", "stalled"]

/** What lasts longer waits for something that does not come. */
const patience = "100 millis"
const mostTurns = 400

export const interrupts: ReadonlyArray<{ readonly where: string; readonly interrupt: Interrupt }> = [
  { where: "at its yield", interrupt: atYield(patience) },
  { where: "after others' turn", interrupt: afterTurns(mostTurns) }
]

/** One scenario, try by try, and the store after all of them. */
export function* interruptedOperation(
  scenario: Scenario,
  where: string,
  figures: Figures,
  run: Run = runPlainly
): Generator<Outcome> {
  const { activity, mode, name, source } = scenario
  const what = `${name}, from ${source} by ${mode} calls, while the store is ${activity}`
  const disk = SimulatedDisk.make()
  figures.lives++
  const result = runGuarded(interruptOften(disk, scenario), run)
  if (Result.isFailure(result)) {
    yield { kind: name, answer: "failed", what, problems: [result.failure] }
    return
  }
  const { digest, problems, tries } = result.success
  for (const [at, tried] of tries.entries()) {
    yield {
      kind: name,
      answer: tried.isInterrupted ? "interrupted" : "ended before",
      what: `${what}, ${where} ${at}`,
      problems: tried.problems
    }
  }
  figures.recoveries++
  const again = reopen(disk, { options: {} })
  const differs = again.digest === digest ? [] : [{ invariant: "I14", message: "opened again it holds something else" }]
  yield {
    kind: "the store after all of them",
    answer: "goes on",
    what: `${what}, interrupted ${where} from 0 on`,
    problems: [...problems, ...handleProblems(disk), ...again.problems, ...differs]
  }
}

export function* interruptedOperations(sample: Sample, figures: Figures): Generator<Outcome> {
  const takes = sampler(sample)
  for (const [name, operation] of Object.entries(operations)) {
    for (const activity of activities) {
      for (const { mode, source } of sources) {
        for (const { interrupt, where } of interrupts) {
          if (takes()) {
            yield* interruptedOperation({ name, operation, source, activity, mode, interrupt }, where, figures)
          }
        }
      }
    }
  }
}
