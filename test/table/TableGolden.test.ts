import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { CompressionCode } from "../../src/table/BlockCodec.ts"
import { footerSize, storedFooterChecksum } from "../../src/table/TableFormat.ts"
import { goldenEntries, goldenOptions } from "./goldenTable.ts"
import { openTable, readVersions, show, writeTable } from "./TableFixture.ts"

const golden = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`golden/${name}.table`, import.meta.url)))

const tables = [
  { name: "version-1", compression: "none" },
  { name: "version-1-lz4", compression: "lz4" },
  { name: "version-1-zstd", compression: "zstd" },
  // The oldest tables of this version: nothing in the footer depends on the blocks.
  { name: "version-1-without-digest", compression: "none" }
] as const

/** Another release of zstd may compress otherwise, and without a digest no table is written: these are read alone. */
const written = tables.slice(0, 2)

describe("the golden tables of format version 1", () => {
  for (const { compression, name } of written) {
    it(`are written byte for byte, compression ${compression}`, () => {
      const { bytes } = writeTable(goldenEntries, { ...goldenOptions, compression })
      assert.strictEqual(Buffer.from(bytes).toString("hex"), Buffer.from(golden(name)).toString("hex"))
    })
  }

  for (const { compression, name } of tables) {
    it.effect(`are read: ${name}`, () =>
      Effect.gen(function*() {
        const bytes = golden(name)
        const footerChecksum = storedFooterChecksum(bytes.subarray(bytes.length - footerSize))
        const meta = { ...writeTable(goldenEntries, goldenOptions).meta, size: bytes.length, footerChecksum }
        const reader = yield* openTable({ meta, bytes })
        const codes = new Set(
          Array.from({ length: reader.index.count }, (_, block) => bytes[reader.index.extent(0, block + 1) - 5]!)
        )
        assert.isTrue(codes.has(CompressionCode[compression]))
        assert.deepStrictEqual((yield* readVersions(reader.versions())).map(show), goldenEntries.map(show))
        for (const { key } of goldenEntries) assert.isTrue(reader.mayContain(key))
      }))
  }
})
