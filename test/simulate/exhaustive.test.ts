import { assert, describe, it } from "@effect/vitest"
import { Figures } from "../../scripts/simulate/exhaustive/Outcome.ts"
import { parts } from "../../scripts/simulate/exhaustive/parts.ts"

/** How many of the cases of `npm run simulate -- --exhaustive` one is taken of here, and which of the first that is. */
const samples: { readonly [part: string]: { readonly every: number; readonly from: number } } = {
  "crashes": { every: 41, from: 11 },
  "errors": { every: 73, from: 5 },
  "errors-in-recovery": { every: 47, from: 3 },
  "interrupts": { every: 41, from: 7 },
  "interrupts-of-owners": { every: 67, from: 2 },
  "takeovers": { every: 23, from: 1 },
  "damage": { every: 31, from: 4 }
}

describe("A part of the exhaustive runs", () => {
  for (const { name, run } of parts) {
    it(`I4, I5, I11 to I16, I26: ${name} shows no problem`, () => {
      const sample = samples[name]
      assert.isDefined(sample)
      const problems: Array<string> = []
      const answers = new Set<string>()
      for (const outcome of run(sample, new Figures())) {
        answers.add(`${outcome.kind}: ${outcome.answer}`)
        for (const { invariant, message } of outcome.problems) {
          problems.push(`${outcome.what}: ${invariant}: ${message}`)
        }
      }
      assert.deepStrictEqual(problems, [])
      assert.isAbove(answers.size, 5)
    })
  }
})
