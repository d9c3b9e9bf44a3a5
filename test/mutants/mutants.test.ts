/**
 * Each mutant is a bug that the simulation must find. What the same seeds find in
 * the engine as it is, which is nothing, test/simulate shows.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { stripTypeScriptTypes } from "node:module"
import { startChild } from "../../scripts/support/ChildProcess.ts"
import { invariants, knownWays, mutated, occurrences } from "./Mutant.ts"
import { mutants } from "./mutants.ts"

const root = new URL("../../", import.meta.url)
const sourceOf = (file: string): string => readFileSync(new URL(file, root), "utf8")

describe("Mutants", () => {
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

describe.concurrent("The simulation", () => {
  for (const { breaks, name, seeds: [first, last], shownAs = [] } of mutants) {
    it.live(
      `${breaks.join(", ")}: finds ${name} in seeds ${first} to ${last}`,
      () =>
        Effect.scoped(Effect.gen(function*() {
          const lines: Array<string> = []
          const child = yield* startChild(
            new URL("scripts/simulate.ts", root),
            ["--seeds", `${first}..${last}`, "--no-shrink"],
            (line) => lines.push(line),
            { loadsFirst: new URL("mutate.ts", import.meta.url), environment: { LSM_MUTANT: name, NO_COLOR: "1" } }
          )
          const { code, errors } = yield* child.ended
          const told = [lines.join("\n"), errors].join("\n")
          assert.strictEqual(code, 1, told)
          const found = new Set(lines.map((line) => /^ {2}(I\d+): /u.exec(line)?.[1]))
          assert.isTrue([...breaks, ...shownAs].some((invariant) => found.has(invariant)), told)
        })),
      240_000
    )
  }
})
