import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  GroupHeader,
  groupHeaderSize,
  groupSize,
  segmentHeaderSize
} from "../../src/log/SegmentFormat.ts"
import { testSalt } from "./LogFixture.ts"

const identity = { segment: 9, salt: testSalt(9) }

const headerWith = (offset: number, fields: Partial<GroupHeader>): GroupHeader => {
  const header = new GroupHeader()
  header.count = 3
  header.firstSequence = 10
  header.payloadLength = 100
  if (offset > segmentHeaderSize) {
    header.previousSegment = 9
    header.previousEnd = offset
  }
  return Object.assign(header, fields)
}

const isSound = (offset: number, fields: Partial<GroupHeader>): boolean => {
  const bytes = new Uint8Array(groupHeaderSize)
  headerWith(offset, fields).write(bytes, identity, offset)
  return new GroupHeader().read(bytes, 0, identity, offset)
}

const U32 = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 0xffff_ffff }))

describe("SegmentFormat", () => {
  it.prop("reads the file header that it writes", {
    segment: Schema.Natural,
    origin: Schema.Natural,
    low: U32,
    high: U32
  }, (input) => {
    const written = { segment: input.segment, salt: { low: input.low, high: input.high } }
    const header = decodeSegmentHeader(encodeSegmentHeader(written, input.origin), input.segment)
    assert.deepStrictEqual(header, { _tag: "Valid", identity: written, origin: input.origin })
  })

  it.prop("reads the group header that it writes", {
    segment: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })),
    offset: Schema.Int.check(Schema.isBetween({ minimum: segmentHeaderSize + 1, maximum: 2 ** 45 })),
    low: U32,
    high: U32,
    count: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 0xffff_ffff })),
    firstSequence: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 53 - 2 ** 32 })),
    payloadChecksum: U32
  }, ({ count, firstSequence, high, low, offset, payloadChecksum, segment }) => {
    const at = { segment, salt: { low, high } }
    const header = headerWith(offset, {
      count,
      firstSequence,
      durableSegment: segment - 1,
      durableOffset: 2 ** 53 - 1,
      previousSegment: segment,
      payloadLength: count * 2,
      payloadChecksum
    })
    const bytes = new Uint8Array(groupHeaderSize + 8)
    header.write(bytes, at, offset)
    const read = new GroupHeader()
    assert.isTrue(read.read(bytes, 0, at, offset))
    assert.deepStrictEqual(read, header)
  })

  it("I15: a header that says what no group can know is not sound", () => {
    assert.isTrue(isSound(640, { durableSegment: 9, durableOffset: 640 }))
    assert.isFalse(isSound(640, { durableSegment: 9, durableOffset: 648 }))
    assert.isTrue(isSound(640, { durableSegment: 8, durableOffset: 10_000 }))
    assert.isFalse(isSound(640, { durableSegment: 10, durableOffset: 0 }))
    assert.isFalse(isSound(640, { previousEnd: 632 }))
    assert.isFalse(isSound(640, { previousSegment: 8 }))
    assert.isTrue(isSound(64, { previousSegment: 8, previousEnd: 10_000 }))
    assert.isTrue(isSound(64, {}))
    assert.isFalse(isSound(64, { previousSegment: 9, previousEnd: 64 }))
    assert.isFalse(isSound(64, { previousSegment: 10, previousEnd: 64 }))
    assert.isFalse(isSound(64, { count: 0 }))
    assert.isFalse(isSound(64, { payloadLength: 2 }))
    assert.isFalse(isSound(64, { firstSequence: Number.MAX_SAFE_INTEGER - 1 }))
  })

  it("pads a group to a multiple of 8", () => {
    assert.deepStrictEqual([0, 1, 7, 8, 9].map(groupSize), [80, 88, 88, 88, 96])
  })
})
