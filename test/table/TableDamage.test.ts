import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Cause, Effect, Exit, Schema } from "effect"
import { checksum } from "../../src/record/Checksum.ts"
import { BlockCache } from "../../src/table/BlockCache.ts"
import type { Compression } from "../../src/table/Compression.ts"
import { footerSize, sectionChecksum } from "../../src/table/TableFormat.ts"
import { drain, sourceOf } from "./SourceModel.ts"
import {
  blockSizeArbitrary,
  entriesArbitrary,
  lookup,
  openTable,
  put,
  readFile,
  readVersions,
  show,
  tombstone,
  writeTable
} from "./TableFixture.ts"
import type { Entry, TableBytes, TableError } from "./TableFixture.ts"

const entries: ReadonlyArray<Entry> = [
  put("", 40, "the empty key"),
  put("apple", 9, "one"),
  put("apple", 7, "two"),
  tombstone("apple", 3),
  ...Array.from({ length: 12 }, (_, i) => put("banana", 70_000 - i, `version ${i}`)),
  tombstone("cherry", 2),
  put("cherry pie", 0x1_0000_0001, "a longer value that fills a block by itself, or nearly so, which is enough"),
  put("d", 1)
]

/** Everything that a reader can say about a table, in every way in which it reads. */
const readAll = (table: TableBytes, bytes: Uint8Array): Effect.Effect<string, TableError> =>
  Effect.gen(function*() {
    const reader = yield* openTable({ meta: table.meta, bytes }, { cache: new BlockCache(0) })
    const said: Array<string> = []
    for (const entry of yield* readVersions(reader.versions())) {
      said.push(show(entry), yield* lookup(reader, entry.key, entry.sequence))
    }
    for (const sequence of [1000, Number.MAX_SAFE_INTEGER]) {
      for (const reverse of [false, true]) {
        said.push(...yield* drain(sourceOf([reader], { start: undefined, reverse, sequence })))
      }
    }
    return said.join("\n")
  })

const isRefused = (table: TableBytes, bytes: Uint8Array): boolean => {
  const exit = Effect.runSyncExit(readAll(table, bytes))
  if (Exit.isSuccess(exit)) return false
  assert.isTrue(
    Exit.isFailure(exit) && exit.cause.reasons.every((reason) => reason._tag === "Fail"),
    Cause.pretty(exit.cause)
  )
  return true
}

const compressions: ReadonlyArray<Compression> = ["none", "lz4", "zstd"]

/** Makes every checksum right again after the bytes were changed, as no accident does. */
const reseal = (table: TableBytes, bytes: Uint8Array): TableBytes => {
  const { index } = Effect.runSync(openTable(table))
  const { file, size } = table.meta
  const view = new DataView(bytes.buffer)
  for (let block = 0; block < index.count; block++) {
    const start = index.offset(block)
    const end = start + index.extent(block, block + 1)
    view.setUint32(end - 4, sectionChecksum(bytes.subarray(start, end - 4), file, start), true)
  }
  const footerOffset = size - footerSize
  let offset = index.extent(0, index.count)
  for (const field of [8, 16, 24]) {
    const length = view.getUint32(footerOffset + field, true)
    const sealed = sectionChecksum(bytes.subarray(offset, offset + length), file, offset)
    view.setUint32(footerOffset + field + 4, sealed, true)
    offset += length
  }
  const footerChecksum = checksum(
    bytes.subarray(size - 8),
    sectionChecksum(bytes.subarray(footerOffset, footerOffset + 36), file, footerOffset)
  )
  view.setUint32(footerOffset + 36, footerChecksum, true)
  return { bytes, meta: { ...table.meta, footerChecksum } }
}

