/**
 * `"async"` writes that were applied in their callers' fibers and are not in the
 * log yet (I1, I3).
 *
 * They are visible and acknowledged; the Wal appends them as one group before
 * any later one. While there are any, the backlog holds a permit of the gate, so
 * that their pair is not rotated away before its segment has them (I2, I6).
 */
import { copyRange } from "../record/Bytes.ts"
import { deleteSize, putSize, writeDelete, writePut } from "../record/RecordCodec.ts"
import type { BatchContent, EncodedRange } from "../WriteBatch.ts"
import type { EngineStateShape } from "./EngineState.ts"
import type { Gate } from "./Gate.ts"
import type { Memtable } from "./Memtable.ts"
import { bytesPerSlice, recordsPerSlice } from "./MemtableWriter.ts"
import type { MemtableWriter } from "./MemtableWriter.ts"

/** Most bytes that wait. */
const capacity = 1024 * 1024

/** Records on their way into the log, in the order of their sequences. */
export interface Backlog {
  readonly memtable: Memtable
  readonly firstSequence: number
  readonly ranges: ReadonlyArray<EncodedRange>
  readonly records: number
  readonly bytes: number
}

export class AsyncBacklog {
  readonly #engine: EngineStateShape
  readonly #gate: Gate
  readonly #writer: MemtableWriter
  readonly #mayApply: () => boolean
  readonly #buffer = new Uint8Array(capacity)
  #memtable: Memtable | undefined
  #firstSequence = 0
  #records = 0
  #used = 0

  /** `mayApply` tells whether the log is idle: nothing waits for it and nothing is being appended. */
  constructor(engine: EngineStateShape, gate: Gate, writer: MemtableWriter, mayApply: () => boolean) {
    this.#engine = engine
    this.#gate = gate
    this.#writer = writer
    this.#mayApply = mayApply
  }

  get isEmpty(): boolean {
    return this.#memtable === undefined
  }

  /** Takes what waits; the permit goes with it, and the bytes are valid until the next write is applied. */
  take(): Backlog | undefined {
    const memtable = this.#memtable
    if (memtable === undefined) return undefined
    this.#memtable = undefined
    const ranges = [{ buffer: this.#buffer, start: 0, end: this.#used }]
    return { memtable, firstSequence: this.#firstSequence, ranges, records: this.#records, bytes: this.#used }
  }

  put(key: Uint8Array, value: Uint8Array): boolean {
    const size = putSize(key.length, value.length)
    const at = this.#reserve(1, size)
    if (at < 0) return false
    writePut(this.#buffer, at, key, value)
    this.#apply(at, size, 1)
    return true
  }

  delete(key: Uint8Array): boolean {
    const size = deleteSize(key.length)
    const at = this.#reserve(1, size)
    if (at < 0) return false
    writeDelete(this.#buffer, at, key)
    this.#apply(at, size, 1)
    return true
  }

  write({ bytes, ranges, records }: BatchContent): boolean {
    const start = this.#reserve(records, bytes)
    if (start < 0) return false
    let at = start
    for (const { buffer, end, start: from } of ranges) {
      copyRange(buffer, from, this.#buffer, at, end - from)
      at += end - from
    }
    this.#apply(start, bytes, records)
    return true
  }

  /** Where so many bytes may be written now, or -1. */
  #reserve(records: number, bytes: number): number {
    const { active } = this.#engine.view.value
    const { index } = active
    if (
      records > recordsPerSlice || bytes > bytesPerSlice || !this.#mayApply()
      || index.usedBytes + bytes > index.limit || !index.fits(records, bytes)
      || this.#engine.assigned + records > Number.MAX_SAFE_INTEGER
    ) return -1
    if (this.#memtable === undefined) {
      // Not for each write: what follows comes within the same moment.
      if (this.#engine.ownership.lookIfDue() !== undefined || !this.#gate.tryAcquire()) return -1
      this.#memtable = active
      this.#firstSequence = this.#engine.assigned + 1
      this.#records = 0
      this.#used = 0
    }
    return this.#used + bytes <= capacity ? this.#used : -1
  }

  #apply(start: number, bytes: number, records: number): void {
    const engine = this.#engine
    const range = { buffer: this.#buffer, start, end: start + bytes }
    this.#writer.insertNow(engine.view.value.active, [range], engine.assigned + 1)
    engine.assigned += records
    engine.visible = engine.assigned
    this.#records += records
    this.#used += bytes
  }
}
