/**
 * Benchmark records: 16-byte keys in random order, 100-byte half-compressible
 * values. All bytes lie in a few buffers, so that the benchmark does not measure
 * the collector at work on its own objects.
 */

const keyLength = 16
const valueLength = 100
const distinctValues = 4096

/** Bytes of keys and values in so many records. */
export const userBytes = (count: number): number => count * (keyLength + valueLength)

const mix = (state: number): number => {
  let h = Math.imul(state ^ (state >>> 16), 0x21f0_aaad)
  h = Math.imul(h ^ (h >>> 15), 0x735a_2d97)
  return (h ^ (h >>> 15)) >>> 0
}

/** Writes the key of record `at`: distinct for each, and in random order. */
const writeKey = (view: DataView, offset: number, at: number): void => {
  view.setUint32(offset, mix(at))
  view.setUint32(offset + 4, mix(at ^ 0x5bd1_e995))
  view.setUint32(offset + 8, mix(at + 0x9e37_79b9))
  view.setUint32(offset + 12, at)
}

/** Half-compressible values, each in its range of one buffer. */
export const makeValues = (): ReadonlyArray<Uint8Array> => {
  const bytes = new Uint8Array(distinctValues * valueLength)
  for (let v = 0; v < distinctValues; v++) {
    for (let i = 0; i < valueLength; i++) {
      bytes[v * valueLength + i] = i < valueLength / 2 ? mix(v * valueLength + i) : 0x61
    }
  }
  return Array.from({ length: distinctValues }, (_, v) => bytes.subarray(v * valueLength, (v + 1) * valueLength))
}

/** The key of record `at`, in memory of its own. */
export const makeKey = (at: number): Uint8Array => {
  const key = new Uint8Array(keyLength)
  writeKey(new DataView(key.buffer), 0, at)
  return key
}

/** Whole numbers from 0 up to and without the limit, in random order; the same ones for the same seed. */
export const randomNumbers = (seed: number): (limit: number) => number => {
  let state = mix(seed + 1)
  return (limit) => {
    state = (state + 0x9e37_79b9) | 0
    return mix(state) % limit
  }
}

/** Gives the keys of records in memory that the next one overwrites: for a writer with one put in flight. */
export const scratchKey = (): (at: number) => Uint8Array => {
  const key = new Uint8Array(keyLength)
  const view = new DataView(key.buffer)
  return (at) => {
    writeKey(view, 0, at)
    return key
  }
}

export interface Records {
  readonly count: number
  readonly key: (at: number) => Uint8Array
  readonly value: (at: number) => Uint8Array
}

/** `count` records whose keys are distinct and in random order. */
export const makeRecords = (count: number): Records => {
  const keys = new Uint8Array(count * keyLength)
  const view = new DataView(keys.buffer)
  for (let i = 0; i < count; i++) writeKey(view, i * keyLength, i)
  const values = makeValues()
  return {
    count,
    key: (at) => keys.subarray(at * keyLength, (at + 1) * keyLength),
    value: (at) => values[at % distinctValues]!
  }
}
