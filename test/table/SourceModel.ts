/** Reads sources of entries to their end, and says what they should give. */
import { assert } from "@effect/vitest"
import { Arbitrary, Effect, Schema } from "effect"
import { compareBytes } from "../../src/record/Bytes.ts"
import { EntryBatch, noVersion } from "../../src/record/EntryBatch.ts"
import type { EntryRange, EntrySource } from "../../src/record/EntryBatch.ts"
import { RecordKind } from "../../src/record/RecordKind.ts"
import type { MoveStatus } from "../../src/record/VersionIterator.ts"
import { ReadAhead } from "../../src/table/ReadAhead.ts"
import { RunSource } from "../../src/table/RunSource.ts"
import { SortedRun } from "../../src/table/SortedRun.ts"
import type { TableReader } from "../../src/table/TableReader.ts"
import { expectedLookup, keyArbitrary, move } from "./TableFixture.ts"
import type { Entry, TableError } from "./TableFixture.ts"

/** A range, and which entry's sequence it is read at. */
export const rangeArbitrary = Arbitrary.all({
  key: keyArbitrary,
  begins: Arbitrary.schema(Schema.Literals(["at an end", "at the key", "behind the key"])),
  reverse: Arbitrary.schema(Schema.Boolean),
  entry: Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 300 })))
})
type ArbitraryRange = typeof rangeArbitrary extends Arbitrary.Arbitrary<infer R> ? R : never

export const rangeOf = (
  { begins, entry, key, reverse }: ArbitraryRange,
  entries: ReadonlyArray<Entry>
): EntryRange => ({
  start: begins === "at an end" ? undefined : { key, inclusive: begins === "at the key" },
  reverse,
  sequence: entry > 150 ? Number.MAX_SAFE_INTEGER : (entries[entry % (entries.length + 1)]?.sequence ?? 0) - (entry % 2)
})

export const everything: EntryRange = { start: undefined, reverse: false, sequence: Number.MAX_SAFE_INTEGER }

export const batchOf = ({ reverse }: EntryRange): EntryBatch => {
  const batch = new EntryBatch()
  batch.sign = reverse ? -1 : 1
  return batch
}

export const sourceOf = (
  readers: ReadonlyArray<TableReader>,
  range: EntryRange = everything,
  ahead = new ReadAhead()
): RunSource => new RunSource(new SortedRun(readers.map((reader) => ({ reader }))), range, batchOf(range), ahead)

/** Gets the next entries to hand, whatever loads that needs. */
export const settle = (
  source: { readonly load: EntrySource["load"]; advance(wanted: number): MoveStatus },
  wanted = 100
): Effect.Effect<void, TableError> =>
  move({ load: Effect.suspend(() => source.load), resume: () => source.advance(wanted) }, () => source.advance(wanted))

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

/** A copy of the key of the entry in front. */
export const frontKey = ({ at, keyLengths, keyOffsets, keys }: EntryBatch): Uint8Array =>
  keys.slice(keyOffsets[at], keyOffsets[at]! + keyLengths[at]!)

/** The entry in front as a string. */
export const showFront = (batch: EntryBatch): string => {
  const { at } = batch
  const key = frontKey(batch)
  const kind = batch.kinds[at]!
  if (kind === noVersion) return `${hex(key)} absent`
  const valueAt = batch.valueOffsets[at]!
  const value = batch.bytes.slice(valueAt, valueAt + batch.valueLengths[at]!)
  const start = valueAt - key.length
  if (start >= batch.starts[at]!) {
    const missing = batch.missing[at]!
    assert.strictEqual(hex(batch.bytes.subarray(start + missing, valueAt)), hex(key.subarray(missing)))
  }
  return `${hex(key)}${kind === RecordKind.delete ? "-" : "="}${hex(value)}`
}

/** All that a source has left. */
export const drain = (source: EntrySource): Effect.Effect<Array<string>, TableError> =>
  Effect.gen(function*() {
    const shown: Array<string> = []
    const { batch } = source
    for (;;) {
      yield* settle(source)
      if (batch.left === 0) return shown
      for (; batch.left > 0; batch.pass(1)) shown.push(showFront(batch))
    }
  })

/** What a source over sorted entries should give. */
export const expectedEntries = (
  entries: ReadonlyArray<Entry>,
  { reverse, sequence, start }: EntryRange
): Array<string> => {
  const keys = entries.map((entry) => entry.key).filter((key, i, all) => {
    if (i > 0 && compareBytes(key, all[i - 1]!) === 0) return false
    if (start === undefined) return true
    const order = compareBytes(key, start.key) * (reverse ? -1 : 1)
    return order > 0 || (order === 0 && start.inclusive)
  })
  if (reverse) keys.reverse()
  return keys.map((key) => {
    const found = expectedLookup(entries, key, sequence)
    return found === "absent" ? `${hex(key)} absent` : found.replace(/@\d+/, "")
  })
}
