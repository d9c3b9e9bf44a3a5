/**
 * Ranks of which low ones are frequent: the n-th is drawn in proportion to
 * n^-0.99, as the mixed workloads of YCSB do. After Gray et al., "Quickly
 * generating billion-record synthetic databases" (1994).
 */
const theta = 0.99
const alpha = 1 / (1 - theta)
const zetaOfTwo = 1 + 0.5 ** theta

export class Zipf {
  readonly #random: () => number
  #count = 0
  #zeta = 0
  #eta = 0

  /** `random` gives numbers from 0 up to and without 1. */
  constructor(count: number, random: () => number) {
    this.#random = random
    this.growTo(count)
  }

  /** From now on there are so many ranks, which are no fewer than before. */
  growTo(count: number): void {
    if (count === this.#count) return
    for (let rank = this.#count + 1; rank <= count; rank++) this.#zeta += rank ** -theta
    this.#count = count
    this.#eta = (1 - (2 / count) ** (1 - theta)) / (1 - zetaOfTwo / this.#zeta)
  }

  /** A rank from 0 on. */
  next(): number {
    const drawn = this.#random()
    const scaled = drawn * this.#zeta
    if (scaled < 1) return 0
    if (scaled < zetaOfTwo) return 1
    return Math.min(this.#count - 1, Math.floor(this.#count * (this.#eta * drawn - this.#eta + 1) ** alpha))
  }
}
