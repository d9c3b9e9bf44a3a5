/** Runs a plan from its first life to a last look at what is left. */
import { shapeProblems } from "../../src/testing/index.ts"
import type { Problem } from "../../src/testing/index.ts"
import { emptyKept } from "./closedStore.ts"
import type { Counts } from "./Counts.ts"
import { checkDamage, openAndKill, writeSome } from "./damage.ts"
import { contentOf, openReadOnly, runAttempt } from "./opening.ts"
import type { Life, Plan } from "./Plan.ts"
import { Run } from "./Run.ts"
import { runLife } from "./runLife.ts"
import { directory } from "./storeOptions.ts"

export interface Outcome {
  /** What is wrong, in the first part of the plan in which anything is. */
  readonly problems: ReadonlyArray<Problem>
  readonly counts: Counts
  /** Checksums over all choices and all calls to disks: equal for equal runs. */
  readonly digests: ReadonlyArray<number>
}

const liveOn = (run: Run, life: Life, index: number): void => {
  run.latency = life.latency
  run.nextDisk()
  // However often an opening is cut short, the last one finds what the first would have.
  let expected = life.attempts.length > 0 ? contentOf(run, life.options, life.seed)?.content : undefined
  for (const attempt of life.attempts) {
    if (run.problems.length > 0) return
    const { owed } = run
    run.nextDisk()
    if (attempt.readOnly === true) openReadOnly(run, attempt, life.options, expected)
    else runAttempt(run, attempt, life.options)
    // What a kill has left in the page cache a power cut may take.
    if (owed !== run.owed) expected = undefined
  }
  if (run.problems.length > 0) return
  run.nextDisk()
  runLife(run, life, index, expected)
}

const lookAtLast = (run: Run, [first]: ReadonlyArray<Life>): void => {
  if (first === undefined || run.owed === undefined) return
  run.latency = "none"
  const found = contentOf(run, first.options, first.seed)
  if (found === undefined) return
  const { end, history, mark } = run.owed
  run.checked(["I4", "I5"], history.problemsAfter(found.content, mark, end))
  if (run.plan.damages.length === 0) return
  // What a crash has left unsynced can't be told from damage: so it is done to a store that was closed in order.
  run.disk = found.closed
  const written = writeSome(run, first.options, first.seed)
  if (written === undefined) return
  // It has kept what an opening without writes had left.
  run.checked(["I2", "I9", "I11", "I16"], [...shapeProblems(run.disk, directory), ...emptyKept(run.disk)])
  const killed = openAndKill(run, first.options, first.seed)
  if (killed === undefined) return
  for (const damage of run.plan.damages) {
    for (const left of [run.disk, killed]) checkDamage(run, left, damage, first.options, written)
  }
}

export const runPlan = (plan: Plan): Outcome => {
  const run = new Run(plan)
  for (const [index, life] of plan.lives.entries()) {
    run.place = `life ${index + 1}`
    if (run.problems.length === 0) liveOn(run, life, index)
  }
  run.place = "the end"
  if (run.problems.length === 0) lookAtLast(run, plan.lives)
  return { problems: run.problems, counts: run.counts, digests: run.digests }
}
