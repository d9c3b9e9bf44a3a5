import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { ArenaMemtable } from "../../src/memtable/ArenaMemtable.ts"
import {
  arbitraryRecords,
  encodedSize,
  hex,
  insertRecord,
  latin,
  makeRandom,
  propertyOptions,
  shuffle,
  versionOf
} from "./MemtableModel.ts"
import type { TestRecord } from "./MemtableModel.ts"

const headerBytes = 64

const padded = (bytes: number): number => Math.ceil(bytes / 4) * 4

/** Bytes of the records, from how they are laid out. */
const recordBytes = (records: ReadonlyArray<TestRecord>): number => {
  const seen = new Set<string>()
  let bytes = 0
  for (const record of records) {
    const key = hex(record.key)
    const valueLength = record.value?.length ?? 0
    bytes += padded(seen.has(key) ? 12 + valueLength : 16 + record.key.length + valueLength)
    seen.add(key)
  }
  return bytes
}

/** Bytes of the nodes of a radix tree over keys in order that agree in their first `depth` bytes. */
const nodeBytes = (keys: ReadonlyArray<Uint8Array>, depth: number): number => {
  if (keys.length < 2) return 0
  const first = keys[0]!
  const last = keys.at(-1)!
  while (depth < first.length && first[depth] === last[depth]) depth++
  const groups = Map.groupBy(keys.filter((key) => key.length > depth), (key) => key[depth]!)
  let bytes = groups.size <= 4 ? 32 : groups.size <= 16 ? 96 : groups.size <= 48 ? 480 : 1_056
  for (const group of groups.values()) bytes += nodeBytes(group, depth + 1)
  return bytes
}

const sortedKeys = (records: ReadonlyArray<TestRecord>): Array<Uint8Array> =>
  Array.from(new Map(records.map((record) => [hex(record.key), record.key])).values())
    .sort((a, b) => Buffer.compare(a, b))

/** Streams of different keys in which nearly every node ends up with `fanOut` children. */
const fanOutKeys = (fanOut: number, prefixLength: number): (i: number) => Uint8Array => {
  return (i) => {
    const key = new Uint8Array(prefixLength + 4)
    const node = Math.floor(i / fanOut)
    key[prefixLength] = node & 255
    key[prefixLength + 1] = node >>> 8
    key[prefixLength + 2] = node >>> 16
    key[prefixLength + 3] = i % fanOut
    return key
  }
}

/**
 * The same round by round, so that all nodes outgrow a size before any could be
 * made of those freed; of a length that needs the most padding.
 */
const roundKeys = (fanOut: number): (i: number) => Uint8Array => {
  const nodes = Math.ceil(18_000 / fanOut)
  return (i) => Uint8Array.of(i % nodes, (i % nodes) >>> 8, 0, 0, Math.floor(i / nodes))
}

/** The shortest different keys: those of one byte, of two bytes, of three. */
const shortestKey = (i: number): Uint8Array => {
  if (i === 0) return new Uint8Array(0)
  if (i <= 256) return Uint8Array.of(i - 1)
  if (i <= 256 + 65_536) return Uint8Array.of((i - 257) & 255, (i - 257) >>> 8)
  const rest = i - 257 - 65_536
  return Uint8Array.of(rest & 255, (rest >>> 8) & 255, rest >>> 16)
}

const streams: ReadonlyArray<readonly [string, (i: number) => Uint8Array]> = [
  ["the shortest keys", shortestKey],
  ["one key", () => latin("k")],
  ["the empty key", () => latin("")],
  ["a chain of prefixes", (i) => new Uint8Array(i % 3_000)],
  ...[2, 4, 5, 16, 17, 48, 49, 256].map((fanOut) => [`nodes of ${fanOut}`, fanOutKeys(fanOut, 0)] as const),
  ...[5, 17, 49].map((fanOut) => [`nodes of ${fanOut} in rounds`, roundKeys(fanOut)] as const)
]

const tightestArena = (): ArenaMemtable => ArenaMemtable.make({ limit: 0, baseSequence: 0 })

