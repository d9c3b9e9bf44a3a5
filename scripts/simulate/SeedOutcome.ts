/** What one seed came to, as data that passes from one process to another. */
import { Schema } from "effect"
import { CountsJson } from "./Counts.ts"
import { drawPlan } from "./drawPlan.ts"
import { runPlan } from "./runPlan.ts"

export const SeedOutcome = Schema.Struct({
  seed: Schema.Number,
  problems: Schema.Array(Schema.Struct({ invariant: Schema.String, message: Schema.String })),
  counts: CountsJson,
  /** Equal for equal runs. */
  digest: Schema.String
})
export type SeedOutcome = typeof SeedOutcome.Type

/** One line of text. */
export const SeedOutcomeLine = Schema.fromJsonString(SeedOutcome)

/** So many seeds apart one is run twice, to see that it comes to the same. */
const checkedTwiceEvery = 50

export const runSeed = (seed: number): SeedOutcome => {
  const plan = drawPlan(seed)
  const { counts, digests, problems } = runPlan(plan)
  const digest = digests.join()
  const isTwice = seed % checkedTwiceEvery === 0 && runPlan(plan).digests.join() !== digest
  const unequal = { invariant: "determinism", message: "the same plan ran in another way when it was run again" }
  return { seed, problems: isTwice ? [...problems, unequal] : problems, counts: counts.toJSON(), digest }
}
