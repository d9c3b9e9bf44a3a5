/** The examples of the public face do what they say, each in a working directory of its own. */
import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import * as effect from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Store from "../../src/index.ts"
import * as Node from "../../src/node/index.ts"
import * as Testing from "../../src/testing/index.ts"
import { checkExample, examplesIn, examplesOn } from "../testing/examples.ts"

const modules = { effect, "effect-lsm": Store, "effect-lsm/node": Node, "effect-lsm/testing": Testing }

const inDocComments = [
  ...examplesIn(new URL("../../src/", import.meta.url)),
  ...examplesIn(new URL("../../src/node/", import.meta.url))
]
const onPages = ["../../README.md", "../../src/testing/README.md"].flatMap((page) =>
  examplesOn(new URL(page, import.meta.url))
)

describe("examples of the store", () => {
  const home = process.cwd()
  let directory = ""

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "effect-lsm-examples-"))
    process.chdir(directory)
  })

  afterEach(() => {
    process.chdir(home)
    rmSync(directory, { recursive: true, force: true })
  })

  it("are found", () => {
    assert.isAtLeast(inDocComments.length, 8)
    assert.strictEqual(onPages.length, 5)
  })

  it.each([...inDocComments, ...onPages])(
    "$name runs and shows what it says",
    (example) => checkExample(example, modules)
  )
})
