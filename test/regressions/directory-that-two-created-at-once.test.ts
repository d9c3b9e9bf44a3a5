import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { StoreLocked } from "../../src/index.ts"
import { SimulatedDisk } from "../../src/testing/index.ts"
import { failureOf, open, runSimulated, simulatedLayer } from "../store/storeHelpers.ts"

describe("A directory that two open at once, and neither finds there", () => {
  it("is made by one of them; the other one is refused or comes after it", () => {
    let refusals = 0
    for (let seed = 0; seed < 40; seed++) {
      const disk = SimulatedDisk.make()
      const opening = Effect.scoped(open(simulatedLayer(disk)))
      const exits = runSimulated(seed, Effect.all([Effect.exit(opening), Effect.exit(opening)], { concurrency: 2 }))
      assert.isTrue(exits.some(Exit.isSuccess), `seed ${seed}`)
      for (const exit of exits) {
        if (Exit.isSuccess(exit)) continue
        refusals++
        assert.instanceOf(runSimulated(seed, failureOf(exit)), StoreLocked, `seed ${seed}`)
      }
    }
    assert.isAbove(refusals, 0)
  })
})
