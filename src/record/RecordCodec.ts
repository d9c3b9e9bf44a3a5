/**
 * Records as they are written in the log and carried in a batch.
 *
 * Layout of one record:
 *   kind    u8      1 put, 2 delete
 *   klen    varint  0 to 65,535
 *   vlen    varint  0 to 268,435,456; absent for a delete
 *   key     klen bytes
 *   value   vlen bytes; absent for a delete
 * The sequence is not stored: the n-th record of a group has the group's first
 * sequence plus n.
 */
import { copyRange } from "./Bytes.ts"
import { maxKeyLength, maxValueLength, RecordKind } from "./RecordKind.ts"
import { VarintReader, varintSize, writeVarint } from "./Varint.ts"

/** Encoded bytes of a put. */
export const putSize = (keyLength: number, valueLength: number): number =>
  1 + varintSize(keyLength) + varintSize(valueLength) + keyLength + valueLength

/** Encoded bytes of a delete. */
export const deleteSize = (keyLength: number): number => 1 + varintSize(keyLength) + keyLength

/** Encodes a put and returns the offset behind it. */
export const writePut = (target: Uint8Array, offset: number, key: Uint8Array, value: Uint8Array): number => {
  target[offset++] = RecordKind.put
  offset = writeVarint(target, offset, key.length)
  offset = writeVarint(target, offset, value.length)
  copyRange(key, 0, target, offset, key.length)
  offset += key.length
  copyRange(value, 0, target, offset, value.length)
  return offset + value.length
}

/** Encodes a delete and returns the offset behind it. */
export const writeDelete = (target: Uint8Array, offset: number, key: Uint8Array): number => {
  target[offset++] = RecordKind.delete
  offset = writeVarint(target, offset, key.length)
  copyRange(key, 0, target, offset, key.length)
  return offset + key.length
}

/** Walks encoded records; its fields describe the record last read. One instance serves many reads. */
export class RecordReader {
  kind: RecordKind = RecordKind.put
  keyOffset = 0
  keyLength = 0
  valueOffset = 0
  valueLength = 0
  readonly #varint = new VarintReader()

  /** Reads the record at `offset` and returns the offset behind it, or -1 if the bytes before `end` are not one. */
  read(source: Uint8Array, offset: number, end: number): number {
    if (offset >= end) return -1
    const kind = source[offset]!
    if (kind !== RecordKind.put && kind !== RecordKind.delete) return -1
    const varint = this.#varint
    const keyLength = varint.read(source, offset + 1, end)
    if (keyLength < 0 || keyLength > maxKeyLength) return -1
    let next = varint.offset
    let valueLength = 0
    if (kind === RecordKind.put) {
      valueLength = varint.read(source, next, end)
      if (valueLength < 0 || valueLength > maxValueLength) return -1
      next = varint.offset
    }
    if (next + keyLength + valueLength > end) return -1
    this.kind = kind
    this.keyOffset = next
    this.keyLength = keyLength
    this.valueOffset = next + keyLength
    this.valueLength = valueLength
    return next + keyLength + valueLength
  }
}
