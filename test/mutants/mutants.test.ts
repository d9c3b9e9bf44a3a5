import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { stripTypeScriptTypes } from "node:module"
import { invariants, knownWays, mutated, occurrences } from "./Mutant.ts"
import { mutants } from "./mutants.ts"

const sourceOf = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), "utf8")

describe("mutants", () => {
  it("cover every invariant and every known way to get an engine wrong", () => {
    const broken = new Set(mutants.map(({ breaks: [foremost] }) => foremost))
    const ways = new Set(mutants.map(({ knownWay }) => knownWay))
    assert.deepStrictEqual(invariants.filter((invariant) => !broken.has(invariant)), [])
    assert.deepStrictEqual(knownWays.filter((way) => !ways.has(way)), [])
    assert.strictEqual(new Set(mutants.map(({ name }) => name)).size, mutants.length)
  })

  it.each(mutants)("$name fits the source as it is, and leaves a module", ({ edits }) => {
    for (const file of new Set(edits.map((edit) => edit.file))) {
      const source = sourceOf(file)
      for (const edit of edits.filter((each) => each.file === file)) {
        assert.strictEqual(occurrences(source, edit.find), 1)
      }
      const changed = mutated(source, file, edits)
      assert.notStrictEqual(changed, source)
      assert.isNotEmpty(stripTypeScriptTypes(changed))
    }
  })
})
