/**
 * Some entries of a sorted source, one for each user key, as of one sequence:
 * plain numbers in arrays, which a scan goes through by index.
 *
 * An entry is the newest version of its key at or below the sequence. A key that
 * has none is in the batch too: a scan counts it among the keys that it has
 * looked at, and goes on behind it.
 *
 * A reverse scan has them in falling order, or goes through them from the last
 * one down. What they name is valid until the source is asked for more.
 */
import type { Effect } from "effect"
import type { TableError } from "../StoreError.ts"
import { noBytes } from "./Bytes.ts"
import { keyPrefix } from "./KeyPrefix.ts"
import type { RecordKind } from "./RecordKind.ts"
import type { MoveStatus } from "./VersionIterator.ts"

/** The kind of an entry whose key has no version. */
export const noVersion = 0

/** Most entries that a source puts into a batch; backward a run puts in one interval of a block, which has fewer. */
export const fullBatch = 128

/** Most batches that wait for their next use. */
const mostPooled = 16
/** Bytes of keys put together, of a batch that is kept. */
const mostAssembled = 64 * 1024

export class EntryBatch {
  /** Entries put in. */
  count = 0
  /** The entry in front, and how many are left from it on. */
  at = 0
  left = 0
  /** From an entry to the next one in the direction of the scan. */
  step: 1 | -1 = 1
  /** -1 for a reverse scan. */
  sign: 1 | -1 = 1

  /** Where the keys are: in `assembled`, or in the source's memory. */
  keys: Uint8Array = noBytes
  /** Where the versions are. */
  bytes: Uint8Array = noBytes

  readonly keyOffsets = new Uint32Array(fullBatch)
  readonly keyLengths = new Uint16Array(fullBatch)
  /** Of each key the first bytes as a number, times `sign`: in either direction smaller ones come first. */
  readonly prefixes = new Float64Array(fullBatch)
  readonly kinds = new Uint8Array(fullBatch)
  /** Where an entry begins, and its value. Up to its value it may be overwritten in a copy. */
  readonly starts = new Uint32Array(fullBatch)
  readonly valueOffsets = new Uint32Array(fullBatch)
  readonly valueLengths = new Uint32Array(fullBatch)
  /** The key ends where the value begins, but so many of its leading bytes are not there. */
  readonly missing = new Uint16Array(fullBatch)

  /** Memory for keys that a source puts together. */
  assembled = new Uint8Array(fullBatch * 16)
  #assembledEnd = 0

  clear(): void {
    this.count = 0
    this.left = 0
    this.#assembledEnd = 0
  }

  /** Makes memory for a key in `assembled`; where it is. */
  assemble(length: number): number {
    const offset = this.#assembledEnd
    this.#assembledEnd = offset + length
    if (this.#assembledEnd > this.assembled.length) {
      const longer = new Uint8Array(this.#assembledEnd * 2)
      longer.set(this.assembled)
      this.assembled = longer
    }
    this.keys = this.assembled
    return offset
  }

  /** Puts in a key that is in `keys`, without a version as yet. */
  addKey(offset: number, length: number): void {
    const { count } = this
    this.count = count + 1
    this.keyOffsets[count] = offset
    this.keyLengths[count] = length
    this.prefixes[count] = this.sign * keyPrefix(this.keys, offset, length)
    this.kinds[count] = noVersion
  }

  /** Gives the key put in last its version. */
  setVersion(kind: RecordKind, start: number, missing: number, valueOffset: number, valueLength: number): void {
    const last = this.count - 1
    this.kinds[last] = kind
    this.starts[last] = start
    this.missing[last] = missing
    this.valueOffsets[last] = valueOffset
    this.valueLengths[last] = valueLength
  }

  /** All are put in; their versions are in `bytes`, and `step` leads through them in the direction of the scan. */
  finish(bytes: Uint8Array, step: 1 | -1): void {
    this.bytes = bytes
    this.step = step
    this.left = this.count
    this.at = step === 1 ? 0 : this.count - 1
  }

  pass(entries: number): void {
    this.at += entries * this.step
    this.left -= entries
  }
}

/** A memtable or a run of tables, from where a scan begins on. */
export interface EntrySource {
  /** The entries at hand. There are none left behind `advance` only at the source's end. */
  readonly batch: EntryBatch
  /**
   * Once no entry is left, puts in the next ones, about as many as are wanted. After `needsLoad` and `load` it goes on
   * where it stopped.
   */
  advance(wanted: number): MoveStatus
  /** Reads what `advance` lacked. Interruptible between reads; leaves nothing behind when it fails or is interrupted. */
  readonly load: Effect.Effect<void, TableError>
}

/** Where a source begins, and what it shows. */
export interface EntryRange {
  /** The key to begin at or behind; undefined: at the end of the source. It stays as it is until the source has begun. */
  readonly start: { readonly key: Uint8Array; readonly inclusive: boolean } | undefined
  readonly reverse: boolean
  readonly sequence: number
}

/** Batches between two uses, as to make one takes longer than a short scan. */
export class BatchPool {
  readonly #batches: Array<EntryBatch> = []

  take(reverse: boolean): EntryBatch {
    const batch = this.#batches.pop() ?? new EntryBatch()
    batch.clear()
    batch.sign = reverse ? -1 : 1
    return batch
  }

  /** Takes back a batch that nobody uses any more. */
  give(batch: EntryBatch): void {
    if (this.#batches.length === mostPooled || batch.assembled.length > mostAssembled) return
    batch.keys = noBytes
    batch.bytes = noBytes
    this.#batches.push(batch)
  }
}
