import { assert, describe, it } from "@effect/vitest"
import { drawPlan } from "../../scripts/simulate/drawPlan.ts"
import { runPlan } from "../../scripts/simulate/runPlan.ts"

const seeds = Array.from({ length: 40 }, (_, seed) => seed + 1)

describe("A simulation", () => {
  it.for(seeds)("I1 to I16: hold through the lives of seed %i", (seed) => {
    assert.deepStrictEqual(runPlan(drawPlan(seed)).problems, [])
  })

  it.for([3, 17, 29])("is the same each time it is run (seed %i)", (seed) => {
    const plan = drawPlan(seed)
    assert.deepStrictEqual(drawPlan(seed), plan)
    assert.deepStrictEqual(runPlan(plan), runPlan(plan))
  })
})
