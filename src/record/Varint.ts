/**
 * Unsigned LEB128 integers up to 2^53 - 1: seven bits a byte, lowest first, the
 * high bit set on all but the last byte. At most eight bytes.
 */

/** Bytes that `value` takes. */
export const varintSize = (value: number): number => {
  let size = 1
  while (value >= 0x80) {
    value = value < 0x8000_0000 ? value >>> 7 : Math.floor(value / 128)
    size++
  }
  return size
}

/** Writes `value` and returns the offset behind it. */
export const writeVarint = (target: Uint8Array, offset: number, value: number): number => {
  while (value >= 0x80) {
    target[offset++] = (value % 128) | 0x80
    value = value < 0x8000_0000 ? value >>> 7 : Math.floor(value / 128)
  }
  target[offset++] = value
  return offset
}

/** Reads integers one after another; one instance is reused so that reading allocates nothing. */
export class VarintReader {
  /** Offset behind the last integer read. */
  offset = 0

  /**
   * Reads the integer at `offset`, or returns -1 if it runs past `end` or is
   * larger than 2^53 - 1.
   */
  read(source: Uint8Array, offset: number, end: number): number {
    if (offset < end) {
      const first = source[offset]!
      if (first < 0x80) {
        this.offset = offset + 1
        return first
      }
    }
    let value = 0
    let scale = 1
    for (let i = 0; i < 8; i++) {
      if (offset >= end) return -1
      const byte = source[offset++]!
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        this.offset = offset
        return value <= Number.MAX_SAFE_INTEGER ? value : -1
      }
      scale *= 128
    }
    return -1
  }
}
