/**
 * Counts durations in logarithmic buckets, in one typed array: a benchmark that
 * kept every number would measure the collector at work on its own objects.
 */

/** Durations are counted in units of 0.1 µs, in milliseconds. */
const unit = 0.0001
/** Buckets for each doubling: a percentile is at most 1/32 too large. */
const perDoubling = 32
const doublingBits = 5
const largest = 0xffff_ffff
const bucketCount = (32 - doublingBits + 1) * perDoubling

/** The bucket of a whole number of units: those below `perDoubling` have one each. */
const bucketOf = (units: number): number => {
  if (units < perDoubling) return units
  const shift = 31 - Math.clz32(units) - doublingBits
  return (shift + 1) * perDoubling + (units >>> shift) - perDoubling
}

/** The largest number of units in a bucket. */
const endOf = (bucket: number): number => {
  if (bucket < perDoubling) return bucket
  const shift = Math.floor(bucket / perDoubling) - 1
  return ((bucket % perDoubling) + perDoubling + 1) * 2 ** shift - 1
}

/** Durations in milliseconds, from 0 to some days. */
export class Histogram {
  readonly #counts = new Float64Array(bucketCount)
  #count = 0
  #worst = 0

  add(milliseconds: number): void {
    const units = Math.max(0, Math.min(largest, Math.round(milliseconds / unit))) >>> 0
    const bucket = bucketOf(units)
    this.#counts[bucket] = this.#counts[bucket]! + 1
    this.#count++
    if (milliseconds > this.#worst) this.#worst = milliseconds
  }

  get count(): number {
    return this.#count
  }

  /** The longest, exactly; 0 without any. */
  get worst(): number {
    return this.#worst
  }

  /** What the given share of all durations does not exceed; 0 without any. */
  percentile(share: number): number {
    let left = Math.ceil(share * this.#count)
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      left -= this.#counts[bucket]!
      if (left <= 0) return Math.min(endOf(bucket) * unit, this.#worst)
    }
    return this.#worst
  }
}
