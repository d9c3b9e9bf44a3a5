/** Runs a plan from its first life to a last look at what is left. */
import type { Counts } from "./Counts.ts"
import { contentProblems } from "./inspectStore.ts"
import { contentOf, runAttempt } from "./opening.ts"
import type { Plan } from "./Plan.ts"
import { Run } from "./Run.ts"
import type { Problem } from "./Run.ts"
import { runLife } from "./runLife.ts"

export interface Outcome {
  /** What is wrong, of the first part of the plan in which anything is. */
  readonly problems: ReadonlyArray<Problem>
  readonly counts: Counts
  /** Checksums over the choices of each simulation: equal for equal runs. */
  readonly digests: ReadonlyArray<number>
}

export const runPlan = (plan: Plan): Outcome => {
  const run = new Run(plan)
  const outcome = (): Outcome => ({ problems: run.problems, counts: run.counts, digests: run.digests })
  for (const [index, life] of plan.lives.entries()) {
    run.place = `life ${index + 1}`
    // A disk of its own, so that calls count from its beginning.
    run.disk = run.disk.killImage()
    const isPrefix = life.attempts.length > 0
    let expected = isPrefix ? contentOf(run, life.options, life.seed) : undefined
    for (const attempt of life.attempts) {
      const end = run.owed?.end
      run.disk = run.disk.killImage()
      runAttempt(run, attempt, life.options)
      // What a kill has left in the page cache a power cut may take.
      if (end !== run.owed?.end) expected = undefined
      if (run.problems.length > 0) return outcome()
    }
    run.disk = run.disk.killImage()
    runLife(run, life, index, expected)
    if (run.problems.length > 0) return outcome()
  }
  const last = plan.lives.at(-1)
  if (last === undefined) return outcome()
  run.place = "the end"
  const content = contentOf(run, last.options, last.seed)
  if (content !== undefined && run.owed !== undefined) {
    const { end, history, mark } = run.owed
    run.checked(["I4", "I5"], history.problemsAfter(content, mark, end))
    const first = plan.lives[0]
    const again = first === undefined ? undefined : contentOf(run, first.options, first.seed)
    if (again !== undefined) run.checked(["I10"], contentProblems("other options", again, content))
  }
  return outcome()
}
