import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { checksumSeed } from "../../src/record/Checksum.ts"
import { RecordKind } from "../../src/record/RecordKind.ts"
import { Block } from "../../src/table/Block.ts"
import { BlockBuilder } from "../../src/table/BlockBuilder.ts"
import { BlockCache } from "../../src/table/BlockCache.ts"
import { TableOutput } from "../../src/table/TableOutput.ts"

const makeBlock = (valueLength: number): Block => {
  const output = new TableOutput()
  const builder = new BlockBuilder(output)
  builder.add(0, false, new Uint8Array(1), 0, 1, 1, RecordKind.put, new Uint8Array(valueLength), 0, valueLength)
  builder.finish(checksumSeed(1, 0))
  const block = Block.read(output.take()[0]!, checksumSeed(1, 0))
  if (typeof block === "string") throw new Error(block)
  return block
}

/** What one such block costs in a cache. */
const sizeOf = (block: Block): number => {
  const cache = new BlockCache(1 << 20)
  cache.table(1, 1).add(0, block)
  return cache.bytes
}

describe("BlockCache", () => {
  it("finds what was added and counts hits and misses", () => {
    const cache = new BlockCache(1 << 20)
    const table = cache.table(1, 4)
    const block = makeBlock(10)
    assert.isUndefined(table.get(2))
    table.add(2, block)
    assert.strictEqual(table.get(2), block)
    assert.isUndefined(table.get(1))
    assert.deepStrictEqual([cache.hits, cache.misses], [1, 2])
  })

  it("keeps the same block number of two tables apart", () => {
    const cache = new BlockCache(1 << 20)
    const block = makeBlock(10)
    cache.table(1, 1).add(0, block)
    assert.isUndefined(cache.table(2, 1).get(0))
  })

  it("caches nothing without capacity", () => {
    const cache = new BlockCache(0)
    const table = cache.table(1, 1)
    table.add(0, makeBlock(10))
    assert.isUndefined(table.get(0))
    assert.strictEqual(cache.bytes, 0)
  })

  it("does not make room for a block that cannot fit", () => {
    const small = makeBlock(10)
    const cache = new BlockCache(sizeOf(small))
    const table = cache.table(1, 2)
    table.add(0, small)
    table.add(1, makeBlock(1000))
    assert.strictEqual(table.get(0), small)
    assert.isUndefined(table.get(1))
  })

  it("keeps a block that is used over and over while others pass", () => {
    const block = makeBlock(10)
    const cache = new BlockCache(sizeOf(block) * 4)
    const table = cache.table(1, 101)
    table.add(0, block)
    for (let i = 1; i <= 100; i++) {
      assert.strictEqual(table.get(0), block)
      table.add(i, makeBlock(10))
    }
    assert.strictEqual(cache.blocks, 4)
  })

  it("adds nothing for a table that has gone away", () => {
    const cache = new BlockCache(1 << 20)
    const table = cache.table(1, 2)
    table.add(0, makeBlock(10))
    cache.drop(1)
    table.add(1, makeBlock(10))
    assert.deepStrictEqual([cache.blocks, cache.bytes], [0, 0])
    assert.isUndefined(table.get(0))
  })

  it.prop(
    "holds its bound, and never another block than was added",
    {
      steps: Arbitrary.array(
        Arbitrary.schema(Schema.Struct({
          kind: Schema.Literals(["add", "add", "add", "get", "get", "drop"]),
          file: Schema.Literals([1, 2, 3]),
          number: Schema.Literals([0, 1, 2, 3, 4, 5]),
          length: Schema.Literals([0, 50, 400])
        })),
        { maxLength: 100 }
      )
    },
    ({ steps }) => {
      const cache = new BlockCache(1500)
      const open = (file: number) => ({ table: cache.table(file, 6), added: new Map<number, Block>() })
      const tables = new Map([1, 2, 3].map((file) => [file, open(file)]))
      for (const { file, kind, length, number } of steps) {
        const { added, table } = tables.get(file)!
        if (kind === "add") {
          const block = makeBlock(length)
          if (table.get(number) === undefined) added.set(number, block)
          table.add(number, block)
        } else if (kind === "get") {
          const found = table.get(number)
          if (found !== undefined) assert.strictEqual(found, added.get(number))
        } else {
          cache.drop(file)
          tables.set(file, open(file))
        }
        let bytes = 0
        let blocks = 0
        for (const each of tables.values()) {
          for (let i = 0; i < 6; i++) {
            const found = each.table.get(i)
            if (found === undefined) continue
            bytes += sizeOf(found)
            blocks++
          }
        }
        assert.deepStrictEqual([cache.bytes, cache.blocks], [bytes, blocks])
        assert.isAtMost(cache.bytes, cache.capacity)
      }
    },
    { arbitrary: { size: 100 } }
  )
})