describe("a damaged table", () => {
  for (const compression of compressions) {
    it(`I15: is refused for each flipped bit, by a reader that reads everything, compression ${compression}`, () => {
      const table = writeTable(entries, { compression, blockSize: 400 })
      if (compression !== "none")
        assert.isBelow(table.bytes.length, writeTable(entries, { blockSize: 400 }).bytes.length)
      assert.isFalse(isRefused(table, table.bytes))
      for (let at = 0; at < table.bytes.length; at++) {
        for (let bit = 0; bit < 8; bit++) {
          const bytes = table.bytes.slice()
          bytes[at]! ^= 1 << bit
          assert.isTrue(isRefused(table, bytes), `byte ${at}, bit ${bit}`)
        }
      }
    })
  }

  it("I15: is refused at each length that it could be cut to, and at that length filled up with zeros", () => {
    const table = writeTable(entries)
    for (let length = 0; length < table.bytes.length; length++) {
      assert.isTrue(isRefused(table, table.bytes.slice(0, length)), `cut to ${length}`)
      const zeroed = table.bytes.slice()
      zeroed.fill(0, length)
      assert.isTrue(isRefused(table, zeroed), `zero from ${length}`)
    }
  })

  it("I15: is refused with a block of another file in the place of its own", () => {
    const own = writeTable(entries, { file: 1 })
    const other = writeTable(entries, { file: 2 })
    assert.strictEqual(own.bytes.length, other.bytes.length)
    const reader = Effect.runSync(openTable(own))
    assert.isAbove(reader.index.count, 3)
    for (let block = 0; block < reader.index.count; block++) {
      const start = reader.index.offset(block)
      const bytes = own.bytes.slice()
      bytes.set(other.bytes.subarray(start, start + reader.index.extent(block, block + 1)), start)
      assert.isTrue(isRefused(own, bytes), `block ${block}`)
    }
  })

  it("I15: is refused with two blocks of one length swapped", () => {
    const table = writeTable(Array.from({ length: 400 }, (_, i) => put(`key ${1000 + i}`, 300, "value")))
    const { index } = Effect.runSync(openTable(table))
    let swapped = 0
    for (let block = 1; block < index.count; block++) {
      const length = index.extent(block, block + 1)
      if (index.extent(block - 1, block) !== length) continue
      swapped++
      const start = index.offset(block)
      const bytes = table.bytes.slice()
      bytes.copyWithin(start, start - length, start)
      bytes.set(table.bytes.subarray(start, start + length), start - length)
      assert.isTrue(isRefused(table, bytes), `block ${block}`)
    }
    assert.isAbove(swapped, 10)
  })

  it.prop(
    "I15: reads as before or is refused after any range was zeroed, filled or copied from elsewhere in it",
    {
      content: entriesArbitrary,
      blockSize: blockSizeArbitrary,
      compression: Schema.Literals(compressions),
      from: Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 100_000 }))),
      to: Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 100_000 }))),
      length: Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 2000 }))),
      damage: Schema.Literals(["zero", "fill", "copy"])
    },
    ({ blockSize, compression, content, damage, from, length, to }) => {
      const table = writeTable(content, { blockSize, compression })
      const bytes = table.bytes.slice()
      const start = to % bytes.length
      if (damage === "copy") {
        const source = from % bytes.length
        bytes.set(table.bytes.subarray(source, Math.min(source + length, source + bytes.length - start)), start)
      } else {
        bytes.fill(damage === "zero" ? 0 : from & 0xff, start, start + length)
      }
      const unchanged = Buffer.compare(bytes, table.bytes) === 0
      assert.strictEqual(isRefused(table, bytes), !unchanged)
    },
    { arbitrary: { runs: 150, size: 100 } }
  )

  it.prop(
    "is read to an end, or refused, even if its checksums were made to fit",
    {
      content: entriesArbitrary,
      blockSize: blockSizeArbitrary,
      compression: Schema.Literals(compressions),
      changes: Arbitrary.array(
        Arbitrary.schema(Schema.Struct({
          at: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 100_000 })),
          value: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))
        })),
        { minLength: 1, maxLength: 8 }
      )
    },
    ({ blockSize, changes, compression, content }) => {
      const table = writeTable(content, { blockSize, compression })
      const bytes = table.bytes.slice()
      for (const { at, value } of changes) bytes[at % (bytes.length - footerSize)] = value
      const changed = reseal(table, bytes)
      const exit = Effect.runSyncExit(readAll(changed, changed.bytes))
      if (Exit.isFailure(exit)) {
        assert.isTrue(exit.cause.reasons.every((reason) => reason._tag === "Fail"), Cause.pretty(exit.cause))
      }
    },
    { arbitrary: { runs: 400, size: 100 } }
  )

  it.effect("is refused where an entry shares more with its restart's key than the entry before it", () =>
    Effect.gen(function*() {
      const table = writeTable(["key0", "kez0", "kez1"].map((key) => put(key, 1)), { filterBitsPerKey: 0 })
      const bytes = table.bytes.slice()
      const third = 16
      assert.deepStrictEqual([...bytes.subarray(third, third + 3)], [5, 2, 2])
      bytes[third + 1] = 3
      const changed = reseal(table, bytes)
      const reader = yield* openTable(changed)
      assert.strictEqual((yield* Effect.flip(readVersions(reader.versions())))._tag, "StoreCorrupted")
    }))

  it("I15: does not allocate by lengths that a damaged footer claims", () => {
    const table = writeTable(entries)
    const file = readFile(table.bytes)
    for (let at = table.bytes.length - footerSize; at < table.bytes.length; at++) {
      const bytes = table.bytes.slice()
      bytes[at] = 0xff
      const damaged = readFile(bytes)
      Effect.runSyncExit(openTable(table, { file: damaged }))
      for (const length of damaged.reads) assert.isAtMost(length, file.size)
    }
  })
})
