/**
 * The bytes that a table writer has made: the section being written, contiguous
 * and open, and before it the finished bytes that wait to be taken.
 *
 * Only the builders of this directory write into it.
 */

/** Small enough that one append of one chunk never holds the event loop long. */
const chunkSize = 64 * 1024
/** Chunks kept to be filled again, and the bytes of the largest of them. */
const mostSpare = 4
const largestSpare = 8 * chunkSize

export class TableOutput {
  /** The chunk that holds the open section, from `start` to `end`. */
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(chunkSize)
  start = 0
  end = 0
  /** Finished bytes so far: the open section's offset in the file. */
  offset = 0
  /** Finished bytes that nobody has taken. */
  pendingBytes = 0

  readonly #finished: Array<Uint8Array> = []
  /** Chunks that are full, those of them that were taken, and those that may be filled again. */
  readonly #full: Array<Uint8Array<ArrayBuffer>> = []
  readonly #lent: Array<Uint8Array<ArrayBuffer>> = []
  readonly #spare: Array<Uint8Array<ArrayBuffer>> = []
  #taken = 0

  /** Makes room for `length` bytes at `end`; the open section may move to another chunk. */
  reserve(length: number): void {
    if (this.end + length <= this.bytes.length) return
    const open = this.end - this.start
    const grown = this.#chunk(open * 2 + length)
    grown.set(this.bytes.subarray(this.start, this.end))
    this.#putAside()
    this.#full.push(this.bytes)
    this.bytes = grown
    this.#taken = 0
    this.start = 0
    this.end = open
  }

  /** A fresh large chunk, all zeros, costs more than filling it. */
  #chunk(size: number): Uint8Array<ArrayBuffer> {
    const spare = this.#spare.findIndex((chunk) => chunk.length >= size)
    return spare < 0
      ? new Uint8Array(Math.ceil(size / chunkSize) * chunkSize)
      : this.#spare.splice(spare, 1)[0]!
  }

  /** Ends the open section; the next one begins behind it. */
  seal(): void {
    const length = this.end - this.start
    this.start = this.end
    this.offset += length
    this.pendingBytes += length
  }

  /** Appends a finished section that has a buffer of its own. There must be no open section. */
  push(section: Uint8Array): void {
    if (section.length === 0) return
    this.#putAside()
    this.#finished.push(section)
    this.offset += section.length
    this.pendingBytes += section.length
  }

  /** The finished bytes in order; they are not changed before `recycle`. */
  take(): Array<Uint8Array> {
    this.#putAside()
    this.pendingBytes = 0
    this.#lent.push(...this.#full.splice(0))
    return this.#finished.splice(0)
  }

  /** Nobody uses any more what was taken: its memory is filled again. */
  recycle(): void {
    for (const chunk of this.#lent.splice(0)) {
      if (chunk.length > largestSpare) continue
      // Where chunks become larger, those that are too small must not keep them out.
      if (this.#spare.length === mostSpare) this.#spare.shift()
      this.#spare.push(chunk)
    }
  }

  #putAside(): void {
    if (this.start > this.#taken) this.#finished.push(this.bytes.subarray(this.#taken, this.start))
    this.#taken = this.start
  }
}
