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
export const makeValues = (length = valueLength, distinct = distinctValues): ReadonlyArray<Uint8Array> => {
  const bytes = new Uint8Array(distinct * length)
  for (let v = 0; v < distinct; v++) {
    for (let i = 0; i < length; i++) {
      bytes[v * length + i] = i < length / 2 ? mix(v * length + i) : 0x61
    }
  }
  return Array.from({ length: distinct }, (_, v) => bytes.subarray(v * length, (v + 1) * length))
}

/** The value of a record when it is first put, of generation 0, and of those that overwrite it. Nobody changes it. */
export type ValueOf = (record: number, generation?: number) => Uint8Array

/** Between two generations of a record, in the list of values. */
const generationStep = 1021

export const makeValueOf = (values: ReadonlyArray<Uint8Array>): ValueOf => (record, generation = 0) =>
  values[(record + generation * generationStep) % values.length]!

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

/** Whether keys are in the order of their records. */
export type KeyOrder = "random" | "sequential"

/** Gives the keys of records in memory that the next one overwrites: for a fiber with one call under way. */
export const scratchKey = (order: KeyOrder = "random"): (at: number) => Uint8Array => {
  const key = new Uint8Array(keyLength)
  const view = new DataView(key.buffer)
  if (order === "sequential") {
    return (at) => {
      view.setUint32(keyLength - 4, at)
      return key
    }
  }
  return (at) => {
    writeKey(view, 0, at)
    return key
  }
}

/** A prime, so that its multiples go round all of any number of records that it does not divide. */
const stride = 15_485_863

/** The record of each turn: each of them once, in another order than that in which they were first put. */
export const shuffled = (turn: number, records: number): number => turn * stride % records
