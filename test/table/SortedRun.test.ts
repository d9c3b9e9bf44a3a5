import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect } from "effect"
import { compareBytes } from "../../src/record/Bytes.ts"
import { SortedRun } from "../../src/table/SortedRun.ts"
import { cut, cutsArbitrary, openTables } from "./RunFixture.ts"
import { ascii, entriesArbitrary, keyArbitrary, put } from "./TableFixture.ts"
import type { Entry } from "./TableFixture.ts"

const openRun = (parts: ReadonlyArray<ReadonlyArray<Entry>>) =>
  Effect.map(openTables(parts), (readers) => new SortedRun(readers.map((reader) => ({ reader }))))

describe("SortedRun", () => {
  it.effect.prop(
    "I11: finds the only table that may hold a key",
    { entries: entriesArbitrary, cuts: cutsArbitrary, keys: Arbitrary.array(keyArbitrary, { maxLength: 20 }) },
    ({ cuts, entries, keys }) =>
      Effect.gen(function*() {
        const parts = cut(entries, cuts)
        const run = yield* openRun(parts)
        for (const key of [...keys, ...entries.map((entry) => entry.key)]) {
          const below = parts.findLastIndex((part) => compareBytes(part[0]!.key, key) <= 0)
          const above = parts.findIndex((part) => compareBytes(part.at(-1)!.key, key) >= 0)
          assert.strictEqual(run.find(key), below === above ? below : -1)
          assert.strictEqual(run.atOrBefore(key), below)
          assert.strictEqual(run.atOrAfter(key), above < 0 ? parts.length : above)
        }
      }),
    { arbitrary: { runs: 100, size: 100 } }
  )

  it.effect("tells tables apart whose bounds begin with the same long bytes", () =>
    Effect.gen(function*() {
      const long = "a long beginning that every key has/"
      const run = yield* openRun([
        [put(`${long}item a 1`, 1), put(`${long}item a 3`, 2)],
        [put(`${long}item a 5`, 3), put(`${long}item a 7`, 4)]
      ])
      const found = ["0", "1", "2", "3", "4", "5", "6", "7", "8"].map((end) => run.find(ascii(`${long}item a ${end}`)))
      assert.deepStrictEqual(found, [-1, 0, 0, 0, -1, 1, 1, 1, -1])
      assert.strictEqual(run.find(ascii(long)), -1)
      assert.strictEqual(run.find(ascii("a long")), -1)
      assert.strictEqual(run.find(ascii("b")), -1)
    }))
})
