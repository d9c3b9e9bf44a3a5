/**
 * Memory for cached blocks, in slots that are filled again and again.
 *
 * A buffer of its own for each block is memory outside the heap that comes and
 * goes by megabytes a second, and has the garbage collector stop the event loop
 * for 5 to 10 ms, several times a second. A slot may be filled again at once when
 * its block leaves the cache: whoever keeps a block for longer than a lookup
 * needs one in memory of its own.
 */

import { mostTagBytes } from "./EntryTags.ts"

/**
 * What a block may have beyond the size at which it is cut: its trailer, its restarts, some of its last entry, and the
 * tags of its entries.
 */
const margin = 256 + mostTagBytes
/** Slots that are allocated together. */
const slotsPerSlab = 64

export class BlockMemory {
  readonly #slotSize: number
  readonly #mostSlots: number
  readonly #slabs: Array<ArrayBuffer> = []
  readonly #free: Array<number> = []
  #slots = 0

  /** Blocks are of `blockSize` bytes mostly, and together of `capacity` at most. */
  constructor(blockSize: number, capacity: number) {
    this.#slotSize = blockSize + margin
    this.#mostSlots = Math.floor(capacity / this.#slotSize)
  }

  /** A slot for so many bytes, or -1 if there is none. */
  take(bytes: number): number {
    if (bytes > this.#slotSize) return -1
    const free = this.#free.pop()
    if (free !== undefined) return free
    if (this.#slots >= this.#mostSlots) return -1
    if (this.#slots % slotsPerSlab === 0) this.#slabs.push(new ArrayBuffer(slotsPerSlab * this.#slotSize))
    return this.#slots++
  }

  /** The slot's memory. */
  bytes(slot: number): Uint8Array {
    const size = this.#slotSize
    return new Uint8Array(this.#slabs[Math.floor(slot / slotsPerSlab)]!, (slot % slotsPerSlab) * size, size)
  }

  /** Takes a slot back. */
  release(slot: number): void {
    this.#free.push(slot)
  }
}
