/**
 * The format of a segment of the write-ahead log, version 1. Carries the
 * format's part of I3, I15 and I16. All integers are little-endian; a u64 holds
 * a safe integer, except for the salt.
 *
 * A segment is a file header, then groups. Every group begins at a multiple of
 * 8. What follows the last group is not part of the log: zeros (the file may
 * be lengthened ahead of the appends) or anything else.
 *
 * File header, 64 bytes. The magic, the version and the checksum are in the
 * same place in every version of the format.
 *    0  magic           8 bytes: 89 "lsmwal" 0A
 *    8  version         u32
 *   12  zero            u32
 *   16  salt            u64, random for each segment
 *   24  segment number  u64
 *   32  origin          u64, the store's: by it a segment is told from another store's
 *   40  zero            20 bytes
 *   60  checksum        u32, CRC-32 of bytes 0 to 59, seeded with (0, 0)
 *
 * Group: one group commit, whole or absent. Header, 80 bytes:
 *    0  marker            u32: "WGRP"
 *    4  records           u32, 1 or more
 *    8  salt              u64, the file header's
 *   16  segment number    u64
 *   24  first sequence    u64; the n-th record has the first sequence plus n
 *   32  durable position  u64 segment, u64 offset: all of the log before it was
 *                         on stable storage when the group was encoded
 *   48  previous end      u64 segment, u64 offset: where the group before this
 *                         one ends in the log; offset 0: not known
 *   64  payload length    u64, without the padding
 *   72  payload checksum  u32
 *   76  header checksum   u32, CRC-32 of bytes 0 to 75
 * then the payload, records as src/record/RecordCodec.ts encodes them, back to
 * back; then zeros up to a multiple of 8.
 *
 * Both checksums of a group are seeded with the segment number, the offset of
 * the group in the file, and one half of the salt each, so a group from another
 * segment, another place, or an earlier life of the file does not pass. Whoever
 * chooses values knows neither half: bytes in a value pass for a group header
 * with probability 2^-64, and a copy of a header of the same segment never
 * does, since it lies at another offset. The salt is in each group header as
 * well, so that the groups of a segment whose file header is lost can still
 * testify to what was durable.
 *
 * Not to be called with offsets or lengths that were not checked against the
 * buffer: nothing here reads past what it is told to.
 */
import { checksum, checksumSeed } from "../record/Checksum.ts"
import { deleteSize } from "../record/RecordCodec.ts"
import { readSafeUint64, readUint32, writeSafeUint64, writeUint32 } from "./FixedInt.ts"

const formatVersion = 1
export const segmentHeaderSize = 64
export const groupHeaderSize = 80
export const groupAlignment = 8

/** Random bits of one segment, each half an unsigned 32-bit integer. */
export interface SegmentSalt {
  readonly low: number
  readonly high: number
}

/** What a group header is checked against besides its offset. */
export interface SegmentIdentity {
  readonly segment: number
  readonly salt: SegmentSalt
}

/** Bytes of zeros behind a payload. */
export const paddingAfter = (payloadLength: number): number =>
  (groupAlignment - payloadLength % groupAlignment) % groupAlignment

/** Bytes of a whole group. */
export const groupSize = (payloadLength: number): number =>
  groupHeaderSize + payloadLength + paddingAfter(payloadLength)

const headerSeed = (segment: number, saltLow: number, offset: number): number =>
  (checksumSeed(segment, offset) ^ saltLow) >>> 0

/** What the payload's checksum starts from; `offset` is that of the group. */
export const payloadSeed = (identity: SegmentIdentity, offset: number): number =>
  (checksumSeed(identity.segment, offset) ^ identity.salt.high) >>> 0

const magic = Uint8Array.of(0x89, 0x6c, 0x73, 0x6d, 0x77, 0x61, 0x6c, 0x0a)
const fileHeader = { version: 8, saltLow: 16, saltHigh: 20, segment: 24, origin: 32, checksum: 60 } as const

/** The file header of a segment of the store with this origin. */
export const encodeSegmentHeader = (identity: SegmentIdentity, origin: number): Uint8Array => {
  const bytes = new Uint8Array(segmentHeaderSize)
  bytes.set(magic)
  writeUint32(bytes, fileHeader.version, formatVersion)
  writeUint32(bytes, fileHeader.saltLow, identity.salt.low)
  writeUint32(bytes, fileHeader.saltHigh, identity.salt.high)
  writeSafeUint64(bytes, fileHeader.segment, identity.segment)
  writeSafeUint64(bytes, fileHeader.origin, origin)
  writeUint32(bytes, fileHeader.checksum, checksum(bytes.subarray(0, fileHeader.checksum), checksumSeed(0, 0)))
  return bytes
}

export type SegmentHeader =
  | { readonly _tag: "Valid"; readonly identity: SegmentIdentity; readonly origin: number }
  | { readonly _tag: "Unsupported"; readonly version: number }
  | { readonly _tag: "Bad"; readonly reason: string }

