/**
 * A file on a real disk that is only read, at any offset.
 *
 * A range is checked against the file's length before anything is allocated for
 * it, so that a length read from a damaged file costs nothing.
 */
import * as Effect from "effect/Effect"
import { fstatSync, read, readSync } from "node:fs"
import { DiskError } from "../StoreError.ts"
import { Descriptor } from "./Descriptor.ts"
import type { ReadFile } from "./Disk.ts"
import { diskError, errorCode } from "./SystemCall.ts"

/** A call takes at most 2 GiB - 1. */
const largestRead = 1024 * 1024 * 1024

/** A signal came first, and nothing was read: of all calls the runtime leaves only reads to be begun again by who made them. */
const isInterrupted = (cause: unknown): boolean => errorCode(cause) === "EINTR"

const readOnce = (fd: number, target: Uint8Array, from: number, length: number, position: number): number => {
  for (;;) {
    try {
      return readSync(fd, target, from, length, position)
    } catch (cause) {
      if (!isInterrupted(cause)) throw cause
    }
  }
}

export class NodeReadFile implements ReadFile {
  readonly path: string
  readonly size: number
  readonly close: Effect.Effect<void>
  readonly #descriptor: Descriptor

  /** Takes over the descriptor of a file of this size. */
  constructor(path: string, fd: number, size: number) {
    this.path = path
    this.size = size
    this.#descriptor = new Descriptor(fd)
    this.close = this.#descriptor.close
  }

  readSync(offset: number, length: number, into?: Uint8Array): Uint8Array {
    try {
      const target = this.#allocate(offset, length, into)
      const { fd } = this.#descriptor
      let filled = 0
      while (filled < length) {
        const count = readOnce(fd, target, filled, Math.min(length - filled, largestRead), offset + filled)
        if (count === 0) throw this.#error("ESHORT")
        filled += count
      }
      return target
    } catch (cause) {
      throw this.#asDiskError(cause)
    }
  }

  read(offset: number, length: number): Effect.Effect<Uint8Array, DiskError> {
    return Effect.uninterruptible(
      Effect.callback<Uint8Array, DiskError>((resume) => this.#readInPool(offset, length, resume))
    )
  }

  #readInPool(
    offset: number,
    length: number,
    resume: (result: Effect.Effect<Uint8Array, DiskError>) => void
  ): void {
    let target: Uint8Array
    try {
      target = this.#allocate(offset, length)
    } catch (cause) {
      return resume(Effect.fail(this.#asDiskError(cause)))
    }
    const { fd } = this.#descriptor
    this.#descriptor.hold()
    const end = (result: Effect.Effect<Uint8Array, DiskError>): void => {
      this.#descriptor.release()
      resume(result)
    }
    const fill = (filled: number): void => {
      if (filled === length) return end(Effect.succeed(target))
      read(fd, target, filled, Math.min(length - filled, largestRead), offset + filled, (error, count) => {
        if (error !== null) return isInterrupted(error) ? fill(filled) : end(Effect.fail(this.#asDiskError(error)))
        if (count === 0) return end(Effect.fail(this.#error("ESHORT")))
        fill(filled + count)
      })
    }
    fill(0)
  }

  /** `into` if it is large enough, or a buffer of its own for the range, not zeroed: it is handed out only when it has been filled. */
  #allocate(offset: number, length: number, into?: Uint8Array): Uint8Array {
    const { fd } = this.#descriptor
    if (fd < 0) throw this.#error("EBADF")
    if (!(Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0)) {
      throw this.#error("EINVAL")
    }
    const end = offset + length
    if (end > this.size && end > fstatSync(fd).size) throw this.#error("ESHORT")
    if (into !== undefined && into.length >= length) return into.subarray(0, length)
    const buffer = Buffer.allocUnsafeSlow(length)
    return new Uint8Array(buffer.buffer, buffer.byteOffset, length)
  }

  #error(code: string): DiskError {
    return new DiskError({ operation: "read", path: this.path, code })
  }

  #asDiskError(cause: unknown): DiskError {
    return cause instanceof DiskError ? cause : diskError("read", this.path, cause)
  }
}
