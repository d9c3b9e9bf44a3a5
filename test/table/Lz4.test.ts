import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { decompressLz4, Lz4Compressor, maxRatio } from "../../src/table/Lz4.ts"
import { ascii, noise } from "./TableFixture.ts"

const compressor = new Lz4Compressor()

const compress = (bytes: Uint8Array): Uint8Array => {
  const target = new Uint8Array(bytes.length + Math.ceil(bytes.length / 255) + 16)
  const length = compressor.compress(bytes, 0, bytes.length, target, 0, target.length)
  assert.isAbove(length, 0)
  return target.slice(0, length)
}

const decompress = (compressed: Uint8Array, length: number): Uint8Array | undefined => {
  const target = new Uint8Array(length)
  return decompressLz4(compressed, 0, compressed.length, target) ? target : undefined
}

const assertRoundTrip = (bytes: Uint8Array): Uint8Array => {
  const compressed = compress(bytes)
  const found = decompress(compressed, bytes.length)
  assert.isTrue(found !== undefined && Buffer.compare(found, bytes) === 0, `${bytes.length} bytes`)
  assert.isAtMost(bytes.length, maxRatio * compressed.length)
  return compressed
}

const concat = (...parts: ReadonlyArray<Uint8Array>): Uint8Array => new Uint8Array(Buffer.concat(parts))

/** Blocks that version 1.9.4 of the reference implementation made. */
const knownBlocks: ReadonlyArray<readonly [name: string, content: Uint8Array, block: string]> = [
  ["a run", ascii("a".repeat(100)), "1f6101004b506161616161"],
  ["a repeated word", ascii("abcd".repeat(20)), "4f61626364040034506461626364"],
  [
    "text",
    ascii("the quick brown fox jumps over the lazy dog; the quick brown fox sleeps"),
    "f01074686520717569636b2062726f776e20666f78206a756d7073206f766572201f00af6c617a7920646f673b202d000160736c65657073"
  ],
  [
    "many literals, then a match that overlaps itself",
    Uint8Array.from({ length: 120 }, (_, i) => i % 40),
    "ff19000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324252627280038502324252627"
  ],
  ["a long run", ascii("x".repeat(5000)), "1f780100ffffffffffffffffffffffffffffffffffffff82507878787878"]
]

const piece = Arbitrary.schema(Schema.Struct({
  kind: Schema.Literals(["noise", "run", "word", "again"]),
  value: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 })),
  length: Schema.Literals([0, 1, 3, 4, 5, 14, 15, 16, 19, 20, 47, 48, 254, 255, 269, 270, 274, 275, 530])
}))

/** Concatenated noise, runs, repeated words and copies of what came before. */
const content = Arbitrary.map(Arbitrary.array(piece, { maxLength: 20 }), (pieces) => {
  let bytes = new Uint8Array(0)
  for (const { kind, length, value } of pieces) {
    const next = kind === "noise"
      ? noise(length, value)
      : kind === "run"
      ? new Uint8Array(length).fill(value)
      : kind === "word"
      ? Uint8Array.from({ length }, (_, i) => value + i % 7)
      : bytes.slice(value % (bytes.length + 1)).subarray(0, length)
    bytes = new Uint8Array(Buffer.concat([bytes, next]))
  }
  return bytes
})

