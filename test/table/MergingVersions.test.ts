import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Schema } from "effect"
import { BlockCache } from "../../src/table/BlockCache.ts"
import { MergingVersions } from "../../src/table/MergingVersions.ts"
import {
  compareEntries,
  historyArbitrary,
  openTable,
  put,
  readings,
  readVersions,
  show,
  writeTable
} from "./TableFixture.ts"

describe("MergingVersions", () => {
  for (const { cacheSize, mode, name } of readings) {
    it.effect.prop(
      `I10: gives every version of every source once, in order, ${name}`,
      {
        history: historyArbitrary,
        /** The sources that have a record, as bits. */
        places: Arbitrary.array(
          Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 15 }))),
          { minLength: 1, maxLength: 20 }
        )
      },
      ({ history, places }) =>
        Effect.gen(function*() {
          const cache = new BlockCache(cacheSize)
          const sources = yield* Effect.forEach([0, 1, 2, 3], (source) => {
            const entries = history.filter((_, i) => (places[i % places.length]! >> source) & 1)
            return openTable(writeTable(entries.toSorted(compareEntries), { file: source + 1 }), { mode, cache })
          })
          const merged = new MergingVersions(sources.map((reader) => reader.versions()))
          const found = yield* readVersions(merged)
          assert.deepStrictEqual(found.map(show), history.toSorted(compareEntries).map(show))
        }),
      { arbitrary: { runs: 40, size: 100 } }
    )
  }

  it.effect("takes a version that two sources have from the newer one", () =>
    Effect.gen(function*() {
      const newer = yield* openTable(writeTable([put("a", 3, "newer")], { file: 2 }))
      const older = yield* openTable(writeTable([put("a", 3, "older")], { file: 1 }))
      const found = yield* readVersions(new MergingVersions([newer.versions(), older.versions()]))
      assert.deepStrictEqual(found.map(show), [show(put("a", 3, "newer"))])
    }))

  it.effect("can be walked twice", () =>
    Effect.gen(function*() {
      const reader = yield* openTable(writeTable([put("a", 3), put("b", 1)]))
      const merged = new MergingVersions([reader.versions()])
      assert.deepStrictEqual((yield* readVersions(merged)).map(show), (yield* readVersions(merged)).map(show))
    }))

  it.effect("gives nothing for no sources", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* readVersions(new MergingVersions([])), [])
    }))
})
