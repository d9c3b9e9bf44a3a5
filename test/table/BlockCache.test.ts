import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { checksumSeed } from "../../src/record/Checksum.ts"
import { RecordKind } from "../../src/record/RecordKind.ts"
import { Block } from "../../src/table/Block.ts"
import { BlockBuilder } from "../../src/table/BlockBuilder.ts"
import { BlockCache } from "../../src/table/BlockCache.ts"
import type { CachedTable } from "../../src/table/BlockCache.ts"
import { TableOutput } from "../../src/table/TableOutput.ts"
import { SeededRandom } from "../../src/testing/SeededRandom.ts"

const makeBlock = (valueLength: number): Block => {
  const output = new TableOutput()
  const builder = new BlockBuilder(output, "none")
  builder.add(0, false, new Uint8Array(1), 0, 1, 1, RecordKind.put, new Uint8Array(valueLength), 0, valueLength)
  builder.finish(checksumSeed(1, 0))
  const block = Block.read(output.take()[0]!, checksumSeed(1, 0))
  if (typeof block === "string") throw new Error(block)
  return block
}

/** A block that was added as it is, found as by a lookup or by a scan. */
const find = (cache: BlockCache, table: CachedTable, number: number, fromScan = false): Block | undefined =>
  fromScan ? table.getToKeep(number) : cache.block(table.use(number))

/** What one such block costs in a cache. */
const sizeOf = (block: Block): number => {
  const cache = new BlockCache(1 << 20)
  cache.table(1, 1).add(0, block)
  return cache.bytes
}

const bigBlocks = new Map([20_000, 50_000, 400_000, 1_500_000].map((length) => [length, makeBlock(length)]))

