/** Tells of a failure so that it can be looked into: the problems, the smallest plan, and how to see it again. */
import { Schema } from "effect"
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Problem } from "../../src/testing/index.ts"
import { PlanJson } from "./Plan.ts"
import type { Plan } from "./Plan.ts"
import { runPlan } from "./runPlan.ts"
import { shrinkPlan } from "./shrink.ts"
import type { Patience } from "./shrink.ts"

/** Most problems that are told of. */
const mostShown = 10

export const problemLines = (problems: ReadonlyArray<Problem>): ReadonlyArray<string> => [
  ...problems.slice(0, mostShown).map(({ invariant, message }) => `  ${invariant}: ${message}`),
  ...(problems.length > mostShown ? [`  and ${problems.length - mostShown} more`] : [])
]

/** The smallest plan that fails as the given one does. */
export const smallestPlan = (plan: Plan, problems: ReadonlyArray<Problem>, patience: Patience): Plan => {
  const invariant = problems[0]?.invariant
  return shrinkPlan(plan, (candidate) => runPlan(candidate).problems[0]?.invariant === invariant, patience)
}

/** Writes the plan into a file of its own; its path. */
export const keepPlan = (plan: Plan): string => {
  const file = join(mkdtempSync(join(tmpdir(), "effect-lsm-simulate-")), `seed-${plan.seed}.json`)
  writeFileSync(file, JSON.stringify(JSON.parse(Schema.encodeSync(PlanJson)(plan)), null, 1))
  return file
}
