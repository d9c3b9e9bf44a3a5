import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { zstdCompressSync } from "node:zlib"
import {
  BlockCompressor,
  CompressionCode,
  decompressPayload,
  maxCompressedPayload
} from "../../src/table/BlockCodec.ts"
import type { Compression } from "../../src/table/Compression.ts"
import { halfCompressible, noise } from "./TableFixture.ts"

const codecs = [["lz4", CompressionCode.lz4], ["zstd", CompressionCode.zstd]] as const

interface Compressed {
  readonly code: number
  readonly bytes: Uint8Array
}

const compress = (compression: Compression, payload: Uint8Array): Compressed => {
  const compressor = new BlockCompressor(compression)
  const bytes = new Uint8Array(payload)
  const length = compressor.compress(bytes, 0, bytes.length)
  return { code: compressor.code, bytes: bytes.slice(0, length) }
}

const withLength = (length: number, compressed: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(4 + compressed.length)
  new DataView(bytes.buffer).setUint32(0, length, true)
  bytes.set(compressed, 4)
  return bytes
}

describe("a compressed payload", () => {
  for (const [compression, expected] of codecs) {
    it(`is smaller, and given back, with ${compression}`, () => {
      for (const length of [300, 4096, 16_384, 65_536, 70_000, 1_000_000]) {
        const payload = halfCompressible(length)
        const compressed = compress(compression, payload)
        assert.strictEqual(compressed.code, expected)
        assert.isBelow(compressed.bytes.length, length * 0.7)
        const found = decompressPayload(expected, compressed.bytes)
        assert.isTrue(typeof found !== "string" && Buffer.compare(found, payload) === 0)
      }
    })

    it(`keeps no memory beyond its own alive, with ${compression}`, () => {
      const found = decompressPayload(expected, compress(compression, halfCompressible(4096)).bytes)
      assert.isTrue(typeof found !== "string" && found.buffer.byteLength === 4096)
    })

    it(`is decompressed to the memory that is given if it is large enough, with ${compression}`, () => {
      const payload = halfCompressible(1000)
      const { bytes } = compress(compression, payload)
      for (const size of [0, 999, 1000, 5000]) {
        const into = new Uint8Array(size).fill(0xee)
        const found = decompressPayload(expected, bytes, into)
        assert.isTrue(typeof found !== "string" && found.length === 1000 && Buffer.compare(found, payload) === 0)
        assert.strictEqual(typeof found !== "string" && found.buffer === into.buffer, size >= 1000)
        assert.isTrue(into.subarray(size < 1000 ? 0 : 1000).every((byte) => byte === 0xee))
      }
    })

    it(`is stored as it was if it does not shrink by an eighth, with ${compression}`, () => {
      for (const length of [0, 1, 11, 100, 4096, 100_000]) {
        const payload = noise(length)
        payload.fill(0, 0, length / 16)
        const compressed = compress(compression, payload)
        assert.strictEqual(compressed.code, CompressionCode.none)
        assert.deepStrictEqual(compressed.bytes, payload)
      }
    })

    it(`is stored as it was if it is longer than a reader accepts, with ${compression}`, () => {
      assert.strictEqual(compress(compression, new Uint8Array(maxCompressedPayload)).code, CompressionCode.lz4)
      assert.strictEqual(compress(compression, new Uint8Array(maxCompressedPayload + 1)).code, CompressionCode.none)
    })

    it(`is read again however well it compresses, with ${compression}`, () => {
      for (let length = 100; length < 4_000_000; length *= 3) {
        const { bytes, code } = compress(compression, new Uint8Array(length).fill(7))
        assert.notStrictEqual(code, CompressionCode.none)
        const found = decompressPayload(code, bytes)
        assert.isTrue(typeof found !== "string" && found.length === length && found.every((byte) => byte === 7))
      }
    })

    it.prop(
      `I15: is refused or has the stated length after any damage, with ${compression}`,
      {
        size: Arbitrary.schema(Schema.Literals([64, 500, 4096])),
        changes: Arbitrary.array(
          Arbitrary.schema(Schema.Struct({
            at: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 5000 })),
            value: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))
          })),
          { minLength: 1, maxLength: 5 }
        ),
        cut: Arbitrary.schema(Schema.Literals([0, 0, 0, 1, 5, 40, 3000]))
      },
      ({ changes, cut, size }) => {
        const bytes = compress(compression, Buffer.concat([halfCompressible(size), new Uint8Array(40)])).bytes
        for (const { at, value } of changes) bytes[at % bytes.length] = value
        const damaged = bytes.slice(0, Math.max(0, bytes.length - cut))
        const found = decompressPayload(expected, damaged)
        if (typeof found !== "string") {
          assert.strictEqual(found.length, new DataView(damaged.buffer, damaged.byteOffset).getUint32(0, true))
        }
      },
      { arbitrary: { runs: 300, size: 50 } }
    )

    it(`I15: is refused if it states another length than it has, with ${compression}`, () => {
      const { bytes } = compress(compression, halfCompressible(1000))
      for (const length of [0, 1, 999, 1001, 100_000, maxCompressedPayload, 0x7fff_ffff, 0xffff_ffff]) {
        assert.isString(decompressPayload(expected, withLength(length, bytes.subarray(4))), `${length}`)
      }
    })

    it(`I15: is refused at every length that it is cut to, with ${compression}`, () => {
      const { bytes } = compress(compression, halfCompressible(300))
      for (let length = 0; length < bytes.length; length++) {
        assert.isString(decompressPayload(expected, bytes.subarray(0, length)), `cut to ${length}`)
      }
    })
  }

  it("I15: is refused if it stands for more than 255 times its bytes, before anything is decompressed", () => {
    const length = 1_000_000
    const bomb = zstdCompressSync(new Uint8Array(length))
    assert.isBelow(bomb.length * 255, length)
    assert.isString(decompressPayload(CompressionCode.zstd, withLength(length, bomb)))
  })

  it("I15: is refused if it asks for a larger window than any block needs", () => {
    // A frame without its content's length and with a window of 64 MiB, then one raw block of one byte, the last.
    const frame = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x00, 16 << 3, 0x09, 0x00, 0x00, 0x61)
    assert.isString(decompressPayload(CompressionCode.zstd, withLength(1, frame)))
    frame[5] = 10 << 3
    assert.deepStrictEqual(decompressPayload(CompressionCode.zstd, withLength(1, frame)), Uint8Array.of(0x61))
  })

  it("I15: is refused with a compression that there is not", () => {
    const { bytes } = compress("lz4", halfCompressible(300))
    for (const code of [3, 4, 128, 255]) assert.isString(decompressPayload(code, bytes))
  })

  it("is compressed in a range of a larger buffer, and only there", () => {
    for (const [compression, code] of codecs) {
      const compressor = new BlockCompressor(compression)
      const payload = halfCompressible(2000)
      const bytes = new Uint8Array(2100).fill(0xee)
      bytes.set(payload, 50)
      const length = compressor.compress(bytes, 50, 2000)
      const found = decompressPayload(code, bytes.subarray(50, 50 + length))
      assert.isTrue(typeof found !== "string" && Buffer.compare(found, payload) === 0)
      assert.isTrue(bytes.subarray(0, 50).every((byte) => byte === 0xee))
      assert.isTrue(bytes.subarray(2050).every((byte) => byte === 0xee))
    }
  })
})
