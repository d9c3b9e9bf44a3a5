import { assert, describe, it } from "@effect/vitest"
import { compareBytes } from "../../src/record/Bytes.ts"
import { keyPrefix } from "../../src/record/KeyPrefix.ts"
import { keyArbitrary } from "../table/TableFixture.ts"

describe("keyPrefix", () => {
  it.prop(
    "orders keys as their bytes do, wherever it tells them apart",
    { a: keyArbitrary, b: keyArbitrary },
    ({ a, b }) => {
      const difference = keyPrefix(a, 0, a.length) - keyPrefix(b, 0, b.length)
      if (difference !== 0) assert.strictEqual(Math.sign(difference), Math.sign(compareBytes(a, b)))
    },
    { arbitrary: { runs: 1000 } }
  )

  it("reads the key's own bytes only", () => {
    const buffer = new Uint8Array([9, 1, 2, 9, 9, 9, 9, 9, 9])
    assert.strictEqual(keyPrefix(buffer, 1, 2), keyPrefix(new Uint8Array([1, 2]), 0, 2))
    assert.strictEqual(keyPrefix(new Uint8Array(6).fill(0xff), 0, 6), 2 ** 48 - 1)
  })
})
