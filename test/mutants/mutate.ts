/**
 * Makes a bug: `LSM_MUTANT=name node --import ./test/mutants/mutate.ts ...` edits
 * the engine's modules as they are loaded, and no file. A process that was to
 * have a bug and did not load the module ends with an error.
 */
import { readFileSync } from "node:fs"
import { registerHooks } from "node:module"
import { fileURLToPath } from "node:url"
import { mutated } from "./Mutant.ts"
import { mutants } from "./mutants.ts"

const name = process.env["LSM_MUTANT"]
const mutant = mutants.find((candidate) => candidate.name === name)
if (mutant === undefined) throw new Error(`There is no mutant with the name in LSM_MUTANT: ${name}.`)

const root = new URL("../../", import.meta.url).href
const left = new Set(mutant.edits.map(({ file }) => file))

registerHooks({
  load: (url, context, nextLoad) => {
    const loaded = nextLoad(url, context)
    const file = url.startsWith(root) ? url.slice(root.length) : ""
    if (!left.delete(file)) return loaded
    return { ...loaded, source: mutated(readFileSync(fileURLToPath(url), "utf8"), file, mutant.edits) }
  }
})

process.on("exit", () => {
  if (left.size === 0) return
  process.exitCode = 3
  process.stderr.write(`The mutant ${mutant.name} was not made: ${[...left].join(", ")} was not loaded.\n`)
})
