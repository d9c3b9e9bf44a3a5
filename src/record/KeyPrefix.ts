/**
 * The first six bytes of a key as one number, so that most comparisons of keys
 * are one comparison of numbers.
 *
 * Six bytes are what a double holds exactly. Different numbers order the keys;
 * equal numbers decide nothing, because a short key is padded with zeros.
 */
export const keyPrefix = (buffer: Uint8Array, offset: number, length: number): number => {
  if (length >= 6) {
    return (
      ((buffer[offset]! << 16) | (buffer[offset + 1]! << 8) | buffer[offset + 2]!) * 0x100_0000
      + ((buffer[offset + 3]! << 16) | (buffer[offset + 4]! << 8) | buffer[offset + 5]!)
    )
  }
  let value = 0
  for (let i = 0; i < 6; i++) value = value * 256 + (i < length ? buffer[offset + i]! : 0)
  return value
}