/** Reads the first bytes of a file that is named as segment `segment`. */
export const decodeSegmentHeader = (bytes: Uint8Array, segment: number): SegmentHeader => {
  if (bytes.length < segmentHeaderSize) return { _tag: "Bad", reason: "the file ends within the segment header" }
  for (let i = 0; i < magic.length; i++) {
    if (bytes[i] !== magic[i]) return { _tag: "Bad", reason: "the segment header's magic is missing" }
  }
  const expected = checksum(bytes.subarray(0, fileHeader.checksum), checksumSeed(0, 0))
  if (readUint32(bytes, fileHeader.checksum) !== expected) {
    return { _tag: "Bad", reason: "the segment header does not match its checksum" }
  }
  const version = readUint32(bytes, fileHeader.version)
  if (version !== formatVersion) return { _tag: "Unsupported", version }
  const number = readSafeUint64(bytes, fileHeader.segment)
  if (number !== segment) return { _tag: "Bad", reason: `the segment header is that of segment ${number}` }
  const salt = { low: readUint32(bytes, fileHeader.saltLow), high: readUint32(bytes, fileHeader.saltHigh) }
  return { _tag: "Valid", identity: { segment, salt }, origin: readSafeUint64(bytes, fileHeader.origin) }
}

/** A delete of the empty key. */
const shortestRecord = deleteSize(0)

const marker = 0x5052_4757
const markerFirstByte = marker & 0xff
const group = {
  count: 4,
  saltLow: 8,
  saltHigh: 12,
  segment: 16,
  firstSequence: 24,
  durableSegment: 32,
  durableOffset: 40,
  previousSegment: 48,
  previousEnd: 56,
  payloadLength: 64,
  payloadChecksum: 72,
  checksum: 76
} as const

/** The fields of one group header; one instance serves many groups. */
export class GroupHeader {
  count = 0
  firstSequence = 0
  durableSegment = 0
  durableOffset = 0
  previousSegment = 0
  previousEnd = 0
  payloadLength = 0
  payloadChecksum = 0

  get lastSequence(): number {
    return this.firstSequence + (this.count - 1)
  }

  /** Writes the header of the group at `offset` of its file to the start of `target`. */
  write(target: Uint8Array, identity: SegmentIdentity, offset: number): void {
    const { low, high } = identity.salt
    writeUint32(target, 0, marker)
    writeUint32(target, group.count, this.count)
    writeUint32(target, group.saltLow, low)
    writeUint32(target, group.saltHigh, high)
    writeSafeUint64(target, group.segment, identity.segment)
    writeSafeUint64(target, group.firstSequence, this.firstSequence)
    writeSafeUint64(target, group.durableSegment, this.durableSegment)
    writeSafeUint64(target, group.durableOffset, this.durableOffset)
    writeSafeUint64(target, group.previousSegment, this.previousSegment)
    writeSafeUint64(target, group.previousEnd, this.previousEnd)
    writeSafeUint64(target, group.payloadLength, this.payloadLength)
    writeUint32(target, group.payloadChecksum, this.payloadChecksum)
    const seed = headerSeed(identity.segment, low, offset)
    writeUint32(target, group.checksum, checksum(target.subarray(0, group.checksum), seed))
  }

  /**
   * Reads the header at `at` of `source`, which is at `offset` of its file.
   * True if it is one of this segment, written for this offset, and sound in
   * itself; the fields are meaningful only then. REQUIRES the header's bytes
   * in `source`.
   */
  read(source: Uint8Array, at: number, identity: SegmentIdentity, offset: number): boolean {
    if (!looksLikeGroup(source, at)) return false
    const { low, high } = identity.salt
    if (readUint32(source, at + group.saltLow) !== low || readUint32(source, at + group.saltHigh) !== high) return false
    const segment = identity.segment
    if (readSafeUint64(source, at + group.segment) !== segment) return false
    const expected = checksum(source.subarray(at, at + group.checksum), headerSeed(segment, low, offset))
    if (readUint32(source, at + group.checksum) !== expected) return false
    const count = this.count = readUint32(source, at + group.count)
    const firstSequence = this.firstSequence = readSafeUint64(source, at + group.firstSequence)
    const durableSegment = this.durableSegment = readSafeUint64(source, at + group.durableSegment)
    const durableOffset = this.durableOffset = readSafeUint64(source, at + group.durableOffset)
    const previousSegment = this.previousSegment = readSafeUint64(source, at + group.previousSegment)
    const previousEnd = this.previousEnd = readSafeUint64(source, at + group.previousEnd)
    const payloadLength = this.payloadLength = readSafeUint64(source, at + group.payloadLength)
    this.payloadChecksum = readUint32(source, at + group.payloadChecksum)
    return count > 0
      && firstSequence >= 0
      && Number.isSafeInteger(this.lastSequence)
      && payloadLength >= shortestRecord * count
      && durableSegment >= 0
      && durableOffset >= 0
      && (durableSegment < segment || (durableSegment === segment && durableOffset <= offset))
      && previousSegment >= 0
      && previousEnd >= 0
      && (offset === segmentHeaderSize
        ? previousSegment < segment || previousEnd === 0
        : previousSegment === segment && previousEnd === offset)
  }
}

/** True if the bytes at `at` begin as a group header does. */
export const looksLikeGroup = (source: Uint8Array, at: number): boolean =>
  source[at] === markerFirstByte && readUint32(source, at) === marker

/** The salt that a group header names, whether or not the header is sound. */
export const saltOfGroup = (source: Uint8Array, at: number): SegmentSalt => ({
  low: readUint32(source, at + group.saltLow),
  high: readUint32(source, at + group.saltHigh)
})
