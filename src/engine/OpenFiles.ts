/**
 * The files of the store's tables, of which only so many are open at once (I13).
 *
 * A file that nobody is reading is closed when another needs its descriptor, the
 * one chosen that was not read lately (a hand goes round, as a clock's), and is
 * opened again by its next asynchronous read. `isOpen` tells whether a
 * synchronous one is possible. Whoever needs a descriptor while every file is
 * being read waits for the first of those reads to end: no read waits while it
 * holds a descriptor, so that each one ends. A descriptor counts until its
 * closing has ended; there are never more than the limit. What jobs open for
 * themselves is beside it.
 *
 * A file that was removed or replaced meanwhile fails with its path: by its
 * absence, its size, or its blocks' checksums, which are seeded with the table's
 * number (I15). Where the directory is not this store's any more it fails with
 * that: no file is opened by its path from then on, and one that was opened just
 * before is closed again (I26). Retirement removes files at zero references
 * alone, when nothing will open them again (I8).
 *
 * Every effect here is uninterruptible, as the disk's are, and so leaves no
 * descriptor, no place in a queue and no half-made transition behind (I14).
 * Whoever may have to wait looks at the state and joins its queue in one stretch
 * that never yields, or it would miss its wake-up.
 */
import { Effect } from "effect"
import type { Exit } from "effect"
import type { Disk, ReadFile } from "../disk/Disk.ts"
import { DiskError, StoreCorrupted } from "../StoreError.ts"
import type { StoreFenced, TableError } from "../StoreError.ts"
import type { TableFile } from "../table/TableFile.ts"
import type { FileWatch } from "./Fence.ts"

/** One table's file, open or not. */
export class PooledFile implements TableFile {
  readonly path: string
  readonly size: number
  /** For the pool: its place among the open files, and whether it was read since the hand passed. */
  place = 0
  isUsed = true

  readonly #files: OpenFiles
  #handle: ReadFile | undefined
  /** Reads under way, those that wait for the file to open included. */
  #readers = 0
  #isEnded = false
  /** Who waits for the one opening under way. */
  #opening: Array<(exit: Exit.Exit<ReadFile, TableError>) => void> | undefined
  #isShutting = false
  /** Who waits for a closing, or for the readers, to end. */
  #waiting: Array<() => void> = []

  constructor(files: OpenFiles, handle: ReadFile) {
    this.#files = files
    this.#handle = handle
    this.path = handle.path
    this.size = handle.size
  }

  get isOpen(): boolean {
    return this.#handle !== undefined
  }

  /** True if its descriptor can be had. */
  get isIdle(): boolean {
    return this.#handle !== undefined && this.#readers === 0
  }

