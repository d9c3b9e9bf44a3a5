import { assert, describe, it } from "@effect/vitest"
import { compareBytes } from "../../src/record/Bytes.ts"
import { checksumSeed } from "../../src/record/Checksum.ts"
import { RecordKind } from "../../src/record/RecordKind.ts"
import { Block, EntryReader } from "../../src/table/Block.ts"
import { BlockBuilder } from "../../src/table/BlockBuilder.ts"
import { EntryTags, mostTagBytes, tagOf } from "../../src/table/EntryTags.ts"
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

const tagged = (block: Block): Block => {
  const tags = new EntryTags()
  tags.read(block)
  return block.copyTagged(new Uint8Array(block.bytes.length + mostTagBytes), tags)
}

describe("EntryTags", () => {
  it("lead to the entry that a search finds, for any key and sequence", () => {
    let found = 0
    for (let run = 0; run < 60; run++) {
      const random = new SeededRandom(run)
      const versions = versionsFrom(random, 1 + random.int(30))
      const block = blockOf(versions, 3)
      const direct = tagged(block)
      assert.strictEqual(direct.tagCount, versions.length <= 96 ? versions.length : 0)
      if (direct.tagCount === 0) continue
      const hash = new KeyHash()
      const searching = new EntryReader()
      const going = new EntryReader()
      const others = versionsFrom(random, 20)
      for (const { key, sequence } of [...versions, ...others]) {
        hash.set(key, 0, key.length)
        for (const at of [sequence - 1, sequence, sequence + 1, Number.MAX_SAFE_INTEGER]) {
          const expected = searching.seek(block, key, at) && searching.exact
          assert.strictEqual(going.find(direct, key, tagOf(hash), at), expected)
          assert.isFalse(going.damaged)
          if (!expected) continue
          found++
          assert.deepStrictEqual(
            [going.offset, going.kind, going.valueOffset, going.valueLength, going.sequence(direct)],
            [searching.offset, searching.kind, searching.valueOffset, searching.valueLength, searching.sequence(block)]
          )
        }
      }
    }
    assert.isAbove(found, 1000)
  })

  it("are left out where a block has many entries", () => {
    const versions = Array.from({ length: 97 }, (_, n) => ({ key: Uint8Array.of(n), sequence: n + 1 }))
    assert.strictEqual(tagged(blockOf(versions, 1)).tagCount, 0)
    assert.strictEqual(tagged(blockOf(versions.slice(1), 1)).tagCount, 96)
  })

  it("are left out where places would not fit", () => {
    const versions = Array.from({ length: 3 }, (_, n) => ({ key: Uint8Array.of(n), sequence: n + 1 }))
    assert.strictEqual(tagged(blockOf(versions, 40_000)).tagCount, 0)
  })

  it("go with a block into other memory", () => {
    const direct = tagged(blockOf([{ key: Uint8Array.of(1), sequence: 7 }], 3))
    const copy = direct.copyTo(new Uint8Array(direct.bytes.length))
    const hash = new KeyHash()
    hash.set(Uint8Array.of(1), 0, 1)
    assert.isTrue(new EntryReader().find(copy, Uint8Array.of(1), tagOf(hash), 7))
    assert.isFalse(new EntryReader().find(copy, Uint8Array.of(1), tagOf(hash), 6))
  })
})
