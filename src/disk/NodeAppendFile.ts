/**
 * An append-only file on a real disk. Carries the disk's half of I12: after a
 * failed write or sync the handle refuses everything with that same error, and
 * a sync is never tried again (the system may have dropped the dirty pages that
 * it could not write, so a second sync would succeed over lost bytes).
 *
 * Writes are positional. Up to 112 KiB, which the appends of a flush or a merge
 * do not exceed, they are made at once: 23 µs for 112 KiB, p99.9 0.06 to 0.26 ms
 * and worst 0.3, where 256 KiB beside another thread's bulk writes took 0.3 and
 * 1.3 ms. Larger ones go to the thread pool as one call: that costs some tens of
 * microseconds of latency more and does not hold the loop, whereas writing pieces
 * on the loop holds it for as long as the whole takes. Syncs go to the pool or are
 * made at once as the policy says.
 */
import { Effect } from "effect"
import { fdatasync, fdatasyncSync } from "node:fs"
import { DiskError } from "../StoreError.ts"
import { Descriptor } from "./Descriptor.ts"
import type { AppendFile } from "./Disk.ts"
import { GatherWrite } from "./GatherWrite.ts"
import type { SyncPolicy } from "./SyncPolicy.ts"
import { diskError } from "./SystemCall.ts"

const largestWriteOnLoop = 112 * 1024

/** What the system reports, or null. */
const syncNow = (fd: number): unknown => {
  try {
    fdatasyncSync(fd)
    return null
  } catch (cause) {
    return cause
  }
}

export class NodeAppendFile implements AppendFile {
  readonly path: string
  readonly sync: Effect.Effect<void, DiskError>
  readonly close: Effect.Effect<void>
  readonly #descriptor: Descriptor
  readonly #extendBy: number
  readonly #policy: SyncPolicy
  #length = 0
  /** The file's length: what was appended and the zeros behind it. */
  #allocated = 0
  #synced = -1
  /** The file's length when it was synced. */
  #allocatedSynced = 0
  #failure: DiskError | undefined

  /** Takes over the descriptor of an empty file. */
  constructor(path: string, fd: number, extendBy: number, policy: SyncPolicy) {
    this.path = path
    this.#descriptor = new Descriptor(fd)
    this.#extendBy = extendBy
    this.#policy = policy
    this.close = this.#descriptor.close
    this.sync = Effect.uninterruptible(Effect.suspend(() => this.#sync()))
  }

  append(chunks: ReadonlyArray<Uint8Array>): Effect.Effect<void, DiskError> {
    return Effect.suspend(() => {
      let length = 0
      for (const chunk of chunks) length += chunk.byteLength
      const extended = this.#length + length > this.#allocated ? length + this.#extendBy : length
      return extended <= largestWriteOnLoop
        ? this.#appendNow(chunks, length)
        : Effect.uninterruptible(
          Effect.callback<void, DiskError>((resume) => this.#appendInPool(chunks, length, resume))
        )
    })
  }

  #appendNow(chunks: ReadonlyArray<Uint8Array>, length: number): Effect.Effect<void, DiskError> {
    const refusal = this.#refusal("append")
    if (refusal !== undefined) return Effect.fail(refusal)
    const position = this.#length
    const write = this.#begin(chunks, length)
    try {
      write.writeNow(this.#descriptor.fd)
      return Effect.void
    } catch (cause) {
      return this.#failed(write, position, length, cause)
    }
  }

  #appendInPool(
    chunks: ReadonlyArray<Uint8Array>,
    length: number,
    resume: (result: Effect.Effect<void, DiskError>) => void
  ): void {
    const refusal = this.#refusal("append")
    if (refusal !== undefined) return resume(Effect.fail(refusal))
    const position = this.#length
    const write = this.#begin(chunks, length)
    const { fd } = this.#descriptor
    this.#descriptor.hold()
    write.writeInPool(fd, (error) => {
      this.#descriptor.release()
      resume(error === null ? Effect.void : this.#failed(write, position, length, error))
    })
  }

  #begin(chunks: ReadonlyArray<Uint8Array>, length: number): GatherWrite {
    const position = this.#length
    const padding = position + length > this.#allocated ? this.#extendBy : 0
    this.#length = position + length
    if (this.#length > this.#allocated) this.#allocated = this.#length + padding
    return new GatherWrite(chunks, padding, position)
  }

  /** A write whose bytes all went through, and only the zeros behind them did not, has succeeded. */
  #failed(write: GatherWrite, position: number, length: number, cause: unknown): Effect.Effect<void, DiskError> {
    if (write.written >= length) {
      this.#allocated = position + write.written
      return Effect.void
    }
    this.#failure ??= diskError("append", this.path, cause)
    return Effect.fail(this.#failure)
  }

  #sync(): Effect.Effect<void, DiskError> {
    const refusal = this.#refusal("sync")
    if (refusal !== undefined) return Effect.fail(refusal)
    const length = this.#length
    if (this.#synced === length) return Effect.void
    const allocated = this.#allocated
    // A new length has to be journalled.
    const bytes = allocated === this.#allocatedSynced ? length - this.#synced : Number.POSITIVE_INFINITY
    const policy = this.#policy
    const begun = policy.begin(bytes)
    const end = (error: unknown): Effect.Effect<void, DiskError> => {
      policy.end(begun)
      if (error === null) {
        this.#synced = length
        this.#allocatedSynced = allocated
        return Effect.void
      }
      this.#failure ??= diskError("sync", this.path, error)
      return Effect.fail(this.#failure)
    }
    const { fd } = this.#descriptor
    if (begun.isAtOnce) return end(syncNow(fd))
    // From here on already: the fiber may give way to others before it comes to the callback.
    this.#descriptor.hold()
    return Effect.callback<void, DiskError>((resume) => {
      fdatasync(fd, (error) => {
        this.#descriptor.release()
        resume(end(error))
      })
    })
  }

  #refusal(operation: string): DiskError | undefined {
    return this.#failure
      ?? (this.#descriptor.fd < 0 ? new DiskError({ operation, path: this.path, code: "EBADF" }) : undefined)
  }
}
