/**
 * What a worker thread loads before its first job. The package's main module takes a thread 70 ms more than the
 * modules that it needs, and 4 MB of heap.
 */
import { expect, it } from "@effect/vitest"
import { readFileSync } from "node:fs"

const importOf = /^(?:import|export)(?! type)[^;]*? from "([^"]+)"|import\("([^"]+)"\)/gm

/** The modules that a module imports at run time, and theirs, each with what it imports. */
const importsFrom = (entry: URL, known = new Map<string, ReadonlyArray<string>>()): typeof known => {
  if (known.has(entry.href)) return known
  const imports = [...readFileSync(entry, "utf8").matchAll(importOf)].map((match) => match[1] ?? match[2]!)
  known.set(entry.href, imports)
  for (const name of imports) if (name.startsWith(".")) importsFrom(new URL(name, entry), known)
  return known
}

it("the modules of a worker thread import no more of Effect than they use", () => {
  const modules = importsFrom(new URL("../../src/jobs/entry.ts", import.meta.url))
  expect(modules.size).toBeGreaterThan(40)
  expect([...modules].filter(([, imports]) => imports.includes("effect")).map(([module]) => module)).toEqual([])
})
