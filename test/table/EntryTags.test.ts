import { assert, describe, it } from "@effect/vitest"
import { compareBytes } from "../../src/record/Bytes.ts"
import { checksumSeed } from "../../src/record/Checksum.ts"
import { RecordKind } from "../../src/record/RecordKind.ts"
import { Block, EntryReader } from "../../src/table/Block.ts"
import { BlockBuilder } from "../../src/table/BlockBuilder.ts"
import { EntryTags, mostTagBytes, taggedBlock, taggedLength, tagOf, TagSearch } from "../../src/table/EntryTags.ts"
import { KeyHash } from "../../src/table/KeyHash.ts"
import { TableOutput } from "../../src/table/TableOutput.ts"
import { SeededRandom } from "../../src/testing/SeededRandom.ts"

interface Version {
  readonly key: Uint8Array
  readonly sequence: number
}

const seed = checksumSeed(1, 0)

const sharedBytes = (a: Uint8Array, b: Uint8Array): number => {
  let shared = 0
  while (shared < Math.min(a.length, b.length) && a[shared] === b[shared]) shared++
  return shared
}

const blockOf = (versions: ReadonlyArray<Version>, valueLength: number): Block => {
  const output = new TableOutput()
  const builder = new BlockBuilder(output, "none")
  let before = new Uint8Array(0)
  for (const [i, { key, sequence }] of versions.entries()) {
    const common = i === 0 ? 0 : sharedBytes(before, key)
    const isSame = i > 0 && compareBytes(before, key) === 0
    const kind = sequence % 5 === 0 ? RecordKind.delete : RecordKind.put
    const value = new Uint8Array(valueLength).fill(i)
    builder.add(common, isSame, key, 0, key.length, sequence, kind, value, 0, value.length)
    before = new Uint8Array(key)
  }
  builder.finish(seed)
  const block = Block.read(output.take()[0]!, seed)
  if (typeof block === "string") throw new Error(block)
  return block
}

/** Sorted keys over few letters, so that many share leading bytes, with one to four versions each. */
const versionsFrom = (random: SeededRandom, keys: number): ReadonlyArray<Version> => {
  const found = new Map<string, Uint8Array>()
  while (found.size < keys) {
    const key = Uint8Array.from({ length: random.int(7) }, () => 97 + random.int(3))
    found.set(String.fromCharCode(...key), key)
  }
  return [...found.values()].sort(compareBytes).flatMap((key) => {
    const newest = 10 + random.int(90)
    return Array.from({ length: 1 + random.int(4) }, (_, n) => ({ key, sequence: newest - n * 3 }))
  })
}

/** Where tagged blocks begin here, as in memory that they share with others. */
const start = 7

/** A block with its tags, between other bytes; undefined if it gets none. */
const tagged = (block: Block): Uint8Array | undefined => {
  const tags = new EntryTags()
  tags.read(block)
  if (tags.count === 0) return undefined
  assert.isAtMost(tags.sizeWith(block), block.payloadLength + mostTagBytes)
  const memory = new Uint8Array(start + tags.sizeWith(block) + 9).fill(0xee)
  tags.write(block, memory, start)
  assert.strictEqual(taggedLength(memory, start), tags.sizeWith(block))
  assert.isTrue(memory.subarray(-9).every((byte) => byte === 0xee))
  return memory
}

const hashOf = (key: Uint8Array): KeyHash => {
  const hash = new KeyHash()
  hash.set(key, 0, key.length)
  return hash
}

