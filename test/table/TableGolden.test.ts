import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { goldenEntries, goldenOptions } from "./goldenTable.ts"
import { openTable, readVersions, show, writeTable } from "./TableFixture.ts"

const golden = new Uint8Array(readFileSync(new URL("golden/version-1.table", import.meta.url)))

describe("the golden table of format version 1", () => {
  it("is written byte for byte", () => {
    const { bytes } = writeTable(goldenEntries, goldenOptions)
    assert.strictEqual(Buffer.from(bytes).toString("hex"), Buffer.from(golden).toString("hex"))
  })

  it.effect("is read", () =>
    Effect.gen(function*() {
      const { meta } = writeTable(goldenEntries, goldenOptions)
      const reader = yield* openTable({ meta, bytes: golden })
      assert.deepStrictEqual((yield* readVersions(reader.versions())).map(show), goldenEntries.map(show))
      for (const { key } of goldenEntries) assert.isTrue(reader.mayContain(key))
    }))
})