  readSync(offset: number, length: number, into?: Uint8Array): Uint8Array {
    if (this.#handle === undefined || this.#isEnded) throw this.#closedError()
    this.isUsed = true
    return this.#handle.readSync(offset, length, into)
  }

  read(offset: number, length: number): Effect.Effect<Uint8Array, TableError> {
    return Effect.uninterruptible(Effect.suspend(() => {
      if (this.#isEnded) return Effect.fail(this.#closedError())
      this.isUsed = true
      this.#readers++
      return Effect.ensuring(
        this.#handle === undefined
          ? Effect.flatMap(this.#opened, (handle) => handle.read(offset, length))
          : this.#handle.read(offset, length),
        Effect.sync(() => this.#endRead())
      )
    }))
  }

  /** Returns once the file is closed for good; reads that have begun end first. */
  readonly close: Effect.Effect<void> = Effect.uninterruptible(Effect.callback((resume) => {
    this.#isEnded = true
    if (this.#readers > 0 || this.#isShutting) this.#waiting.push(() => resume(this.close))
    else if (this.#handle === undefined) resume(Effect.void)
    else resume(Effect.andThen(this.shut(), Effect.sync(() => this.#files.give())))
  }))

  /** For the pool, of an idle file: from the call on it is not open, and its descriptor is free when the effect returns. */
  shut(): Effect.Effect<void> {
    const handle = this.#handle
    if (handle === undefined) return Effect.void
    this.#handle = undefined
    this.#isShutting = true
    this.#files.closing(this)
    return Effect.ensuring(
      handle.close,
      Effect.sync(() => {
        this.#isShutting = false
        this.#wake()
      })
    )
  }

  /** The handle, for one that counts as a reader and so keeps it. */
  readonly #opened: Effect.Effect<ReadFile, TableError> = Effect.callback((resume) => {
    if (this.#handle !== undefined) resume(Effect.succeed(this.#handle))
    else if (this.#opening !== undefined) this.#opening.push(resume)
    else if (this.#isShutting) this.#waiting.push(() => resume(this.#opened))
    else resume(this.#open())
  })

  #open(): Effect.Effect<ReadFile, TableError> {
    const waiting: Array<(exit: Exit.Exit<ReadFile, TableError>) => void> = []
    this.#opening = waiting
    return Effect.andThen(
      this.#files.take,
      Effect.flatMap(Effect.exit(this.#reopen), (exit) => {
        this.#opening = undefined
        if (exit._tag === "Success") {
          this.#handle = exit.value
          this.#files.reopened++
          this.#files.opened(this)
        } else {
          this.#files.give()
        }
        for (const resume of waiting) resume(exit)
        return exit
      })
    )
  }

  readonly #reopen: Effect.Effect<ReadFile, TableError> = Effect.suspend(() => {
    const files = this.#files
    const lost = files.watch.lost()
    if (lost !== undefined) return Effect.fail(lost)
    return Effect.flatMap(
      Effect.catch(files.disk.openRead(this.path), (error): Effect.Effect<never, TableError> =>
        error.code === "ENOENT"
          ? files.whyGone(this.#corrupted(0, "it went missing while the store was open"))
          : Effect.fail(error)),
      (handle) => Effect.onError(this.#accepted(handle), () => handle.close)
    )
  })

  /** The handle, if it is that of the file that was closed. */
  #accepted(handle: ReadFile): Effect.Effect<ReadFile, TableError> {
    const files = this.#files
    if (handle.size !== this.size) {
      const reason = `it had ${this.size} bytes when the store opened it and has ${handle.size} now`
      return files.whyGone(this.#corrupted(Math.min(handle.size, this.size), reason))
    }
    return Effect.flatMap(
      files.watch.afterOpening,
      (lost) => lost === undefined ? Effect.succeed(handle) : Effect.fail(lost)
    )
  }

  #endRead(): void {
    this.#readers--
    if (this.#readers > 0) return
    if (this.#isEnded) this.#wake()
    else if (this.#handle !== undefined) this.#files.offer(this)
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const wake of waiting) wake()
  }

  #closedError(): DiskError {
    return new DiskError({ operation: "read", path: this.path, code: "EBADF" })
  }

  #corrupted(offset: number, reason: string): StoreCorrupted {
    return new StoreCorrupted({ file: this.path, offset, reason })
  }
}

export class OpenFiles {
  readonly disk: Disk["Service"]
  readonly limit: number
  readonly watch: FileWatch
  /** How often a file was opened again. */
  reopened = 0

  /** Open, being opened, or being closed. */
  #descriptors = 0
  readonly #files: Array<PooledFile> = []
  #hand = 0
  /** Who waits for a descriptor; each is handed room, or the effect that makes it. */
  readonly #waiting: Array<(room: Effect.Effect<void>) => void> = []

  constructor(disk: Disk["Service"], limit: number, watch: FileWatch) {
    this.disk = disk
    this.limit = limit
    this.watch = watch
  }

  /** Descriptors in use, never more than the limit. */
  get descriptors(): number {
    return this.#descriptors
  }

  /** Fails with what is wrong with a file, unless the directory is not this store's any more: then with that. */
  whyGone(damage: StoreCorrupted): Effect.Effect<never, StoreCorrupted | StoreFenced> {
    return Effect.flatMap(this.watch.look(damage.file), (lost) => Effect.fail(lost ?? damage))
  }

  /** Opens a table's file. The caller closes it; meanwhile it may be closed and opened again here. */
  open(path: string): Effect.Effect<PooledFile, DiskError> {
    return Effect.uninterruptible(Effect.andThen(
      this.take,
      Effect.map(Effect.onError(this.disk.openRead(path), () => Effect.sync(() => this.give())), (handle) => {
        const file = new PooledFile(this, handle)
        this.opened(file)
        this.offer(file)
        return file
      })
    ))
  }

  /** For `PooledFile`, as all below: room for a descriptor, made by closing an idle file if need be. */
  readonly take: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.#descriptors < this.limit) {
      this.#descriptors++
      return resume(Effect.void)
    }
    // While others wait, none is idle: it is offered to them when it becomes so.
    const idle = this.#leastUsed()
    if (idle === undefined) this.#waiting.push(resume)
    else resume(idle.shut())
  })

  /** Gives room back. */
  give(): void {
    const waiting = this.#waiting.shift()
    if (waiting === undefined) this.#descriptors--
    else waiting(Effect.void)
  }

  /** Lets whoever waits have the descriptor of an idle file. */
  offer(file: PooledFile): void {
    this.#waiting.shift()?.(file.shut())
  }

  opened(file: PooledFile): void {
    file.isUsed = true
    file.place = this.#files.length
    this.#files.push(file)
  }

  closing(file: PooledFile): void {
    const last = this.#files.pop()!
    if (last === file) return
    this.#files[file.place] = last
    last.place = file.place
  }

  /** An idle file that was not read since the hand last passed; any idle one if all were read. */
  #leastUsed(): PooledFile | undefined {
    const files = this.#files
    for (let left = files.length * 2; left > 0; left--) {
      if (this.#hand >= files.length) this.#hand = 0
      const file = files[this.#hand]!
      if (file.isIdle) {
        if (!file.isUsed) return file
        file.isUsed = false
      }
      this.#hand++
    }
    return undefined
  }
}
