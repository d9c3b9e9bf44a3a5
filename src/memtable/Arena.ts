/**
 * The memory of one memtable: a single SharedArrayBuffer in which records grow
 * upwards from the start and index nodes grow downwards from the end, so that
 * the nodes, which every lookup passes through, share few pages.
 *
 * The buffer is much larger than a memtable is meant to become: the system
 * backs only the pages that were touched. Everything that changes is in the
 * buffer itself, its header included, so another thread needs the buffer alone.
 * A reference is the index of a 32-bit word (16 GiB are addressable); 0 is none.
 * The layout never reaches a file, and is in the byte order of the machine.
 *
 * Header, in words:
 *   0       unused, so that no reference is 0
 *   1       root: reference of a leaf or an inner node
 *   2       records; 3  distinct keys
 *   4       first sequence, 5 last sequence, as distances from the base sequence
 *   6, 7    base sequence, low and high 32 bits
 *   8       end of the records; 9  start of the nodes
 *   10..13  heads of the lists of freed nodes, smallest size first
 *   14      words in those lists
 *
 * Carries the memory bound of I13. Private to src/memtable.
 */
import { RangeCopier } from "../record/RangeCopier.ts"

export const rootWord = 1
export const recordsWord = 2
export const keysWord = 3
export const firstWord = 4
export const lastWord = 5
const baseLowWord = 6
const baseHighWord = 7
const recordsEndWord = 8
const nodesStartWord = 9
const freeWord = 10
const freeTotalWord = 14

/** Words before the first record. */
export const headerWords = 16

/** Words that a node's size is a multiple of: nodes of 32 and 96 bytes then touch the fewest cache lines. */
const nodeUnitWords = 8

/** Largest arena: every index into it and its length in words have 32 bits. */
export const maxArenaBytes = (0x1_0000_0000 - nodeUnitWords) * 4

const alignment = nodeUnitWords * 4

/** Rounds a size up to what an arena can have. */
export const alignArena = (bytes: number): number => Math.ceil(bytes / alignment) * alignment

/** Larger sources get no view, since the arena holds on to the one that it has a view of. */
const viewedSourceBytes = 16 * 1024 * 1024

export class Arena {
  readonly buffer: SharedArrayBuffer
  readonly words: Uint32Array
  readonly bytes: Uint8Array
  readonly #copier = new RangeCopier(viewedSourceBytes)

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer
    this.words = new Uint32Array(buffer)
    this.bytes = new Uint8Array(buffer)
  }

  /** Empties the arena. What lies behind the header may stay: whatever is handed out is written in full first. */
  reset(baseSequence: number): void {
    const words = this.words
    words.fill(0, 0, headerWords)
    words[baseLowWord] = baseSequence % 0x1_0000_0000
    words[baseHighWord] = Math.floor(baseSequence / 0x1_0000_0000)
    words[recordsEndWord] = headerWords
    words[nodesStartWord] = words.length
    this.#copier.forget()
  }

  get baseSequence(): number {
    return this.words[baseHighWord]! * 0x1_0000_0000 + this.words[baseLowWord]!
  }

  /** Bytes handed out, header and freed nodes included: what the arena takes of physical memory, to the page. */
  get usedBytes(): number {
    const words = this.words
    return (words[recordsEndWord]! + (words.length - words[nodesStartWord]!)) * 4
  }

  /** Bytes of the header and the records. */
  get recordBytes(): number {
    return this.words[recordsEndWord]! * 4
  }

  /** Bytes of freed nodes, a part of `usedBytes`. */
  get freeBytes(): number {
    return this.words[freeTotalWord]! * 4
  }

  allocateRecord(bytes: number): number {
    const words = this.words
    const start = words[recordsEndWord]!
    const end = start + ((bytes + 3) >>> 2)
    if (end > words[nodesStartWord]!) throw this.#full()
    words[recordsEndWord] = end
    return start
  }

  /** A node of size class `sizeClass` (0 to 3), which takes `size` words. Its content is undefined. */
  allocateNode(sizeClass: number, size: number): number {
    const words = this.words
    const head = freeWord + sizeClass
    const free = words[head]!
    if (free !== 0) {
      words[head] = words[free]!
      words[freeTotalWord] = words[freeTotalWord]! - size
      return free
    }
    const start = words[nodesStartWord]! - size
    if (start < words[recordsEndWord]!) throw this.#full()
    words[nodesStartWord] = start
    return start
  }

  freeNode(node: number, sizeClass: number, size: number): void {
    const words = this.words
    const head = freeWord + sizeClass
    words[node] = words[head]!
    words[head] = node
    words[freeTotalWord] = words[freeTotalWord]! + size
  }

  /** Copies bytes into the arena. */
  copyIn(source: Uint8Array, offset: number, target: number, length: number): void {
    this.#copier.copy(source, offset, this.bytes, target, length)
  }

  #full(): RangeError {
    return new RangeError(`The memtable's arena of ${this.buffer.byteLength} bytes is full; ask fits before inserting.`)
  }
}
