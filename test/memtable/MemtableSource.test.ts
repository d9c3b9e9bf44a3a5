import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { ArenaMemtable } from "../../src/memtable/ArenaMemtable.ts"
import { MemtableSource } from "../../src/memtable/MemtableSource.ts"
import { EntryBatch, noVersion } from "../../src/record/EntryBatch.ts"
import type { EntryRange } from "../../src/record/EntryBatch.ts"
import { MoveStatus } from "../../src/record/VersionIterator.ts"
import {
  arbitraryKey,
  arbitraryRecords,
  hex,
  insertRecord,
  latin,
  MemtableModel,
  propertyOptions
} from "./MemtableModel.ts"
import type { TestRecord } from "./MemtableModel.ts"

const fill = (records: ReadonlyArray<TestRecord>) => {
  const memtable = ArenaMemtable.make({ limit: 1 << 20, baseSequence: 0 })
  const model = new MemtableModel()
  records.forEach((record, i) => {
    insertRecord(memtable, record, 1 + i)
    model.insert(record, 1 + i)
  })
  return { memtable, model }
}

const sourceOf = (memtable: ArenaMemtable, range: EntryRange): MemtableSource => {
  const batch = new EntryBatch()
  batch.sign = range.reverse ? -1 : 1
  return new MemtableSource(memtable.cursor(), range, batch)
}

/** Key, kind and value of all that a source has left. */
const drain = (source: MemtableSource): Array<ReadonlyArray<string | number>> => {
  const entries: Array<ReadonlyArray<string | number>> = []
  const { batch } = source
  for (;;) {
    assert.strictEqual(source.advance(100), MoveStatus.ready)
    if (batch.left === 0) return entries
    for (; batch.left > 0; batch.pass(1)) {
      const { at, bytes, keyLengths, keyOffsets, keys, kinds, valueLengths, valueOffsets } = batch
      const key = hex(keys.subarray(keyOffsets[at], keyOffsets[at]! + keyLengths[at]!))
      const value = hex(bytes.subarray(valueOffsets[at], valueOffsets[at]! + valueLengths[at]!))
      entries.push(kinds[at] === noVersion ? [key, noVersion] : [key, kinds[at]!, value])
    }
  }
}

describe("MemtableSource", () => {
  it.prop(
    "I8: gives each key as of a sequence, from a key on, in either direction",
    {
      records: arbitraryRecords,
      key: arbitraryKey,
      begins: Arbitrary.schema(Schema.Literals(["at an end", "at the key", "behind the key"])),
      reverse: Arbitrary.schema(Schema.Boolean),
      age: Arbitrary.schema(Schema.Literals([0, 0, 1, 5, 30]))
    },
    ({ age, begins, key, records, reverse }) => {
      const { memtable, model } = fill(records)
      const sequence = Math.max(0, records.length - age)
      const inclusive = begins === "at the key"
      const start = begins === "at an end" ? undefined : { key, inclusive }
      const keys = (reverse ? model.keys.toReversed() : Array.from(model.keys)).filter((each) =>
        start === undefined || (each === hex(key) ? inclusive : reverse ? each < hex(key) : each > hex(key))
      )
      const expected = keys.map((each) => {
        const version = model.at(each, sequence)
        return version === undefined ? [each, noVersion] : [each, version.kind, version.value]
      })
      assert.deepStrictEqual(drain(sourceOf(memtable, { start, reverse, sequence })), expected)
    },
    propertyOptions
  )

  it("I8: shows nothing of what is inserted between its batches", () => {
    const { memtable } = fill(Array.from({ length: 100 }, (_, i) => ({ key: latin(`key ${100 + i}`) })))
    const source = sourceOf(memtable, { start: undefined, reverse: false, sequence: 100 })
    source.advance(100)
    const { left } = source.batch
    assert.isBelow(left, 100)
    source.batch.pass(left)
    insertRecord(memtable, { key: latin("key 190 and more") }, 101)
    insertRecord(memtable, { key: latin("key 195"), value: latin("newer") }, 102)
    const shown = drain(source).filter(([, kind]) => kind !== noVersion)
    assert.strictEqual(left + shown.length, 100)
    assert.isTrue(shown.every(([, , value]) => value === ""))
  })
})