describe("Lz4", () => {
  for (const [name, bytes, block] of knownBlocks) {
    it(`decompresses what the reference implementation made of ${name}`, () => {
      assert.deepStrictEqual(decompress(new Uint8Array(Buffer.from(block, "hex")), bytes.length), bytes)
    })
  }

  it("writes what the format's definition asks of a run", () => {
    assert.strictEqual(Buffer.from(compress(ascii("a".repeat(100)))).toString("hex"), "1f6101004b506161616161")
  })

  it.prop("gives back what it compressed", { bytes: content }, ({ bytes }) => {
    assertRoundTrip(bytes)
  }, { arbitrary: { runs: 400, size: 60 } })

  it("gives back every length around those of the format's fields", () => {
    for (let length = 0; length < 600; length++) {
      assertRoundTrip(noise(length))
      assertRoundTrip(new Uint8Array(length))
      assertRoundTrip(concat(noise(length), new Uint8Array(40)))
      assertRoundTrip(concat(noise(40), new Uint8Array(length), noise(30, 2)))
    }
  })

  it("finds a match as far back as the format can say, and none farther", () => {
    const word = noise(64, 9)
    for (const distance of [65_534, 65_535, 65_536]) {
      const bytes = concat(word, new Uint8Array(distance - 64), word, noise(12))
      const compressed = assertRoundTrip(bytes)
      assert.strictEqual(compressed.length < 64 + 12 + 300, distance <= 65_535, `distance ${distance}`)
    }
  })

  it("gives back content of more than 64 KiB", () => {
    assertRoundTrip(noise(200_000))
    assertRoundTrip(new Uint8Array(3_000_000))
    assertRoundTrip(concat(noise(70_000), noise(70_000), noise(130_000, 3), noise(70_000)))
    assertRoundTrip(Uint8Array.from({ length: 300_000 }, (_, i) => (i >>> 3) % 251))
  })

  it("compresses a range in the middle of a buffer without looking outside of it", () => {
    const bytes = concat(ascii("secret secret secret"), ascii("secret!".repeat(9)), ascii("secret secret"))
    const target = new Uint8Array(200).fill(0xee)
    const length = compressor.compress(bytes, 20, 63, target, 50, 100)
    const found = new Uint8Array(63)
    assert.isTrue(decompressLz4(target, 50, 50 + length, found))
    assert.deepStrictEqual(found, bytes.slice(20, 83))
    assert.isTrue(target.subarray(0, 50).every((byte) => byte === 0xee))
    assert.isTrue(target.subarray(50 + length).every((byte) => byte === 0xee))
  })

  it.prop(
    "compresses to no more bytes than it is given",
    {
      bytes: content,
      percent: Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 120 })))
    },
    ({ bytes, percent }) => {
      const limit = Math.floor(bytes.length * percent / 100)
      const target = new Uint8Array(bytes.length * 2 + 64).fill(0xee)
      const length = compressor.compress(bytes, 0, bytes.length, target, 10, limit)
      assert.isAtMost(length, limit)
      assert.isTrue(target.subarray(10 + limit).every((byte) => byte === 0xee))
      if (length === 0) return
      const found = new Uint8Array(bytes.length)
      assert.isTrue(decompressLz4(target, 10, 10 + length, found))
      assert.deepStrictEqual(found, bytes)
    },
    { arbitrary: { runs: 300, size: 60 } }
  )

  it.prop(
    "I15: takes bytes that were damaged, and any others, for a block of the stated length or for none",
    {
      bytes: content,
      changes: Arbitrary.array(
        Arbitrary.schema(Schema.Struct({
          at: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 10_000 })),
          value: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))
        })),
        { maxLength: 6 }
      ),
      shorter: Arbitrary.schema(Schema.Literals([0, 0, 1, 2, 7])),
      length: Arbitrary.schema(Schema.Literals([-300, -1, 0, 0, 0, 1, 300]))
    },
    ({ bytes, changes, length, shorter }) => {
      const compressed = compress(bytes)
      for (const { at, value } of changes) compressed[at % compressed.length] = value
      const end = Math.max(0, compressed.length - shorter)
      // Guards on both sides of both buffers, which nobody may read or write.
      const source = concat(new Uint8Array(8).fill(0xff), compressed, new Uint8Array(8).fill(0xff))
      const size = Math.max(0, bytes.length + length)
      const around = new Uint8Array(size + 16).fill(0xee)
      const fits = decompressLz4(source, 8, 8 + end, around.subarray(8, 8 + size))
      assert.isTrue(around.subarray(0, 8).every((byte) => byte === 0xee))
      assert.isTrue(around.subarray(8 + size).every((byte) => byte === 0xee))
      if (changes.length > 0 || shorter > 0) return
      assert.strictEqual(fits, length === 0 || size === bytes.length)
    },
    { arbitrary: { runs: 1500, size: 60 } }
  )

  it("I15: takes no block that was cut for a whole one, nor one with bytes behind it", () => {
    const bytes = concat(noise(100), new Uint8Array(500), ascii("word ".repeat(20)), noise(40))
    const compressed = compress(bytes)
    for (let length = 0; length < compressed.length; length++) {
      assert.isUndefined(decompress(compressed.slice(0, length), bytes.length), `cut to ${length}`)
    }
    assert.isUndefined(decompress(concat(compressed, new Uint8Array(1)), bytes.length))
  })

  it("I15: refuses matches before the beginning, distances of zero, and ranges outside the buffer", () => {
    const hostile: ReadonlyArray<readonly [block: string, length: number]> = [
      ["", 0],
      ["1061", 20],
      ["106100001061", 6],
      ["106102001061", 6],
      ["0f0100ffffff", 10],
      ["f0ffffffffff", 10],
      ["1f610100ff", 300],
      ["20", 2]
    ]
    for (const [block, length] of hostile) {
      assert.isUndefined(decompress(new Uint8Array(Buffer.from(block, "hex")), length), block)
    }
    assert.isFalse(decompressLz4(new Uint8Array(4), 0, 5, new Uint8Array(4)))
    assert.isFalse(decompressLz4(new Uint8Array(4), -1, 4, new Uint8Array(4)))
  })

  it.prop(
    "I15: ends with any bytes whatever",
    { bytes: Arbitrary.schema(Schema.Uint8Array), length: Arbitrary.schema(Schema.Literals([0, 1, 5, 20, 300, 5000])) },
    ({ bytes, length }) => {
      const target = new Uint8Array(length)
      assert.isBoolean(decompressLz4(bytes, 0, bytes.length, target))
    },
    { arbitrary: { runs: 1000, size: 200 } }
  )
})
