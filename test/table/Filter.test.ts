import { assert, describe, it } from "@effect/vitest"
import { Arbitrary } from "effect"
import { Filter, FilterBuilder, isFilterLength } from "../../src/table/Filter.ts"
import { KeyHash } from "../../src/table/KeyHash.ts"
import { keyArbitrary } from "./TableFixture.ts"

const hash = new KeyHash()

const hashOf = (key: Uint8Array): KeyHash => {
  hash.set(key, 0, key.length)
  return hash
}

const filterOf = (keys: Iterable<Uint8Array>, bitsPerKey: number): Filter => {
  const builder = new FilterBuilder(bitsPerKey)
  for (const key of keys) builder.add(hashOf(key))
  return new Filter(builder.finish())
}

/** A block with n keys says yes wrongly if each of eight words has the bit: (1 - (31/32)^n)^8; n is Poisson. */
const expectedRate = (bitsPerKey: number): number => {
  const load = 256 / bitsPerKey
  let rate = 0
  let chance = Math.exp(-load)
  for (let n = 0; n < 400; n++) {
    rate += chance * (1 - (31 / 32) ** n) ** 8
    chance *= load / (n + 1)
  }
  return rate
}

const integerKey = (i: number): Uint8Array => {
  const key = new Uint8Array(8)
  new DataView(key.buffer).setBigUint64(0, BigInt(i))
  return key
}

const shapes: ReadonlyArray<{ readonly name: string; readonly key: (i: number) => Uint8Array }> = [
  { name: "big-endian integers", key: integerKey },
  { name: "decimal suffixes", key: (i) => Buffer.from(`user:${i}`) },
  { name: "little-endian words", key: (i) => new Uint8Array(new Uint32Array([i, 0, 0, i * 3]).buffer) },
  { name: "one long prefix", key: (i) => Buffer.from(`${"tenant/".repeat(20)}${i.toString(36)}`) }
]

describe("Filter", () => {
  it.prop(
    "I11: never says no of a key that was added",
    { keys: Arbitrary.array(keyArbitrary, { minLength: 1, maxLength: 200 }) },
    ({ keys }) => {
      for (const bitsPerKey of [0.5, 5, 10, 20]) {
        const filter = filterOf(keys, bitsPerKey)
        for (const key of keys) assert.isTrue(filter.mayContain(hashOf(key)))
      }
    },
    { arbitrary: { size: 100 } }
  )

  for (const { key, name } of shapes) {
    it(`says yes wrongly about as often as theory has it: ${name}`, () => {
      const count = 20_000
      const probes = 200_000
      for (const bitsPerKey of [6, 10, 14]) {
        const filter = filterOf(Array.from({ length: count }, (_, i) => key(i)), bitsPerKey)
        let wrong = 0
        for (let i = count; i < count + probes; i++) if (filter.mayContain(hashOf(key(i)))) wrong++
        const ratio = wrong / probes / expectedRate(bitsPerKey)
        assert.isTrue(ratio > 0.7 && ratio < 1.3, `${bitsPerKey} bits: ${ratio} times the expected rate`)
      }
    })
  }

  it("is the same whether it was built at once or in portions", () => {
    const builders = [new FilterBuilder(10), new FilterBuilder(10)] as const
    for (let i = 0; i < 5000; i++) for (const builder of builders) builder.add(hashOf(integerKey(i)))
    let portions = 1
    while (!builders[1].build(700)) portions++
    assert.strictEqual(portions, Math.ceil(5000 / 700))
    assert.deepStrictEqual(builders[1].finish(), builders[0].finish())
  })

  it("has no bytes without keys or without bits", () => {
    assert.strictEqual(new FilterBuilder(10).finish().length, 0)
    const builder = new FilterBuilder(0)
    builder.add(hashOf(integerKey(1)))
    assert.strictEqual(builder.finish().length, 0)
  })

  it("has whole blocks only", () => {
    assert.isTrue(isFilterLength(32))
    assert.isTrue(isFilterLength(filterOf([integerKey(1)], 10).memoryBytes))
    assert.isFalse(isFilterLength(0))
    assert.isFalse(isFilterLength(33))
  })
})

describe("KeyHash", () => {
  it("depends on the key's bytes alone, not on where they lie", () => {
    const key = Buffer.from("somewhere")
    const buffer = new Uint8Array(new SharedArrayBuffer(64))
    buffer.set(key, 13)
    const elsewhere = new KeyHash()
    elsewhere.set(buffer, 13, key.length)
    assert.deepStrictEqual([elsewhere.low, elsewhere.high], [hashOf(key).low, hashOf(key).high])
  })

  it("tells keys apart that differ in length, zeros or order alone", () => {
    const keys = ["", "\0", "\0\0", "\0\0\0\0", "\0\0\0\0\0", "abcd", "bacd", "abcdefgh", "efghabcd", "abcde", "abcd\0"]
    const seen = new Set(keys.map((key) => `${hashOf(Buffer.from(key)).low} ${hashOf(Buffer.from(key)).high}`))
    assert.strictEqual(seen.size, keys.length)
  })
})
