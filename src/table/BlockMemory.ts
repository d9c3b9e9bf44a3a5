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
/** Slots begin where the processor's lines do: large buffers begin 16 bytes behind the beginning of a page. */
const lineSize = 64
const firstSlot = 48
/** What is allocated together, if more than a slot. */
const slabSize = 4 * 1024 * 1024

export class BlockMemory {
  readonly #slotSize: number
  readonly #mostSlots: number
  /** Slots in a slab are a power of two: the exponent. */
  readonly #slabShift: number
  readonly #slabs: Array<Uint8Array> = []
  readonly #free: Array<number> = []
  #slots = 0

  /** Blocks are of `blockSize` bytes mostly, and together of `capacity` at most. */
  constructor(blockSize: number, capacity: number) {
    this.#slotSize = Math.ceil((blockSize + margin) / lineSize) * lineSize
    this.#mostSlots = Math.floor(capacity / this.#slotSize)
    this.#slabShift = Math.max(0, Math.floor(Math.log2(slabSize / this.#slotSize)))
  }

  /** Whether a slot is large enough for so many bytes and any tags. */
  fits(bytes: number): boolean {
    return bytes + mostTagBytes <= this.#slotSize
  }

  /** A slot for so many bytes, or -1 if there is none. */
  take(bytes: number): number {
    if (bytes > this.#slotSize) return -1
    const free = this.#free.pop()
    if (free !== undefined) return free
    const slot = this.#slots
    if (slot >= this.#mostSlots) return -1
    if (slot >>> this.#slabShift === this.#slabs.length) {
      const slots = Math.min(1 << this.#slabShift, this.#mostSlots - slot)
      this.#slabs.push(new Uint8Array(firstSlot + slots * this.#slotSize))
    }
    return this.#slots++
  }

  /** The memory that a slot is in, with others. */
  slab(slot: number): Uint8Array {
    return this.#slabs[slot >>> this.#slabShift]!
  }

  /** Where in its slab a slot begins. */
  start(slot: number): number {
    return firstSlot + (slot & ((1 << this.#slabShift) - 1)) * this.#slotSize
  }

  /** Takes a slot back. */
  release(slot: number): void {
    this.#free.push(slot)
  }
}
