/** Collects latencies, in milliseconds. */
export class Latencies {
  readonly #samples: Array<number> = []

  get count(): number {
    return this.#samples.length
  }

  add(milliseconds: number): void {
    this.#samples.push(milliseconds)
  }

  /** The latency that the given share of all samples does not exceed; NaN without samples. */
  percentile(share: number): number {
    const sorted = Float64Array.from(this.#samples).sort()
    return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
  }
}
