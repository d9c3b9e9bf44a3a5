/**
 * Writes that happen together: all of them, in the order given, or none.
 *
 * A batch holds its records already encoded, in chunks that are only ever
 * appended to, so that the log takes them as they are.
 */
import { isUint8Array } from "node:util/types"
import { deleteSize, putSize, writeDelete, writePut } from "./record/RecordCodec.ts"
import { maxBatchLength, maxKeyLength, maxValueLength } from "./record/RecordKind.ts"
import { InvalidArgument } from "./StoreError.ts"

const firstChunk = 256
const largestChunk = 1024 * 1024

/** An array whose buffer was transferred has no bytes left; it was not meant as an empty one. */
const isDetached = (bytes: Uint8Array): boolean =>
  bytes.length === 0 && bytes.buffer instanceof ArrayBuffer && bytes.buffer.detached
const detached = "has lost its bytes: its buffer was transferred; pass a copy"

/** What is wrong with a key, or undefined. */
export const keyProblem = (key: unknown): string | undefined => {
  if (!isUint8Array(key)) return "must be a Uint8Array; encode text with TextEncoder"
  if (key.length > maxKeyLength) return `has ${key.length} bytes; at most ${maxKeyLength} are allowed`
  return isDetached(key) ? detached : undefined
}

/** What is wrong with a value, or undefined. */
export const valueProblem = (value: unknown): string | undefined => {
  if (!isUint8Array(value)) {
    return "must be a Uint8Array; encode text with TextEncoder, and use delete to remove a key"
  }
  if (value.length > maxValueLength) return `has ${value.length} bytes; at most ${maxValueLength} are allowed`
  return isDetached(value) ? detached : undefined
}

/** A stretch of encoded records in one buffer; no record spans two. */
export interface EncodedRange {
  readonly buffer: Uint8Array
  readonly start: number
  readonly end: number
}

/** What the engine sees of a batch. */
export interface BatchContent {
  readonly ranges: ReadonlyArray<EncodedRange>
  readonly records: number
  readonly bytes: number
}

let hasRecords: (value: object) => boolean
let contentOf: (batch: WriteBatch) => BatchContent | InvalidArgument
let setSealed: (batch: WriteBatch, sealed: boolean) => void

/**
 * A plain builder of writes. Bytes are copied when they are added. A mistake in
 * an argument does not throw: it is kept, and `store.write` fails with it and
 * writes nothing. Once written a batch is spent; until then it may be added to.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { LsmStore, WriteBatch } from "effect-lsm"
 *
 * const text = new TextEncoder()
 * const batch = WriteBatch.make()
 *   .put(text.encode("account/a"), text.encode("90"))
 *   .put(text.encode("account/b"), text.encode("110"))
 *   .delete(text.encode("transfer/1"))
 * const program = LsmStore.use((store) => store.write(batch))
 *
 * batch.size // => 3
 * await Effect.runPromise(program.pipe(Effect.provide(LsmStore.layerMemory()))) // => { sequence: 3 }
 * ```
 */
export class WriteBatch {
  readonly #full: Array<EncodedRange> = []
  #chunk = new Uint8Array(firstChunk)
  #end = 0
  #records = 0
  #bytes = 0
  #problem: InvalidArgument | undefined
  #written = false

  static {
    hasRecords = (value) => #records in value
    contentOf = (batch) => batch.#content()
    setSealed = (batch, sealed) => {
      batch.#written = sealed
    }
  }

  /** An empty batch. */
  static make(): WriteBatch {
    return new WriteBatch()
  }

  /** Writes added so far. */
  get size(): number {
    return this.#records
  }

  /** Encoded bytes so far; `store.write` takes up to 1 GiB. */
  get byteLength(): number {
    return this.#bytes
  }

  /** Adds a put. A key that the batch writes twice ends as the later write says. */
  put(key: Uint8Array, value: Uint8Array): this {
    const wrongKey = keyProblem(key)
    if (wrongKey !== undefined) return this.#reject("key", wrongKey)
    const wrongValue = valueProblem(value)
    if (wrongValue !== undefined) return this.#reject("value", wrongValue)
    const at = this.#reserve(putSize(key.length, value.length))
    if (at >= 0) this.#end = writePut(this.#chunk, at, key, value)
    return this
  }

  /** Adds a delete; the key need not have a value. */
  delete(key: Uint8Array): this {
    const wrongKey = keyProblem(key)
    if (wrongKey !== undefined) return this.#reject("key", wrongKey)
    const at = this.#reserve(deleteSize(key.length))
    if (at >= 0) this.#end = writeDelete(this.#chunk, at, key)
    return this
  }

  #reject(argument: string, reason: string): this {
    this.#problem ??= new InvalidArgument({ argument, reason: `write ${this.#records + 1} of the batch ${reason}` })
    return this
  }

  #reserve(length: number): number {
    if (this.#written) {
      this.#problem ??= new InvalidArgument({ argument: "batch", reason: "was added to after it was written" })
      return -1
    }
    if (this.#bytes + length > maxBatchLength) {
      this.#problem ??= new InvalidArgument({ argument: "batch", reason: `is larger than ${maxBatchLength} bytes` })
      return -1
    }
    if (this.#end + length > this.#chunk.length) {
      const chunk = new Uint8Array(Math.max(length, Math.min(largestChunk, 2 * this.#chunk.length)))
      if (this.#end > 0) this.#full.push({ buffer: this.#chunk, start: 0, end: this.#end })
      this.#chunk = chunk
      this.#end = 0
    }
    this.#records++
    this.#bytes += length
    return this.#end
  }

  #content(): BatchContent | InvalidArgument {
    if (this.#problem !== undefined) return this.#problem
    if (this.#written) {
      return new InvalidArgument({ argument: "batch", reason: "was already written; make a new one" })
    }
    const ranges = this.#end > 0 ? [...this.#full, { buffer: this.#chunk, start: 0, end: this.#end }] : [...this.#full]
    return { ranges, records: this.#records, bytes: this.#bytes }
  }
}

/** True if `WriteBatch.make` made it: what only inherits from a batch has no records. */
export const isWriteBatch = (value: unknown): value is WriteBatch =>
  typeof value === "object" && value !== null && hasRecords(value)

/** The batch's records as they stand, or why it can't be written. What is added later does not change them. */
export const batchContent = (batch: WriteBatch): BatchContent | InvalidArgument => contentOf(batch)

/** Marks the batch as on its way to the log. */
export const sealBatch = (batch: WriteBatch): void => setSealed(batch, true)

/** Gives the batch back to its owner: the log did not take it. */
export const unsealBatch = (batch: WriteBatch): void => setSealed(batch, false)
