/** Little-endian integers of fixed width, read and written without allocation. */

export const readUint32 = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0

export const writeUint32 = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at] = value
  bytes[at + 1] = value >>> 8
  bytes[at + 2] = value >>> 16
  bytes[at + 3] = value >>> 24
}

const highUnit = 0x1_0000_0000

/** Reads a u64 that must be a safe integer; -1 if it is larger. */
export const readSafeUint64 = (bytes: Uint8Array, at: number): number => {
  const high = readUint32(bytes, at + 4)
  return high < 0x20_0000 ? high * highUnit + readUint32(bytes, at) : -1
}

/** Writes a safe integer, zero or more, as a u64. */
export const writeSafeUint64 = (bytes: Uint8Array, at: number, value: number): void => {
  writeUint32(bytes, at, value >>> 0)
  writeUint32(bytes, at + 4, Math.floor(value / highUnit))
}
