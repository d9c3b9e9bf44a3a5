/** Walks a cursor by arbitrary moves beside a model of it. */
import { assert } from "@effect/vitest"
import { Arbitrary, Effect, Schema } from "effect"
import { compareBytes } from "../../src/record/Bytes.ts"
import type { Cursor } from "../../src/record/Cursor.ts"
import { expectedLookup, keyArbitrary, move, show } from "./TableFixture.ts"
import type { Entry, TableError } from "./TableFixture.ts"

export const movesArbitrary = Arbitrary.array(
  Arbitrary.all({
    kind: Arbitrary.schema(
      Schema.Literals([
        "next",
        "next",
        "next",
        "previous",
        "previous",
        "previous",
        "select",
        "seekFirst",
        "seekLast",
        "seekAtOrAfter",
        "seekAtOrBefore"
      ])
    ),
    key: keyArbitrary,
    /** Which entry's sequence to select at. */
    entry: Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 150 })))
  }),
  { maxLength: 60 }
)

type Move = typeof movesArbitrary extends Arbitrary.Arbitrary<ReadonlyArray<infer M>> ? M : never

const currentKey = (cursor: Cursor): string =>
  cursor.valid
    ? Buffer.from(cursor.keyBuffer.subarray(cursor.keyOffset, cursor.keyOffset + cursor.keyLength)).toString("hex")
    : "no position"

const selectedEntry = (cursor: Cursor, key: Uint8Array): string =>
  cursor.selected
    ? show({
      key,
      sequence: cursor.sequence,
      kind: cursor.kind,
      value: cursor.valueBuffer.slice(cursor.valueOffset, cursor.valueOffset + cursor.valueLength)
    })
    : "absent"

/** Checks a cursor over all the sorted entries. */
export const checkCursor = (
  cursor: Cursor,
  entries: ReadonlyArray<Entry>,
  moves: ReadonlyArray<Move>
): Effect.Effect<void, TableError> =>
  Effect.gen(function*() {
    const keys = entries.map((entry) => entry.key).filter((key, i, all) =>
      i === 0 || compareBytes(key, all[i - 1]!) !== 0
    )
    let at = -1
    const checkPosition = (what: string) => {
      const expected = at < 0 || at >= keys.length ? "no position" : Buffer.from(keys[at]!).toString("hex")
      assert.strictEqual(currentKey(cursor), expected, what)
    }
    const select = (sequence: number) =>
      Effect.gen(function*() {
        yield* move(cursor, () => cursor.select(sequence))
        const key = keys[at]
        assert.strictEqual(
          key === undefined ? (cursor.selected ? "selected" : "absent") : selectedEntry(cursor, key),
          key === undefined ? "absent" : expectedLookup(entries, key, sequence),
          `select at ${sequence}`
        )
      })

    yield* move(cursor, () => cursor.seekFirst())
    for (at = 0; at < keys.length; at++) {
      checkPosition("forward")
      yield* select(Number.MAX_SAFE_INTEGER)
      yield* move(cursor, () => cursor.next())
    }
    checkPosition("forward, at the end")
    yield* move(cursor, () => cursor.seekLast())
    for (at = keys.length - 1; at >= 0; at--) {
      checkPosition("backward")
      yield* select(Number.MAX_SAFE_INTEGER)
      yield* move(cursor, () => cursor.previous())
    }
    checkPosition("backward, at the end")

    at = -1
    for (const { entry, key, kind } of moves) {
      switch (kind) {
        case "select":
          yield* select((entries[entry % (entries.length + 1)]?.sequence ?? 0) - (entry % 2))
          break
        case "next":
          if (at >= 0 && ++at >= keys.length) at = -1
          yield* move(cursor, () => cursor.next())
          break
        case "previous":
          if (at >= 0) at--
          yield* move(cursor, () => cursor.previous())
          break
        case "seekFirst":
          at = keys.length > 0 ? 0 : -1
          yield* move(cursor, () => cursor.seekFirst())
          break
        case "seekLast":
          at = keys.length - 1
          yield* move(cursor, () => cursor.seekLast())
          break
        case "seekAtOrAfter":
        case "seekAtOrBefore": {
          const passed = new Uint8Array(key)
          const after = kind === "seekAtOrAfter"
          at = after
            ? keys.findIndex((other) => compareBytes(other, key) >= 0)
            : keys.findLastIndex((other) => compareBytes(other, key) <= 0)
          yield* move(cursor, () => {
            const status = after ? cursor.seekAtOrAfter(passed) : cursor.seekAtOrBefore(passed)
            passed.fill(0x77)
            return status
          })
          break
        }
      }
      checkPosition(kind)
    }
  })
