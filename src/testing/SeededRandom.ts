/**
 * One small generator of repeatable choices: the same seed gives the same
 * choices on every machine. It is what makes a simulation replayable, and it
 * is not fit for secrets.
 *
 * The generator is sfc32 (128 bits of state), filled from the seed by
 * splitmix32, so that neighbouring seeds give unrelated streams.
 */
import type { Random } from "effect"

const splitmix32 = (state: number): () => number => () => {
  state = (state + 0x9e3779b9) | 0
  let mixed = state ^ (state >>> 16)
  mixed = Math.imul(mixed, 0x21f0aaad)
  mixed ^= mixed >>> 15
  mixed = Math.imul(mixed, 0x735a2d97)
  return mixed ^ (mixed >>> 15)
}

/**
 * A seeded generator. It also is an Effect `Random`, so it can be provided to a
 * program as its source of chance.
 *
 * @example
 * ```ts
 * import { SeededRandom } from "effect-lsm/testing"
 *
 * const one = new SeededRandom(7)
 * const other = new SeededRandom(7)
 *
 * one.int(1000) === other.int(1000) // => true
 * one.pick(["put", "delete"]) === other.pick(["put", "delete"]) // => true
 * ```
 */
export class SeededRandom implements Random.Random {
  #a: number
  #b: number
  #c: number
  #counter = 1

  /** @param seed any safe integer */
  constructor(seed: number) {
    const low = splitmix32(seed | 0)
    const high = splitmix32(Math.floor(seed / 0x1_0000_0000) ^ 0x5bd1e995)
    this.#a = low()
    this.#b = high()
    this.#c = low() ^ high()
    for (let round = 0; round < 12; round++) this.uint32()
  }

  /** A whole number from 0 to 4,294,967,295. */
  uint32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }

  /** A number from 0 up to, not including, 1. */
  next(): number {
    return ((this.uint32() >>> 5) * 0x400_0000 + (this.uint32() >>> 6)) / 0x20_0000_0000_0000
  }

  /** A whole number from 0 up to, not including, `bound`. */
  int(bound: number): number {
    return Math.floor(this.next() * bound)
  }

  /** True with the given chance, one half unless told. */
  bool(chance = 0.5): boolean {
    return this.next() < chance
  }

  /** One of the choices. */
  pick<const A>(choices: ReadonlyArray<A>): A {
    let index = this.int(choices.length)
    for (const choice of choices) {
      if (index-- === 0) return choice
    }
    throw new RangeError("SeededRandom.pick needs at least one choice")
  }

  /** Fresh bytes. */
  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    for (let index = 0; index < length; index++) bytes[index] = this.uint32()
    return bytes
  }

  /** A generator of its own: what is drawn from one does not shift the other. */
  fork(): SeededRandom {
    return new SeededRandom(this.uint32() * 0x20_0000 + (this.uint32() >>> 11))
  }

  nextIntUnsafe(): number {
    const range = Number.MAX_SAFE_INTEGER
    return this.int(range) - (this.bool() ? range : 0)
  }

  nextDoubleUnsafe(): number {
    return this.next()
  }
}
