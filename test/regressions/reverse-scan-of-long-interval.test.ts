/**
 * A block with one restart for all its entries was taken for one with a restart for every eighth: a reverse scan put
 * all of its keys together, each of them long and almost wholly shared, and a small file took gigabytes of memory.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { checksum, checksumSeed } from "../../src/record/Checksum.ts"
import { writeVarint } from "../../src/record/Varint.ts"
import { StoreCorrupted } from "../../src/StoreError.ts"
import { blockTrailerSize } from "../../src/table/Block.ts"
import { everything, sourceOf } from "../table/SourceModel.ts"
import { openTable, put, writeTable } from "../table/TableFixture.ts"

const keyLength = 60_000
const entries = 2_000

/** A table of one block, in which one key of this length is followed by many that share it, with one restart for all. */
const hostileTable = Effect.gen(function*() {
  const room = keyLength + entries * 6
  const table = writeTable([{ ...put("k", 1), value: new Uint8Array(room) }], { filterBitsPerKey: 0 })
  const length = (yield* openTable(table)).index.extent(0, 1)
  const bytes = table.bytes.slice()
  const payload = bytes.subarray(0, length - blockTrailerSize).fill(0)
  const end = payload.length - 8
  let at = 0
  const addKey = (shared: number, suffix: Uint8Array, valueLength: number): void => {
    payload[at++] = 1
    at = writeVarint(payload, at, shared)
    at = writeVarint(payload, at, suffix.length)
    at = writeVarint(payload, at, valueLength)
    payload.set(suffix, at)
    at += suffix.length + valueLength
  }
  addKey(0, new Uint8Array(keyLength).fill(97), 0)
  for (let left = end - at; left > 14; left = end - at) addKey(keyLength, Uint8Array.of(98), 0)
  addKey(keyLength, Uint8Array.of(98), end - at - 7)
  assert.strictEqual(at, end)
  payload[end + 4] = 1
  new DataView(bytes.buffer).setUint32(length - 4, checksum(bytes.subarray(0, length - 4), checksumSeed(7, 0)), true)
  return { ...table, bytes }
})

describe("A block with one restart for all its entries", () => {
  it.effect("I15: is damage to a reverse scan, and takes next to no memory", () =>
    Effect.gen(function*() {
      const source = sourceOf([yield* openTable(yield* hostileTable)], { ...everything, reverse: true })
      assert.throws(() => source.advance(256), StoreCorrupted)
      assert.isBelow(source.batch.assembled.length, 2 * 1024 * 1024)
    }))
})
