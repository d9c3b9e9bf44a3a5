/**
 * The bytes of a file in memory, in pieces of one size: growing copies nothing
 * that is already there, and any offset is found by division.
 */
const pieceLength = 64 * 1024

export class MemoryFile {
  readonly #pieces: Array<Uint8Array> = []
  #length = 0

  get length(): number {
    return this.#length
  }

  append(chunk: Uint8Array): void {
    let taken = 0
    while (taken < chunk.length) {
      const within = this.#length % pieceLength
      if (within === 0) this.#pieces.push(new Uint8Array(pieceLength))
      const count = Math.min(chunk.length - taken, pieceLength - within)
      this.#pieces[this.#pieces.length - 1]!.set(chunk.subarray(taken, taken + count), within)
      this.#length += count
      taken += count
    }
  }

  /** A copy of a range, which must lie within the file. */
  slice(offset: number, length: number): Uint8Array {
    const target = new Uint8Array(length)
    let filled = 0
    while (filled < length) {
      const within = (offset + filled) % pieceLength
      const count = Math.min(length - filled, pieceLength - within)
      const piece = this.#pieces[Math.floor((offset + filled) / pieceLength)]!
      target.set(piece.subarray(within, within + count), filled)
      filled += count
    }
    return target
  }
}
