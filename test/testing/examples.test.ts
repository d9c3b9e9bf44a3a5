import { assert, describe, it } from "@effect/vitest"
import * as effect from "effect"
import * as Store from "../../src/index.ts"
import * as Testing from "../../src/testing/index.ts"
import { checkExample, examplesIn } from "./examples.ts"

const examples = examplesIn(new URL("../../src/testing/", import.meta.url))

describe("examples in doc comments", () => {
  it("are found", () => {
    assert.isAtLeast(examples.length, 8)
  })

  it.each(examples)(
    "$name runs and shows what it says",
    (example) => checkExample(example, { effect, "effect-lsm": Store, "effect-lsm/testing": Testing })
  )
})
