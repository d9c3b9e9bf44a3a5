/**
 * Keeps the sources of a merge in the order of the entries that they stand on:
 * by key, then newest sequence first, then newest source first.
 *
 * The keys' first bytes are held as numbers and the keys' places in arrays, so
 * that most comparisons touch no source. Sources are few: each that moves is
 * inserted again by walking from the front, which for runs from one source is one
 * comparison.
 */
import { compareRanges, noBytes } from "../record/Bytes.ts"
import { keyPrefix } from "../record/KeyPrefix.ts"

export interface MergeSource {
  readonly valid: boolean
  readonly keyBuffer: Uint8Array
  readonly keyOffset: number
  readonly keyLength: number
  readonly sequence: number
}

export class MergeOrder {
  /** Numbers of the sources that stand on an entry, the first `count` of it in order. */
  readonly sources: Int32Array
  count = 0
  /** How many of the first share one key and one sequence. */
  group = 0

  readonly #keyBuffers: Array<Uint8Array>
  readonly #keyOffsets: Float64Array
  readonly #keyLengths: Int32Array
  readonly #prefixes: Float64Array
  readonly #sequences: Float64Array

  constructor(sources: number) {
    this.sources = new Int32Array(sources)
    this.#keyBuffers = Array.from<Uint8Array>({ length: sources }).fill(noBytes)
    this.#keyOffsets = new Float64Array(sources)
    this.#keyLengths = new Int32Array(sources)
    this.#prefixes = new Float64Array(sources)
    this.#sequences = new Float64Array(sources)
  }

  /** Orders all sources anew. */
  rebuild(sources: ReadonlyArray<MergeSource>): void {
    const order = this.sources
    this.count = 0
    for (let i = 0; i < sources.length; i++) {
      if (!this.#note(i, sources[i]!)) continue
      let at = this.count++
      while (at > 0 && this.#compare(order[at - 1]!, i) > 0) {
        order[at] = order[at - 1]!
        at--
      }
      order[at] = i
    }
    this.#measureGroup()
  }

  /** Puts the sources of the group, which have moved, into their new places. */
  settle(sources: ReadonlyArray<MergeSource>): void {
    const order = this.sources
    for (let g = this.group - 1; g >= 0; g--) {
      const source = order[g]!
      let at = g + 1
      if (this.#note(source, sources[source]!)) {
        while (at < this.count && this.#compare(order[at]!, source) < 0) {
          order[at - 1] = order[at]!
          at++
        }
        order[at - 1] = source
      } else {
        while (at < this.count) {
          order[at - 1] = order[at]!
          at++
        }
        this.count--
      }
    }
    this.#measureGroup()
  }

  #note(number: number, source: MergeSource): boolean {
    if (!source.valid) return false
    const buffer = source.keyBuffer
    const offset = source.keyOffset
    const length = source.keyLength
    this.#keyBuffers[number] = buffer
    this.#keyOffsets[number] = offset
    this.#keyLengths[number] = length
    this.#prefixes[number] = keyPrefix(buffer, offset, length)
    this.#sequences[number] = source.sequence
    return true
  }

  #compareKeys(a: number, b: number): number {
    const difference = this.#prefixes[a]! - this.#prefixes[b]!
    return difference !== 0 ? difference : compareRanges(
      this.#keyBuffers[a]!,
      this.#keyOffsets[a]!,
      this.#keyLengths[a]!,
      this.#keyBuffers[b]!,
      this.#keyOffsets[b]!,
      this.#keyLengths[b]!
    )
  }

  #compare(a: number, b: number): number {
    const order = this.#compareKeys(a, b)
    if (order !== 0) return order
    const newer = this.#sequences[b]! - this.#sequences[a]!
    return newer !== 0 ? newer : a - b
  }

  #measureGroup(): void {
    const order = this.sources
    const first = order[0]!
    let group = this.count === 0 ? 0 : 1
    while (
      group < this.count && this.#compareKeys(first, order[group]!) === 0
      && this.#sequences[first] === this.#sequences[order[group]!]
    ) group++
    this.group = group
  }
}
