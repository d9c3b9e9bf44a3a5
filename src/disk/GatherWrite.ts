/**
 * One positional write of many chunks, on from where a short write stopped.
 *
 * Any number of chunks makes one call: the runtime itself divides it into as
 * many as the system needs (1,024 chunks each).
 */
import { writeSync, writev, writevSync } from "node:fs"
import { systemError } from "./SystemCall.ts"

/** Going on after it would loop for ever. */
const nothingWritten = (): Error => systemError("EIO")

const zeros = new Uint8Array(64 * 1024)

/** What is no longer is written at once from one buffer: that takes a few microseconds less than to name each chunk. */
const gathered = new Uint8Array(4096)

/** What is still to be written, and where. */
export class GatherWrite {
  #rest: Array<Uint8Array> = []
  #written = 0
  #left = 0
  readonly #position: number

  /** The chunks, then `padding` zeros, at `position`. */
  constructor(chunks: ReadonlyArray<Uint8Array>, padding: number, position: number) {
    for (const chunk of chunks) {
      if (chunk.byteLength === 0) continue
      this.#rest.push(chunk)
      this.#left += chunk.byteLength
    }
    this.#left += padding
    for (let rest = padding; rest > 0; rest -= zeros.length) {
      this.#rest.push(rest < zeros.length ? zeros.subarray(0, rest) : zeros)
    }
    this.#position = position
  }

  /** Bytes handed to the system so far. */
  get written(): number {
    return this.#written
  }

  /** Writes all that is left, holding the event loop; throws what the system reports. */
  writeNow(fd: number): void {
    while (this.#rest.length > 0) {
      const position = this.#position + this.#written
      const written = this.#left <= gathered.length
        ? writeSync(fd, gathered, 0, this.#gather(), position)
        : writevSync(fd, this.#rest, position)
      if (written === 0) throw nothingWritten()
      this.#advance(written)
    }
  }

  /** The same in the thread pool. */
  writeInPool(fd: number, done: (error: Error | null) => void): void {
    if (this.#rest.length === 0) return done(null)
    writev(fd, this.#rest, this.#position + this.#written, (error, written) => {
      if (error !== null) return done(error)
      if (written === 0) return done(nothingWritten())
      this.#advance(written)
      this.writeInPool(fd, done)
    })
  }

  #gather(): number {
    let at = 0
    for (const chunk of this.#rest) {
      gathered.set(chunk, at)
      at += chunk.byteLength
    }
    return at
  }

  #advance(written: number): void {
    this.#written += written
    this.#left -= written
    let whole = 0
    let left = written
    while (whole < this.#rest.length && left >= this.#rest[whole]!.byteLength) left -= this.#rest[whole++]!.byteLength
    this.#rest = this.#rest.slice(whole)
    if (left > 0) this.#rest[0] = this.#rest[0]!.subarray(left)
  }
}
