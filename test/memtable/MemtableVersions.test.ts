import { assert, describe, it } from "@effect/vitest"
import { ArenaMemtable } from "../../src/memtable/ArenaMemtable.ts"
import type { MemtableVersions } from "../../src/memtable/MemtableVersions.ts"
import { MoveStatus } from "../../src/record/VersionIterator.ts"
import { arbitraryRecords, hex, insertRecord, latin, MemtableModel, propertyOptions } from "./MemtableModel.ts"

const entryOf = (versions: MemtableVersions) => ({
  key: hex(versions.keyBuffer.subarray(versions.keyOffset, versions.keyOffset + versions.keyLength)),
  sequence: versions.sequence,
  kind: versions.kind,
  value: hex(versions.valueBuffer.subarray(versions.valueOffset, versions.valueOffset + versions.valueLength))
})

describe("MemtableVersions", () => {
  it.prop("I2: names every record once, keys in order and versions newest first", [arbitraryRecords], ([records]) => {
    const memtable = ArenaMemtable.make({ limit: 1 << 20, baseSequence: 10 })
    const model = new MemtableModel()
    records.forEach((record, i) => {
      insertRecord(memtable, record, 10 + i)
      model.insert(record, 10 + i)
    })
    const versions = memtable.versions()
    const entries: Array<ReturnType<typeof entryOf>> = []
    for (versions.first(); versions.valid; versions.advance()) entries.push(entryOf(versions))
    assert.deepStrictEqual(
      entries,
      model.keys.flatMap((key) =>
        model.versions(key).map(({ kind, sequence, value }) => ({ key, sequence, kind, value }))
      )
    )
    assert.strictEqual(entries.length, memtable.count)
  }, propertyOptions)

  it("stays at the end, and can begin again", () => {
    const memtable = ArenaMemtable.make({ limit: 1 << 20, baseSequence: 0 })
    const versions = memtable.versions()
    assert.strictEqual(versions.first(), MoveStatus.ready)
    assert.strictEqual(versions.valid, false)
    insertRecord(memtable, { key: latin("a") }, 1)
    versions.first()
    assert.strictEqual(versions.valid, true)
    versions.advance()
    versions.advance()
    assert.strictEqual(versions.valid, false)
    versions.first()
    assert.strictEqual(entryOf(versions).key, hex(latin("a")))
  })
})
