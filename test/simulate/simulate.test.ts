import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { drawPlan } from "../../scripts/simulate/drawPlan.ts"
import { PlanJson } from "../../scripts/simulate/Plan.ts"
import type { Plan } from "../../scripts/simulate/Plan.ts"
import { runPlan } from "../../scripts/simulate/runPlan.ts"
import { shrinkPlan } from "../../scripts/simulate/shrink.ts"

const seeds = Array.from({ length: 60 }, (_, seed) => seed + 1)

describe("A simulation", () => {
  it.for(seeds)("I1 to I16, I26: hold through the lives of seed %i", (seed) => {
    assert.deepStrictEqual(runPlan(drawPlan(seed)).problems, [])
  })

  it.for([3, 17, 29, 44])("is the same each time it is run, and when its plan was kept as text (seed %i)", (seed) => {
    const plan = drawPlan(seed)
    assert.deepStrictEqual(drawPlan(seed), plan)
    const kept = Schema.decodeSync(PlanJson)(Schema.encodeSync(PlanJson)(plan))
    assert.deepStrictEqual(kept, plan)
    const outcome = runPlan(plan)
    assert.isNotEmpty(outcome.digests)
    assert.deepStrictEqual(runPlan(kept), outcome)
  })

  it("is another one under another seed", () => {
    const digests = seeds.slice(0, 8).map((seed) => runPlan(drawPlan(seed)).digests.join())
    assert.strictEqual(new Set(digests).size, digests.length)
  })
})

describe("A plan that fails", () => {
  /** Stands in for a bug: a life is lost in which a key is deleted after it was put. */
  const fails = ({ lives }: Plan): boolean =>
    lives.some(({ fibers }) =>
      fibers.some((operations) => {
        const put = operations.findIndex(({ _tag }) => _tag === "Put")
        return put >= 0 && operations.findIndex(({ _tag }) => _tag === "Delete") > put
      })
    )

  it("shrinks to what it fails of", () => {
    const plan = seeds.map(drawPlan).find((each) => each.lives.length > 2 && fails(each))
    assert.isDefined(plan)
    const smallest = shrinkPlan(plan, fails, { runs: 10_000, milliseconds: 30_000 })
    assert.isTrue(fails(smallest))
    assert.lengthOf(smallest.lives, 1)
    const [life] = smallest.lives
    assert.deepStrictEqual(life?.fibers.map((operations) => operations.map(({ _tag }) => _tag)), [["Put", "Delete"]])
    assert.isEmpty([...life?.faults ?? [], ...life?.defects ?? [], ...life?.attempts ?? [], ...smallest.damages])
    assert.deepStrictEqual(life?.end, { _tag: "Close" })
    assert.strictEqual(smallest.seed, plan.seed)
    assert.deepStrictEqual(runPlan(smallest).problems, [])
  })

  it("shrinks for no longer than there is patience", () => {
    const plan = seeds.map(drawPlan).find(fails)
    assert.isDefined(plan)
    let runs = 0
    const counted = (candidate: Plan): boolean => {
      runs++
      return fails(candidate)
    }
    shrinkPlan(plan, counted, { runs: 7, milliseconds: 30_000 })
    assert.strictEqual(runs, 7)
  })
})