describe("BlockCache", () => {
  it("finds what was added and counts hits and misses", () => {
    const cache = new BlockCache(1 << 20)
    const table = cache.table(1, 4)
    const block = makeBlock(10)
    assert.isUndefined(find(cache, table, 2))
    table.add(2, block)
    assert.strictEqual(find(cache, table, 2), block)
    assert.isUndefined(find(cache, table, 1))
    assert.deepStrictEqual([cache.hits, cache.misses], [1, 2])
  })

  it("gives a block to a scan in memory of its own, and its place to the next block", () => {
    const cache = new BlockCache(1 << 20)
    const table = cache.table(1, 2)
    const blocks = [makeBlock(10), makeBlock(12)] as const
    table.addCopy(0, blocks[0])
    const slot = cache.taggedSlot(table.use(0))
    assert.isAtLeast(slot, 0)
    assert.isUndefined(find(cache, table, 0))
    const bytes = cache.bytes
    const kept = find(cache, table, 0, true)
    assert.strictEqual(cache.taggedSlot(table.use(0)), -1)
    table.addCopy(1, blocks[1])
    assert.strictEqual(cache.taggedSlot(table.use(1)), slot)
    assert.isDefined(kept?.tagged)
    assert.deepStrictEqual(kept?.bytes, blocks[0].bytes.slice(0, blocks[0].payloadLength))
    assert.strictEqual(find(cache, table, 0), kept)
    assert.isAbove(cache.bytes, bytes)
    cache.drop(1)
    assert.deepStrictEqual([cache.blocks, cache.bytes], [0, 0])
  })

  it("copies blocks that fit no place, and those that get no tags", () => {
    const entry = (blockSize: number) => {
      const cache = new BlockCache(1 << 20, blockSize)
      const table = cache.table(1, 1)
      table.addCopy(0, big)
      return { cache, found: find(cache, table, 0) }
    }
    const big = makeBlock(20_000)
    const bytes = big.bytes.slice(0, big.payloadLength)
    const { cache, found } = entry(4096)
    assert.deepStrictEqual(found?.bytes, bytes)
    assert.notStrictEqual(found?.bytes.buffer, big.bytes.buffer)
    assert.isAbove(cache.bytes, bytes.length)
    assert.isUndefined(entry(32_768).found)
    const untagged = makeBlock(70_000)
    const large = new BlockCache(1 << 20, 128 * 1024)
    const table = large.table(1, 1)
    table.addCopy(0, untagged)
    assert.strictEqual(large.taggedSlot(table.use(0)), -1)
    assert.deepStrictEqual(find(large, table, 0)?.bytes, untagged.bytes)
    assert.deepStrictEqual(find(large, table, 0, true)?.bytes, untagged.bytes)
  })

  it("keeps the same block number of two tables apart", () => {
    const cache = new BlockCache(1 << 20)
    const block = makeBlock(10)
    cache.table(1, 1).add(0, block)
    assert.isUndefined(find(cache, cache.table(2, 1), 0))
  })

  it("caches nothing without capacity", () => {
    const cache = new BlockCache(0)
    const table = cache.table(1, 1)
    table.add(0, makeBlock(10))
    assert.isUndefined(find(cache, table, 0))
    assert.strictEqual(cache.bytes, 0)
  })

  it("does not make room for a block that cannot fit", () => {
    const small = makeBlock(10)
    const cache = new BlockCache(sizeOf(small))
    const table = cache.table(1, 2)
    table.add(0, small)
    table.add(1, makeBlock(1000))
    assert.strictEqual(find(cache, table, 0), small)
    assert.isUndefined(find(cache, table, 1))
  })

  it("keeps a block that is used over and over while others pass", () => {
    const block = makeBlock(10)
    const cache = new BlockCache(sizeOf(block) * 4)
    const table = cache.table(1, 101)
    table.add(0, block)
    for (let i = 1; i <= 100; i++) {
      assert.strictEqual(find(cache, table, 0), block)
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
    assert.isUndefined(find(cache, table, 0))
  })

  /** A table of `count` blocks of one size, in a cache with room for so many of them. */
  const room = (blocks: number, count: number) => {
    const block = makeBlock(10)
    const cache = new BlockCache(sizeOf(block) * blocks)
    const table = cache.table(1, count)
    return {
      cache,
      table,
      has: (number: number) => table.places[number]! > 0,
      /** A read through the cache; true for a hit. */
      read: (number: number, fromScan = false) => {
        if (find(cache, table, number, fromScan) !== undefined) return true
        table.add(number, block)
        return false
      }
    }
  }

  it("keeps what was read twice through a scan of ten times its size", () => {
    const { cache, read } = room(100, 1_060)
    const hot = Array.from({ length: 60 }, (_, i) => i)
    for (let round = 0; round < 2; round++) for (const number of hot) read(number)
    // At the seams of its chunks a scan reads a block again.
    for (let number = 60; number < 1_060; number++) for (let i = 0; i < 3; i++) read(number, true)
    for (const number of hot) assert.isTrue(read(number), `block ${number}`)
    assert.isAtMost(cache.bytes, cache.capacity)
  })

  it("keeps what was read twice through point reads of everything else", () => {
    const { read } = room(100, 1_060)
    const hot = Array.from({ length: 60 }, (_, i) => i)
    for (let round = 0; round < 2; round++) for (const number of hot) read(number)
    for (let number = 60; number < 1_060; number++) read(number)
    for (const number of hot) assert.isTrue(read(number), `block ${number}`)
  })

  it("does not keep what one scan read more than once", () => {
    const { has, read } = room(20, 100)
    for (let i = 0; i < 5; i++) read(0, true)
    read(1)
    read(1)
    for (let number = 2; number < 100; number++) read(number)
    assert.deepStrictEqual([has(0), has(1)], [false, true])
  })

  it("keeps what is read again soon after it went, by scans too", () => {
    const { has, read } = room(20, 200)
    for (const fromScan of [false, true]) {
      const number = fromScan ? 1 : 0
      read(number, fromScan)
      for (let other = 10; has(number); other++) read(other, fromScan)
      read(number, fromScan)
      for (let other = 100; other < 180; other++) read(other, fromScan)
      assert.isTrue(has(number))
    }
  })

  it("lets what was used go once it is used no more", () => {
    const { has, read } = room(20, 400)
    for (let number = 0; number < 400; number++) {
      for (let i = 0; i < 2; i++) read(number)
      if (number < 50) { for (let i = 0; i < 3; i++) read(0) }
    }
    assert.isFalse(has(0))
  })

  it("has more hits than the clock algorithm on skewed reads", () => {
    const blocks = 2_000
    const random = new SeededRandom(1)
    const weights = Array.from({ length: blocks }, (_, i) => 1 / (i + 1) ** 0.9)
    const sums: Array<number> = []
    let sum = 0
    for (const weight of weights) sums.push(sum += weight)
    const draw = () => {
      const at = random.next() * sum
      let low = 0
      let high = blocks - 1
      while (low < high) {
        const middle = (low + high) >>> 1
        if (sums[middle]! < at) low = middle + 1
        else high = middle
      }
      return low
    }
    for (const size of [20, 200, 800]) {
      const { cache, read } = room(size, blocks)
      const clock = { slots: new Array<number>(), used: new Set<number>(), places: new Map<number, number>(), hand: 0 }
      let clockHits = 0
      for (let i = 0; i < 40_000; i++) {
        const number = draw()
        read(number)
        if (clock.places.has(number)) {
          clock.used.add(number)
          clockHits++
          continue
        }
        if (clock.slots.length < size) {
          clock.places.set(number, clock.slots.push(number) - 1)
          continue
        }
        for (; clock.used.delete(clock.slots[clock.hand]!); clock.hand = (clock.hand + 1) % size);
        clock.places.delete(clock.slots[clock.hand]!)
        clock.slots[clock.hand] = number
        clock.places.set(number, clock.hand)
        clock.hand = (clock.hand + 1) % size
      }
      assert.isAtLeast(cache.hits, clockHits, `${size} of ${blocks} blocks`)
    }
  })

  it("counts what it evicts, and the share of hits", () => {
    const { cache, read } = room(4, 100)
    assert.strictEqual(cache.hitRate, 0)
    for (let number = 0; number < 10; number++) read(number)
    for (let i = 0; i < 30; i++) read(9)
    assert.deepStrictEqual([cache.blocks, cache.evictions, cache.hitRate], [4, 6, 0.75])
  })

  it("counts the indexes and filters of open tables, and gives their room back", () => {
    const MiB = 1024 * 1024
    const cache = new BlockCache(16 * MiB)
    const block = makeBlock(MiB)
    const table = cache.table(1, 100)
    for (let i = 0; i < 100; i++) table.add(i, block)
    assert.isAbove(cache.bytes, 14 * MiB)
    cache.table(2, 0, 10 * MiB)
    assert.strictEqual(cache.pinnedBytes, 10 * MiB + 400)
    assert.isAtMost(cache.bytes + cache.pinnedBytes, cache.capacity)
    assert.isAbove(cache.bytes, 4 * MiB)
    cache.drop(2)
    assert.deepStrictEqual([cache.pinnedBytes, cache.room], [400, 16 * MiB - 400])
  })

  it("keeps a quarter of its capacity for blocks, or a MiB if that is more", () => {
    const MiB = 1024 * 1024
    const roomLeft = (capacity: number) => {
      const cache = new BlockCache(capacity)
      cache.table(1, 0, 64 * MiB)
      return cache.room
    }
    assert.deepStrictEqual([0, 1000, MiB, 2 * MiB, 16 * MiB, 100 * MiB].map(roomLeft), [
      0,
      1000,
      MiB,
      MiB,
      4 * MiB,
      36 * MiB
    ])
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
          if (find(cache, table, number) === undefined) added.set(number, block)
          table.add(number, block)
        } else if (kind === "get") {
          const found = find(cache, table, number)
          if (found !== undefined) assert.strictEqual(found, added.get(number))
        } else {
          cache.drop(file)
          tables.set(file, open(file))
        }
        let bytes = 0
        let blocks = 0
        for (const each of tables.values()) {
          for (let i = 0; i < 6; i++) {
            const found = find(cache, each.table, i)
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

  it.prop(
    "holds its bound beside scans and tables that come and go",
    {
      steps: Arbitrary.array(
        Arbitrary.schema(Schema.Struct({
          kind: Schema.Literals(["read", "read", "read", "read", "scan", "scan", "open", "drop"]),
          file: Schema.Literals([1, 2, 3]),
          number: Schema.Literals([0, 1, 2, 3, 4, 5, 6, 7]),
          length: Schema.Literals([20_000, 50_000, 400_000, 1_500_000])
        })),
        { maxLength: 150 }
      )
    },
    ({ steps }) => {
      const cache = new BlockCache(3 * 1024 * 1024)
      const tables = new Map([1, 2, 3].map((file) => [file, cache.table(file, 8)]))
      for (const { file, kind, length, number } of steps) {
        const table = tables.get(file)!
        if (kind === "read" || kind === "scan") {
          if (find(cache, table, number, kind === "scan") === undefined) table.add(number, bigBlocks.get(length)!)
        } else if (kind === "open") {
          tables.set(file, cache.table(file, 8, length))
        } else {
          cache.drop(file)
        }
        let blocks = 0
        let pinned = 0
        for (const each of tables.values()) {
          const cached = each.places.filter((place) => place > 0).length
          assert.strictEqual(each.count, cached)
          blocks += cached
          if (!each.dropped) pinned += each.pinned
        }
        assert.deepStrictEqual([cache.blocks, cache.pinnedBytes], [blocks, pinned])
        assert.isAtMost(cache.bytes, cache.room)
        assert.isAtMost(cache.bytes, Math.max(1024 * 1024, cache.capacity - cache.pinnedBytes))
      }
    },
    { arbitrary: { size: 150 } }
  )
})
