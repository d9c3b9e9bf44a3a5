/**
 * Benchmark records: 16-byte keys in random order, 100-byte half-compressible
 * values. All bytes lie in two buffers, so that the benchmark does not measure
 * the collector at work on its own objects.
 */

const keyLength = 16
const valueLength = 100
const distinctValues = 4096

export interface Records {
  readonly count: number
  readonly key: (at: number) => Uint8Array
  readonly value: (at: number) => Uint8Array
}

const mix = (state: number): number => {
  let h = Math.imul(state ^ (state >>> 16), 0x21f0_aaad)
  h = Math.imul(h ^ (h >>> 15), 0x735a_2d97)
  return (h ^ (h >>> 15)) >>> 0
}

/** `count` records whose keys are distinct and in random order. */
export const makeRecords = (count: number): Records => {
  const keys = new Uint8Array(count * keyLength)
  const view = new DataView(keys.buffer)
  for (let i = 0; i < count; i++) {
    view.setUint32(i * keyLength, mix(i))
    view.setUint32(i * keyLength + 4, mix(i ^ 0x5bd1_e995))
    view.setUint32(i * keyLength + 8, mix(i + 0x9e37_79b9))
    view.setUint32(i * keyLength + 12, i)
  }
  const values = new Uint8Array(distinctValues * valueLength)
  for (let v = 0; v < distinctValues; v++) {
    for (let i = 0; i < valueLength; i++) {
      values[v * valueLength + i] = i < valueLength / 2 ? mix(v * valueLength + i) : 0x61
    }
  }
  return {
    count,
    key: (at) => keys.subarray(at * keyLength, (at + 1) * keyLength),
    value: (at) => {
      const v = at % distinctValues
      return values.subarray(v * valueLength, (v + 1) * valueLength)
    }
  }
}
