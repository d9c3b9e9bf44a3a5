/**
 * The footer's checksum did not depend on the blocks, so that a table passed for
 * another of the same number and size that differed from it in values alone.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { StoreCorrupted } from "../../src/StoreError.ts"
import { openTable, put, writeTable } from "../table/TableFixture.ts"

describe("A table that differs from the named one in a value alone (I15)", () => {
  it.effect("is StoreCorrupted when it is opened", () =>
    Effect.gen(function*() {
      for (const compression of ["none", "lz4", "zstd"] as const) {
        const [one, other] = ["one", "two"].map((value) => writeTable([put("key", 1, value)], { compression }))
        if (one === undefined || other === undefined) return assert.fail("no tables")
        assert.strictEqual(one.bytes.length, other.bytes.length)
        assert.notStrictEqual(one.meta.footerChecksum, other.meta.footerChecksum)
        const error = yield* Effect.flip(openTable({ meta: one.meta, bytes: other.bytes }))
        assert.instanceOf(error, StoreCorrupted)
      }
    }))
})