/** Compares what tags lead to with what a search finds; how often it is something. */
const compareFinds = (block: Block, memory: Uint8Array, probes: ReadonlyArray<Version>): number => {
  let found = 0
  const searching = new EntryReader()
  const going = new TagSearch()
  const payload = start + taggedLength(memory, start) - block.payloadLength
  for (const { key, sequence } of probes) {
    const tag = tagOf(hashOf(key))
    for (const at of [sequence - 1, sequence, sequence + 1, Number.MAX_SAFE_INTEGER]) {
      const expected = searching.seek(block, key, at) && searching.exact
      assert.strictEqual(going.find(memory, start, key, tag, at), expected)
      if (!expected) continue
      found++
      const { entry } = going
      assert.deepStrictEqual(
        [
          entry.offset - payload,
          entry.kind,
          entry.valueOffset - payload,
          entry.valueLength,
          entry.sequenceIn(memory)
        ],
        [searching.offset, searching.kind, searching.valueOffset, searching.valueLength, searching.sequence(block)]
      )
    }
  }
  return found
}

describe("EntryTags", () => {
  it("lead to the entry that a search finds, for any key and sequence", () => {
    let found = 0
    for (let run = 0; run < 60; run++) {
      const random = new SeededRandom(run)
      const versions = versionsFrom(random, 1 + random.int(30))
      const block = blockOf(versions, 3)
      const memory = tagged(block)
      assert.strictEqual(memory !== undefined, versions.length <= 96)
      if (memory === undefined) continue
      found += compareFinds(block, memory, [...versions, ...versionsFrom(random, 20)])
    }
    assert.isAbove(found, 1000)
  })

  it("tell keys apart whatever they share: few bytes, more than a window, more than a prefix", () => {
    const prefixes = [0, 1, 2, 3, 4, 5, 30, 253, 254, 255, 256, 257, 300]
    const middles = [0, 1, 3, 4, 5, 6]
    for (const prefix of prefixes) {
      for (const middle of middles) {
        const keyOf = (group: number, last: number) =>
          Uint8Array.from(
            { length: prefix + middle + 2 },
            (_, i) => i < prefix ? 120 : i < prefix + middle ? group : i === prefix + middle ? last : 46
          )
        const keys = middle === 0
          ? Array.from({ length: 40 }, (_, n) => keyOf(0, n))
          : Array.from({ length: 40 }, (_, n) => keyOf(Math.floor(n / 13), n))
        const versions = keys.map((key, n) => ({ key, sequence: n + 1 }))
        const block = blockOf(versions, 20)
        const memory = tagged(block)!
        assert.strictEqual(compareFinds(block, memory, versions), 120)
        // Other keys with an entry's tag: only comparing tells that they are not there.
        const going = new TagSearch()
        for (const { key } of versions) {
          for (let i = 0; i < key.length; i++) {
            const other = new Uint8Array(key)
            other[i] = other[i]! ^ 0x40
            assert.isFalse(going.find(memory, start, other, tagOf(hashOf(key)), 1e6), `${prefix} ${middle} byte ${i}`)
          }
          assert.isFalse(going.find(memory, start, key.subarray(0, -1), tagOf(hashOf(key)), 1e6))
        }
      }
    }
  })

  it("are left out where a block has many entries", () => {
    const versions = Array.from({ length: 97 }, (_, n) => ({ key: Uint8Array.of(n), sequence: n + 1 }))
    assert.isUndefined(tagged(blockOf(versions, 1)))
    assert.isDefined(tagged(blockOf(versions.slice(1), 1)))
  })

  it("are left out where places would not fit", () => {
    const versions = Array.from({ length: 3 }, (_, n) => ({ key: Uint8Array.of(n), sequence: n + 1 }))
    assert.isUndefined(tagged(blockOf(versions, 40_000)))
  })

  it("leave the block as it is", () => {
    const versions = versionsFrom(new SeededRandom(1), 12)
    const block = blockOf(versions, 5)
    const memory = tagged(block)!
    const own = memory.slice(start, start + taggedLength(memory, start))
    const copy = taggedBlock(own)
    assert.deepStrictEqual(
      [copy.bytes, copy.entriesEnd, copy.restartCount, copy.tagged],
      [block.bytes.slice(0, block.payloadLength), block.entriesEnd, block.restartCount, own]
    )
  })
})