describe("ArenaMemtable size", () => {
  it.prop("I13: usedBytes is exact, index and freed nodes included", [arbitraryRecords], ([records]) => {
    const memtable = ArenaMemtable.make({ limit: 1 << 20, baseSequence: 1 })
    assert.strictEqual(memtable.usedBytes, headerBytes)
    records.forEach((record, i) => {
      insertRecord(memtable, record, 1 + i)
      if (i % 10 !== 0 && i !== records.length - 1) return
      const inserted = records.slice(0, i + 1)
      const expected = headerBytes + recordBytes(inserted) + nodeBytes(sortedKeys(inserted), 0)
      assert.strictEqual(memtable.usedBytes - memtable.freeBytes, expected)
    })
  }, propertyOptions)

  it("I13: usedBytes is exact when nodes of every size were freed and used again", () => {
    const random = makeRandom(17)
    const records = Array.from({ length: 20_000 }, () => ({ key: Uint8Array.of(random(30), random(256), random(256)) }))
    const memtable = ArenaMemtable.make({ limit: 4 << 20, baseSequence: 1 })
    records.forEach((record, i) => insertRecord(memtable, record, 1 + i))
    const expected = headerBytes + recordBytes(records) + nodeBytes(sortedKeys(records), 0)
    assert.strictEqual(memtable.usedBytes - memtable.freeBytes, expected)
    assert.isAbove(memtable.freeBytes, 0)
    assert.isBelow(memtable.freeBytes, memtable.usedBytes / 10)
  })

  for (const [name, keyAt] of streams) {
    it(`I13: fits is honest up to the last record: ${name}`, () => {
      const memtable = tightestArena()
      let i = 0
      for (; memtable.fits(1, encodedSize({ key: keyAt(i) })); i++) {
        insertRecord(memtable, { key: keyAt(i) }, i)
        assert.isAtMost(memtable.usedBytes, memtable.bytes.length)
      }
      assert.strictEqual(memtable.count, i)
      for (let j = 0; j < i; j += 97) assert.notStrictEqual(memtable.find(keyAt(j), i), 0)
    })

    it(`I13: fits is honest for the largest batch that it allows: ${name}`, () => {
      for (const isShuffled of [false, true]) {
        const memtable = tightestArena()
        const order = shuffle(
          Array.from({ length: 40_000 }, (_, i) => i),
          isShuffled ? makeRandom(29) : (bound) => bound - 1
        )
        let records = 0
        let bytes = 0
        while (records < order.length) {
          const size = encodedSize({ key: keyAt(order[records]!) })
          if (!memtable.fits(records + 1, bytes + size)) break
          records++
          bytes += size
        }
        assert.isBelow(records, order.length)
        for (let i = 0; i < records; i++) insertRecord(memtable, { key: keyAt(order[i]!) }, i)
        assert.strictEqual(memtable.count, records)
      }
    })

    it(`I13: a record of the limit's size fits as long as the memtable is not full: ${name}`, () => {
      const limit = 65_536
      const memtable = ArenaMemtable.make({ limit, baseSequence: 0 })
      for (let i = 0; !memtable.isFull; i++) {
        assert.strictEqual(memtable.fits(1, limit), true)
        insertRecord(memtable, { key: keyAt(i) }, i)
      }
    })
  }

  it.prop(
    "I13: batches enter whole wherever fits allows them",
    [
      Arbitrary.array(arbitraryRecords, { maxLength: 12 }),
      Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 700_000, maximum: 1_048_576 })))
    ],
    ([batches, ballast]) => {
      const memtable = tightestArena()
      let sequence = 0
      insertRecord(memtable, { key: latin("ballast"), value: new Uint8Array(ballast - 1_000) }, sequence)
      for (const batch of batches) {
        if (!memtable.fits(batch.length, batch.reduce((sum, record) => sum + encodedSize(record), 0))) continue
        for (const record of batch) insertRecord(memtable, record, ++sequence)
        assert.isAtMost(memtable.usedBytes, memtable.bytes.length)
      }
      assert.strictEqual(memtable.count, sequence + 1)
    },
    { arbitrary: { runs: 60, size: 160 } }
  )

  it("takes exactly the batch that it was made for, though it is of the costliest keys", () => {
    const keyAt = roundKeys(17)
    const records = 17 * Math.ceil(18_000 / 17)
    const bytes = records * encodedSize({ key: keyAt(0) })
    const memtable = ArenaMemtable.make({ limit: 0, baseSequence: 0, reserve: { records, bytes } })
    assert.strictEqual(memtable.fits(records, bytes), true)
    assert.strictEqual(memtable.fits(records + 1, bytes), false)
    for (let i = 0; i < records; i++) insertRecord(memtable, { key: keyAt(i) }, i)
    assert.strictEqual(memtable.count, records)
    assert.isAbove(memtable.usedBytes, memtable.bytes.length * 0.95)
  })

  it("throws when a record or a node finds no room, and goes on answering", () => {
    for (let slack = 0; slack < 80; slack += 4) {
      const memtable = tightestArena()
      const ballast = { key: latin("ballast"), value: new Uint8Array(memtable.bytes.length - 4_096 - slack) }
      insertRecord(memtable, ballast, 0)
      const key = (i: number): Uint8Array => Uint8Array.of(i >>> 2, i & 3, i)
      let i = 1
      assert.throws(() => {
        for (; i < 1_000; i++) insertRecord(memtable, { key: key(i), value: key(i) }, i)
      }, RangeError)
      assert.strictEqual(memtable.count, i)
      assert.strictEqual(memtable.keyCount, i)
      assert.strictEqual(memtable.lastSequence, i - 1)
      assert.isAtMost(memtable.usedBytes, memtable.bytes.length)
      for (let j = 1; j < i; j++) {
        assert.strictEqual(versionOf(memtable, memtable.find(key(j), 1e6))?.value, hex(key(j)))
      }
      assert.strictEqual(memtable.find(key(i), 1e6), 0)
      assert.strictEqual(memtable.valueLengthOf(memtable.find(ballast.key, 1e6)), ballast.value.length)
    }
  })

  it("is full from the limit on", () => {
    const memtable = ArenaMemtable.make({ limit: headerBytes + 16 + 100 + 12, baseSequence: 0 })
    assert.strictEqual(memtable.isFull, false)
    insertRecord(memtable, { key: latin("four"), value: new Uint8Array(96) }, 1)
    assert.strictEqual(memtable.isFull, false)
    insertRecord(memtable, { key: latin("four") }, 2)
    assert.strictEqual(memtable.usedBytes, memtable.limit)
    assert.strictEqual(memtable.isFull, true)
  })

  it("throws a RangeError for a size that no memory can have", () => {
    assert.throws(() => ArenaMemtable.make({ limit: 2 ** 40, baseSequence: 0 }), RangeError)
    const reserve = { records: 1, bytes: 2 ** 35 }
    assert.throws(() => ArenaMemtable.make({ limit: 65_536, baseSequence: 0, reserve }), RangeError)
  })
})
