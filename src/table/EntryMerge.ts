/**
 * The entries of many sources in one order: of each key that of the newest source
 * that has a version (I9), as every version in a source is newer than every
 * version of that key in the sources behind it (I2). Sources are given newest
 * first; a deletion is a version like any other.
 *
 * It gives entries in stretches: as many of one source as come before the next
 * source's, so that most cost one comparison of numbers. Sources are few: the one
 * in front is looked for among all of them.
 */
import { Effect } from "effect"
import { compareRanges } from "../record/Bytes.ts"
import { EntryBatch, noVersion } from "../record/EntryBatch.ts"
import type { EntrySource } from "../record/EntryBatch.ts"
import { keyPrefix } from "../record/KeyPrefix.ts"
import { MoveStatus } from "../record/VersionIterator.ts"
import { loadTogether } from "./PendingSources.ts"

/** Where a scan ends. */
export interface EntryEnd {
  readonly key: Uint8Array
  readonly inclusive: boolean
}

const noBatch = new EntryBatch()

/** Compares the entry of one batch with the front of another; negative if it comes first in the direction of the scan. */
const compareFront = (batch: EntryBatch, at: number, other: EntryBatch): number => {
  const front = other.at
  const difference = batch.prefixes[at]! - other.prefixes[front]!
  return difference !== 0 ? difference : batch.sign * compareRanges(
    batch.keys,
    batch.keyOffsets[at]!,
    batch.keyLengths[at]!,
    other.keys,
    other.keyOffsets[front]!,
    other.keyLengths[front]!
  )
}

export class EntryMerge {
  readonly #sources: ReadonlyArray<EntrySource>
  readonly #end: EntryEnd | undefined
  /** As in batches. */
  readonly #endPrefix: number
  /** Of which the entries in front are. */
  batch = noBatch
  /** The batches that have the key in front, if there are several. */
  #sharing: Array<EntryBatch> = []
  /** A source may have no entry at hand, but more to put in. */
  #isSpent = true
  readonly #waiting: Array<EntrySource> = []

  constructor(sources: ReadonlyArray<EntrySource>, end: EntryEnd | undefined, reverse: boolean) {
    this.#sources = sources
    this.#end = end
    this.#endPrefix = end === undefined
      ? Number.POSITIVE_INFINITY
      : (reverse ? -1 : 1) * keyPrefix(end.key, 0, end.key.length)
  }

  /** Before `front`: lets every source that has no entry at hand put in its next ones, about as many as are wanted. */
  advance(wanted: number): MoveStatus {
    if (!this.#isSpent) return MoveStatus.ready
    const sources = this.#sources
    this.#waiting.length = 0
    for (let i = 0; i < sources.length; i++) {
      const source = sources[i]!
      if (source.batch.left === 0 && source.advance(wanted) === MoveStatus.needsLoad) this.#waiting.push(source)
    }
    this.#isSpent = this.#waiting.length > 0
    return this.#isSpent ? MoveStatus.needsLoad : MoveStatus.ready
  }

  /** Loads together what sources lack. */
  get load(): EntrySource["load"] {
    return Effect.suspend(() => loadTogether(this.#waiting.slice()))
  }

  /**
   * How many entries of `batch` come next, `most` at the most; 0 at the end. An entry that several sources have comes
   * alone.
   */
  front(most: number): number {
    const sources = this.#sources
    let first: EntryBatch | undefined
    let second: EntryBatch | undefined
    let firstPrefix = 0
    let secondPrefix = Number.POSITIVE_INFINITY
    for (let i = 0; i < sources.length; i++) {
      const { batch } = sources[i]!
      if (batch.left === 0) continue
      const prefix = batch.prefixes[batch.at]!
      if (first === undefined) {
        first = batch
        firstPrefix = prefix
      } else if (prefix < firstPrefix || (prefix === firstPrefix && compareFront(batch, batch.at, first) < 0)) {
        second = first
        secondPrefix = firstPrefix
        first = batch
        firstPrefix = prefix
      } else if (
        second === undefined || prefix < secondPrefix
        || (prefix === secondPrefix && compareFront(batch, batch.at, second) < 0)
      ) {
        second = batch
        secondPrefix = prefix
      }
    }
    if (first === undefined) return 0
    this.batch = first

    const { prefixes, step } = first
    const limit = Math.min(secondPrefix, this.#endPrefix)
    const longest = Math.min(most, first.left)
    let at = first.at
    let length = 0
    while (length < longest && (prefixes[at]! < limit || this.#comesBefore(first, at, second))) {
      at += step
      length++
    }
    if (length > 0 || second === undefined || !this.#isWithin(first, at)) return length
    this.#share(first)
    return 1
  }

  /** Goes behind entries in front. */
  pass(length: number): void {
    const sharing = this.#sharing
    if (sharing.length === 0) {
      this.batch.pass(length)
      if (this.batch.left === 0) this.#isSpent = true
      return
    }
    for (const batch of sharing) {
      batch.pass(1)
      if (batch.left === 0) this.#isSpent = true
    }
    this.#sharing = []
  }

  /** Whether an entry is within the range and comes before the front of another batch. */
  #comesBefore(batch: EntryBatch, at: number, other: EntryBatch | undefined): boolean {
    return this.#isWithin(batch, at) && (other === undefined || compareFront(batch, at, other) < 0)
  }

  #isWithin(batch: EntryBatch, at: number): boolean {
    const end = this.#end
    if (end === undefined) return true
    const difference = batch.prefixes[at]! - this.#endPrefix
    if (difference !== 0) return difference < 0
    const { inclusive, key } = end
    const order = batch.sign
      * compareRanges(batch.keys, batch.keyOffsets[at]!, batch.keyLengths[at]!, key, 0, key.length)
    return order < 0 || (order === 0 && inclusive)
  }

  /** Several sources have the key in front: the newest one that has a version gives it. */
  #share(first: EntryBatch): void {
    const sources = this.#sources
    let chosen: EntryBatch | undefined
    for (let i = 0; i < sources.length; i++) {
      const { batch } = sources[i]!
      if (batch.left === 0 || compareFront(batch, batch.at, first) !== 0) continue
      this.#sharing.push(batch)
      if (chosen === undefined && batch.kinds[batch.at] !== noVersion) chosen = batch
    }
    this.batch = chosen ?? first
  }
}
