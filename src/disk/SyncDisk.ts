/**
 * This machine's disk for a thread that nobody else waits for: every request is
 * a synchronous call, so that background jobs take no thread of the process's
 * pool, which the log's syncs need.
 *
 * Not to be used on the event loop. I12 as for NodeDisk: after a failed write or
 * sync an append-only file refuses everything with that same error.
 */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { DiskError } from "../StoreError.ts"
import { type Access, modesOf } from "./Access.ts"
import type { AppendFile, ReadFile } from "./Disk.ts"
import { GatherWrite } from "./GatherWrite.ts"
import type { JobDisk } from "./JobDisk.ts"
import { NodeReadFile } from "./NodeReadFile.ts"
import { diskError, systemError } from "./SystemCall.ts"

const { O_CREAT, O_EXCL, O_NONBLOCK, O_RDONLY, O_WRONLY } = Fs.constants

const attempt = <A>(operation: string, path: string, run: () => A): Effect.Effect<A, DiskError> =>
  Effect.try({
    try: run,
    catch: (cause) => cause instanceof DiskError ? cause : diskError(operation, path, cause)
  })

const closeNow = (fd: number): void => {
  try {
    Fs.closeSync(fd)
  } catch {
    // The descriptor is gone all the same.
  }
}

/** Closes a descriptor once; what closing itself reports, a sync reported before. */
const closing = (fd: number): { isClosed: boolean; readonly close: Effect.Effect<void> } => {
  const state = {
    isClosed: false,
    close: Effect.sync(() => {
      if (state.isClosed) return
      state.isClosed = true
      closeNow(fd)
    })
  }
  return state
}

const appendFile = (path: string, fd: number): AppendFile => {
  const descriptor = closing(fd)
  let length = 0
  let failure: DiskError | undefined

  const use = (operation: string, run: () => void): Effect.Effect<void, DiskError> =>
    attempt(operation, path, () => {
      if (failure !== undefined) throw failure
      if (descriptor.isClosed) throw systemError("EBADF")
      try {
        run()
      } catch (cause) {
        failure = diskError(operation, path, cause)
        throw failure
      }
    })

  return {
    path,
    append: (chunks) =>
      use("append", () => {
        const write = new GatherWrite(chunks, 0, length)
        write.writeNow(fd)
        length += write.written
      }),
    sync: use("sync", () => Fs.fdatasyncSync(fd)),
    close: descriptor.close
  }
}

const readFile = (path: string, fd: number, size: number): ReadFile => {
  const descriptor = closing(fd)
  const file = new NodeReadFile(path, fd, size)
  const readSync = (offset: number, length: number, into?: Uint8Array): Uint8Array => {
    if (descriptor.isClosed) throw new DiskError({ operation: "read", path, code: "EBADF" })
    return file.readSync(offset, length, into)
  }
  return {
    path,
    size,
    read: (offset, length) => attempt("read", path, () => readSync(offset, length)),
    readSync,
    close: descriptor.close
  }
}

const openRead = (path: string): ReadFile => {
  // Non-blocking, as opening a pipe would otherwise wait for somebody to write to it.
  const fd = Fs.openSync(path, O_RDONLY | O_NONBLOCK)
  try {
    const stats = Fs.fstatSync(fd)
    if (!stats.isFile()) throw systemError(stats.isDirectory() ? "EISDIR" : "EINVAL")
    return readFile(path, fd, stats.size)
  } catch (cause) {
    closeNow(fd)
    throw cause
  }
}

/** The disk; `access` is who may read the files that it makes. */
export const makeSyncDisk = (access: Access): JobDisk => ({
  createAppend: (path) =>
    attempt(
      "createAppend",
      path,
      () => appendFile(path, Fs.openSync(path, O_CREAT | O_EXCL | O_WRONLY, modesOf(access).file))
    ),
  openRead: (path) => attempt("openRead", path, () => openRead(path)),
  remove: (path) => attempt("remove", path, () => Fs.unlinkSync(path))
})
