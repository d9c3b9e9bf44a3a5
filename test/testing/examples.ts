/** Finds the examples in doc comments, and runs them: of each line `expression // => value` both sides must be equal. */
import { assert } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { stripTypeScriptTypes } from "node:module"
import { compileFunction } from "node:vm"

export interface Example {
  readonly name: string
  readonly code: string
}

/** The examples in the doc comments of all files of a directory, without those below it. */
export const examplesIn = (directory: URL): ReadonlyArray<Example> =>
  readdirSync(directory).filter((name) => name.endsWith(".ts")).sort().flatMap((name) => {
    const source = readFileSync(new URL(name, directory), "utf8")
    return Array.from(source.matchAll(/@example\n\s*\* ```ts\n([\s\S]*?)\n\s*\* ```/g), ([, body = ""], index) => ({
      name: `${name} ${index + 1}`,
      code: body.replaceAll(/^\s*\* ?/gm, "")
    }))
  })

/** The examples in a page of Markdown. */
export const examplesOn = (page: URL): ReadonlyArray<Example> =>
  Array.from(readFileSync(page, "utf8").matchAll(/^```ts\n([\s\S]*?)\n```$/gm), ([, code = ""], index) => ({
    name: `${page.pathname.slice(page.pathname.lastIndexOf("/") + 1)} ${index + 1}`,
    code
  }))

/** Runs one example, which may import from the given modules only. */
export const checkExample = async (example: Example, modules: Readonly<Record<string, object>>): Promise<void> => {
  let checks = 0
  const check = (actual: unknown, expected: unknown): void => {
    checks++
    assert.deepStrictEqual(actual, expected)
  }
  const body = stripTypeScriptTypes(example.code)
    .replaceAll(/^import \{(.*)\} from "(.*)"$/gm, "const {$1} = modules[\"$2\"]")
    .replaceAll(/^(.*\S) \/\/ => (.*)$/gm, "check($1, $2)")
  const run = compileFunction(`return (async () => {\n${body}\n})()`, ["modules", "check"])
  await Reflect.apply(run, undefined, [modules, check])
  assert.isAbove(checks, 0, "the example shows no value")
}
