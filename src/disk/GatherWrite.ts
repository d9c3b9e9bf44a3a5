/**
 * One positional write of many chunks: at most `IOV_MAX` of them a call, and on
 * from where a short write stopped.
 */
import { writev, writevSync } from "node:fs"
import { systemError } from "./SystemCall.ts"

/** The most chunks that Linux and macOS take in one call. */
const maximumChunks = 1024

/** Going on after it would loop for ever. */
const nothingWritten = (): Error => systemError("EIO")

const zeros = new Uint8Array(64 * 1024)

/** What is still to be written, and where. */
export class GatherWrite {
  readonly #chunks: Array<Uint8Array> = []
  #next = 0
  #written = 0
  readonly #position: number

  /** The chunks, then `padding` zeros, at `position`. */
  constructor(chunks: ReadonlyArray<Uint8Array>, padding: number, position: number) {
    for (const chunk of chunks) if (chunk.byteLength > 0) this.#chunks.push(chunk)
    for (let rest = padding; rest > 0; rest -= zeros.length) {
      this.#chunks.push(rest < zeros.length ? zeros.subarray(0, rest) : zeros)
    }
    this.#position = position
  }

  /** Bytes handed to the system so far. */
  get written(): number {
    return this.#written
  }

  /** Writes all that is left, holding the event loop; throws what the system reports. */
  writeNow(fd: number): void {
    while (this.#next < this.#chunks.length) {
      const written = writevSync(fd, this.#batch(), this.#position + this.#written)
      if (written === 0) throw nothingWritten()
      this.#advance(written)
    }
  }

  /** The same in the thread pool. */
  writeInPool(fd: number, done: (error: Error | null) => void): void {
    if (this.#next >= this.#chunks.length) return done(null)
    writev(fd, this.#batch(), this.#position + this.#written, (error, written) => {
      if (error !== null) return done(error)
      if (written === 0) return done(nothingWritten())
      this.#advance(written)
      this.writeInPool(fd, done)
    })
  }

  #batch(): Array<Uint8Array> {
    return this.#next === 0 && this.#chunks.length <= maximumChunks
      ? this.#chunks
      : this.#chunks.slice(this.#next, this.#next + maximumChunks)
  }

  #advance(written: number): void {
    this.#written += written
    let left = written
    while (left > 0) {
      const chunk = this.#chunks[this.#next]!
      if (left < chunk.byteLength) {
        this.#chunks[this.#next] = chunk.subarray(left)
        return
      }
      left -= chunk.byteLength
      this.#next++
    }
  }
}
