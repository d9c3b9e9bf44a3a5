/**
 * Memory for the bytes that reads return.
 *
 * A small result is a range of a slab shared with other results, because a
 * fresh small buffer costs several times its copy. Ranges are disjoint and never
 * reused, so a result belongs to its caller; the slab is marked untransferable,
 * so that no holder can detach it under the others. A result over 4 KiB has a
 * buffer of its own.
 */
import { markAsUntransferable } from "node:worker_threads"
import { copyRange } from "../record/Bytes.ts"

export const slabSize = 32 * 1024
/** Longer results have a buffer of their own. */
export const largestShared = 4 * 1024

const makeSlab = (): ArrayBuffer => {
  const slab = new ArrayBuffer(slabSize)
  markAsUntransferable(slab)
  return slab
}

export class ValueSlab {
  #slab = makeSlab()
  #bytes = new Uint8Array(this.#slab)
  #used = 0

  /** The slab, for whoever fills what it has reserved. */
  get buffer(): ArrayBuffer {
    return this.#slab
  }

  get bytes(): Uint8Array {
    return this.#bytes
  }

  /** Bytes that are left in the slab. */
  get room(): number {
    return slabSize - this.#used
  }

  /** Where so many bytes are the caller's from now on, in the slab or in a new one; no more than a slab has. */
  reserve(length: number): number {
    if (length > this.room) {
      this.#slab = makeSlab()
      this.#bytes = new Uint8Array(this.#slab)
      this.#used = 0
    }
    const start = this.#used
    this.#used = start + length
    return start
  }

  /** A copy of the range in memory that is the caller's. */
  copy(source: Uint8Array, offset: number, length: number): Uint8Array {
    if (length > largestShared) {
      const own = new Uint8Array(length)
      own.set(source.subarray(offset, offset + length))
      return own
    }
    const start = this.reserve(length)
    copyRange(source, offset, this.#bytes, start, length)
    return new Uint8Array(this.#slab, start, length)
  }
}
