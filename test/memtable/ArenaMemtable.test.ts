import { assert, describe, it } from "@effect/vitest"
import { ArenaMemtable } from "../../src/memtable/ArenaMemtable.ts"
import { RecordKind } from "../../src/record/RecordKind.ts"
import {
  arbitraryRecords,
  hex,
  insertRecord,
  latin,
  makeRandom,
  MemtableModel,
  probesFor,
  propertyOptions,
  shuffle,
  unhex,
  versionOf
} from "./MemtableModel.ts"
import type { TestRecord } from "./MemtableModel.ts"

const limit = 1 << 20

const fill = (records: ReadonlyArray<TestRecord>, base: number, memtable: ArenaMemtable): MemtableModel => {
  const model = new MemtableModel()
  records.forEach((record, i) => {
    insertRecord(memtable, record, base + i)
    model.insert(record, base + i)
  })
  return model
}

const keysOf = (memtable: ArenaMemtable): Array<string> => {
  const cursor = memtable.cursor()
  const keys: Array<string> = []
  for (cursor.seekFirst(); cursor.valid; cursor.next()) {
    keys.push(hex(cursor.keyBuffer.subarray(cursor.keyOffset, cursor.keyOffset + cursor.keyLength)))
  }
  return keys
}

describe("ArenaMemtable", () => {
  it.prop("I8: find answers as the model at every sequence", [arbitraryRecords], ([records]) => {
    const base = 1_000
    const memtable = ArenaMemtable.make({ limit, baseSequence: base })
    const model = fill(records, base, memtable)
    for (const probe of probesFor(records.map((record) => record.key))) {
      const key = hex(probe)
      const edges = model.versions(key).flatMap(({ sequence }) => [sequence - 1, sequence, sequence + 1])
      for (const sequence of [base - 1, base + records.length, Number.MAX_SAFE_INTEGER, ...edges]) {
        assert.deepStrictEqual(versionOf(memtable, memtable.find(probe, sequence)), model.at(key, sequence))
      }
    }
  }, propertyOptions)

  it.prop("I10: after a reset nothing of the former life is left", [arbitraryRecords, arbitraryRecords], (lives) => {
    const memtable = ArenaMemtable.make({ limit, baseSequence: 50 })
    const empty = memtable.usedBytes
    const former = fill(lives[0], 50, memtable)
    memtable.reset(7)
    assert.strictEqual(memtable.isEmpty, true)
    assert.strictEqual(memtable.count, 0)
    assert.strictEqual(memtable.keyCount, 0)
    assert.strictEqual(memtable.usedBytes, empty)
    assert.strictEqual(memtable.freeBytes, 0)
    assert.strictEqual(memtable.baseSequence, 7)
    const model = fill(lives[1], 7, memtable)
    assert.deepStrictEqual(keysOf(memtable), model.keys)
    for (const key of [...former.keys, ...model.keys]) {
      assert.deepStrictEqual(versionOf(memtable, memtable.find(unhex(key), 1e9)), model.at(key, 1e9))
    }
  }, propertyOptions)

  it("finds nothing while it is empty", () => {
    const memtable = ArenaMemtable.make({ limit, baseSequence: 1 })
    assert.strictEqual(memtable.isEmpty, true)
    assert.strictEqual(memtable.find(latin(""), 10), 0)
    assert.strictEqual(memtable.find(latin("a"), 10), 0)
    assert.deepStrictEqual(keysOf(memtable), [])
  })

  it("keeps every key found and in order while a node grows through all its sizes", () => {
    for (const withTerminal of [false, true]) {
      const memtable = ArenaMemtable.make({ limit, baseSequence: 1 })
      const model = new MemtableModel()
      const keys = shuffle(Array.from({ length: 256 }, (_, byte) => Uint8Array.of(9, 9, byte)), makeRandom(77))
      if (withTerminal) keys.splice(30, 0, Uint8Array.of(9, 9))
      keys.forEach((key, i) => {
        insertRecord(memtable, { key, value: key }, 1 + i)
        model.insert({ key, value: key }, 1 + i)
        assert.deepStrictEqual(keysOf(memtable), model.keys)
        for (const other of keys) {
          assert.deepStrictEqual(versionOf(memtable, memtable.find(other, 1e6)), model.at(hex(other), 1e6))
        }
      })
    }
  })

  it("holds many random keys whose nodes grow at several depths at once", () => {
    const random = makeRandom(5)
    const memtable = ArenaMemtable.make({ limit: 8 << 20, baseSequence: 1 })
    const model = new MemtableModel()
    for (let i = 0; i < 40_000; i++) {
      const key = new Uint8Array(1 + random(6))
      for (let j = 0; j < key.length; j++) key[j] = random(j === 0 ? 60 : 256)
      const record = { key, value: Uint8Array.of(i, i >>> 8) }
      insertRecord(memtable, record, 1 + i)
      model.insert(record, 1 + i)
    }
    assert.deepStrictEqual(keysOf(memtable), model.keys)
    for (const key of model.keys) {
      assert.deepStrictEqual(versionOf(memtable, memtable.find(unhex(key), 1e6)), model.at(key, 1e6))
    }
  })

  it("tells keys of 65,535 bytes apart by any byte, and from their prefixes", () => {
    const memtable = ArenaMemtable.make({ limit: 8 << 20, baseSequence: 1 })
    const longest = new Uint8Array(65_535).fill(7)
    const variants = [0, 1, 40_000, 65_533, 65_534].map((at) => {
      const variant = Uint8Array.from(longest)
      variant[at] = 6
      return variant
    })
    const keys = shuffle(
      [
        longest,
        longest.subarray(0, 65_534),
        longest.subarray(0, 32_768),
        longest.subarray(0, 1),
        latin(""),
        ...variants
      ],
      makeRandom(3)
    )
    const model = fill(keys.map((key, i) => ({ key, value: Uint8Array.of(i) })), 1, memtable)
    assert.deepStrictEqual(keysOf(memtable), model.keys)
    for (const key of keys) {
      assert.deepStrictEqual(versionOf(memtable, memtable.find(key, 100)), model.at(hex(key), 100))
    }
    assert.strictEqual(memtable.find(longest.subarray(0, 65_533), 100), 0)
  })

  it("holds a long chain of keys that are prefixes of each other", () => {
    const memtable = ArenaMemtable.make({ limit: 8 << 20, baseSequence: 1 })
    const whole = new Uint8Array(1_500).map((_, i) => i % 3)
    const lengths = shuffle(Array.from({ length: 1_501 }, (_, i) => i), makeRandom(11))
    const model = fill(lengths.map((length) => ({ key: whole.subarray(0, length) })), 1, memtable)
    assert.deepStrictEqual(keysOf(memtable), model.keys)
    for (const length of lengths) assert.notStrictEqual(memtable.find(whole.subarray(0, length), 1e6), 0)
  })

  it("gives back values of every length, from sources of every alignment", () => {
    const memtable = ArenaMemtable.make({ limit: 8 << 20, baseSequence: 1 })
    const random = makeRandom(21)
    const shared = new Uint8Array(new SharedArrayBuffer(70_001), 1)
    const source = Buffer.from(new ArrayBuffer(70_003), 3)
    for (let i = 0; i < 70_000; i++) source[i] = shared[i] = random(256)
    const lengths = [0, 1, 2, 3, 4, 15, 16, 17, 31, 33, 100, 495, 496, 497, 511, 512, 513, 5_000, 60_000]
    const expected: Array<string> = []
    let sequence = 1
    for (const length of lengths) {
      for (let shift = 0; shift < 9; shift++) {
        const from = shift % 3 === 2 ? shared : source
        const key = Uint8Array.of(length, length >>> 8, shift)
        from.set(key, 1_000)
        // One source several times in a row, then another; the value apart from the key and then right behind it.
        const valueOffset = shift % 2 === 0 ? 2_000 + shift : 1_003
        memtable.insert(RecordKind.put, from, 1_000, 3, valueOffset, length, sequence++)
        memtable.insert(RecordKind.put, from, 1_000, 3, valueOffset + 1, length, sequence++)
        expected.push(hex(from.subarray(valueOffset, valueOffset + length)))
        expected.push(hex(from.subarray(valueOffset + 1, valueOffset + 1 + length)))
      }
    }
    sequence = 1
    for (const length of lengths) {
      for (let shift = 0; shift < 9; shift++) {
        const key = Uint8Array.of(length, length >>> 8, shift)
        for (let version = 0; version < 2; version++, sequence++) {
          assert.deepStrictEqual(versionOf(memtable, memtable.find(key, sequence)), {
            sequence,
            kind: RecordKind.put,
            value: expected[sequence - 1]!
          })
        }
      }
    }
  })

  it("copies what it is given", () => {
    const memtable = ArenaMemtable.make({ limit, baseSequence: 1 })
    const source = latin("keyvalue")
    memtable.insert(RecordKind.put, source, 0, 3, 3, 5, 1)
    source.fill(0)
    assert.deepStrictEqual(versionOf(memtable, memtable.find(latin("key"), 1)), {
      sequence: 1,
      kind: RecordKind.put,
      value: hex(latin("value"))
    })
  })

  it("takes sequences up to 2^32 above a base beyond 2^40", () => {
    const base = 2 ** 40 + 12_345
    const memtable = ArenaMemtable.make({ limit, baseSequence: base })
    insertRecord(memtable, { key: latin("a") }, base)
    insertRecord(memtable, { key: latin("a"), value: latin("x") }, base + 2 ** 32 - 1)
    assert.strictEqual(memtable.baseSequence, base)
    assert.strictEqual(memtable.firstSequence, base)
    assert.strictEqual(memtable.lastSequence, base + 2 ** 32 - 1)
    assert.strictEqual(memtable.sequenceOf(memtable.find(latin("a"), base + 2 ** 32 - 2)), base)
    assert.strictEqual(memtable.sequenceOf(memtable.find(latin("a"), base + 2 ** 32 - 1)), base + 2 ** 32 - 1)
    assert.strictEqual(memtable.find(latin("a"), base - 1), 0)
  })

  it("refuses a sequence out of order or out of range, and is not changed by it", () => {
    const memtable = ArenaMemtable.make({ limit, baseSequence: 100 })
    const insert = (sequence: number) => () => insertRecord(memtable, { key: latin("b") }, sequence)
    assert.throws(insert(99), RangeError)
    assert.throws(insert(100 + 2 ** 32), RangeError)
    insertRecord(memtable, { key: latin("a") }, 105)
    const used = memtable.usedBytes
    assert.throws(insert(105), RangeError)
    assert.throws(insert(104), RangeError)
    assert.strictEqual(memtable.count, 1)
    assert.strictEqual(memtable.firstSequence, 105)
    assert.strictEqual(memtable.lastSequence, 105)
    assert.strictEqual(memtable.usedBytes, used)
    assert.deepStrictEqual(keysOf(memtable), [hex(latin("a"))])
  })

  it("counts records and keys apart", () => {
    const memtable = ArenaMemtable.make({ limit, baseSequence: 1 })
    ;["a", "b", "a", "", "a", ""].forEach((key, i) => insertRecord(memtable, { key: latin(key) }, 1 + i))
    assert.strictEqual(memtable.count, 6)
    assert.strictEqual(memtable.keyCount, 3)
    assert.strictEqual(memtable.isEmpty, false)
  })

  it("works where offsets into the arena pass 4 GiB", () => {
    // The nodes lie at the end of the arena; the pages between them and the records are never touched.
    const memtable = ArenaMemtable.make({
      limit,
      baseSequence: 1,
      reserve: { records: 1_000, bytes: 4.5 * 2 ** 30 }
    })
    const random = makeRandom(9)
    const records = Array.from({ length: 2_000 }, () => {
      const key = Uint8Array.of(random(4), random(256), random(2))
      return { key, value: key }
    })
    const model = fill(records, 1, memtable)
    assert.isAbove(memtable.bytes.length, 2 ** 32)
    assert.deepStrictEqual(keysOf(memtable), model.keys)
    for (const key of model.keys) {
      assert.deepStrictEqual(versionOf(memtable, memtable.find(unhex(key), 1e6)), model.at(key, 1e6))
    }
  })
})
