/**
 * The real disk, over `node:fs`. For POSIX systems: a directory can be opened,
 * so that it can be synced.
 *
 * What would hold the event loop goes to the thread pool; what is cheaper than
 * a trip there (small appends, `readSync`) is done at once.
 */
import { Layer } from "effect"
import * as Fs from "node:fs"
import { promisify } from "node:util"
import { type Access, defaultAccess, type Modes, modesOf } from "./Access.ts"
import { lockDirectory } from "./DirectoryLock.ts"
import { Disk, type PathKind } from "./Disk.ts"
import { NodeAppendFile } from "./NodeAppendFile.ts"
import { NodeClaim } from "./NodeClaim.ts"
import { NodeReadFile } from "./NodeReadFile.ts"
import { SyncPolicy } from "./SyncPolicy.ts"
import { errorCode, request, systemError } from "./SystemCall.ts"

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NONBLOCK, O_RDONLY, O_WRONLY, W_OK, X_OK } = Fs.constants

const access = promisify(Fs.access)
const close = promisify(Fs.close)
const fstat = promisify(Fs.fstat)
const fsync = promisify(Fs.fsync)
const mkdir = promisify(Fs.mkdir)
const open = promisify(Fs.open)
const readdir = promisify(Fs.readdir)
const rename = promisify(Fs.rename)
const stat = promisify(Fs.stat)
const unlink = promisify(Fs.unlink)

/** Of a descriptor that nothing was written through; it is gone whatever the system says. */
const closeUnwritten = (fd: number): Promise<void> => close(fd).catch(() => {})

const openReadFile = async (path: string): Promise<NodeReadFile> => {
  // Non-blocking, as opening a pipe would otherwise wait for somebody to write to it.
  const fd = await open(path, O_RDONLY | O_NONBLOCK)
  try {
    const stats = await fstat(fd)
    if (!stats.isFile()) throw systemError(stats.isDirectory() ? "EISDIR" : "EINVAL")
    return new NodeReadFile(path, fd, stats.size)
  } catch (cause) {
    await closeUnwritten(fd)
    throw cause
  }
}

const claimFile = async (path: string, mode: number): Promise<NodeClaim> => {
  const fd = await open(path, O_CREAT | O_EXCL | O_WRONLY, mode)
  try {
    return new NodeClaim(path, fd)
  } catch (cause) {
    await closeUnwritten(fd)
    throw cause
  }
}

const kindOf = async (path: string): Promise<PathKind> => {
  try {
    const stats = await stat(path)
    return stats.isFile() ? "file" : stats.isDirectory() ? "directory" : "other"
  } catch (cause) {
    if (errorCode(cause) === "ENOENT") return "missing"
    throw cause
  }
}

const syncDirectory = async (path: string): Promise<void> => {
  const fd = await open(path, O_RDONLY | O_DIRECTORY)
  try {
    await fsync(fd)
  } finally {
    await closeUnwritten(fd)
  }
}

const makeDisk = (policy: SyncPolicy, modes: Modes): Disk["Service"] => ({
  createAppend: (path, options) =>
    request(
      "createAppend",
      path,
      async () => {
        const fd = await open(path, O_CREAT | O_EXCL | O_WRONLY, modes.file)
        return new NodeAppendFile(path, fd, options?.extendBy ?? 0, policy)
      }
    ),
  claim: (path) => request("claim", path, () => claimFile(path, modes.file)),
  openRead: (path) => request("openRead", path, () => openReadFile(path)),
  kind: (path) => request("kind", path, () => kindOf(path)),
  list: (directory) => request("list", directory, () => readdir(directory)),
  makeDirectory: (path) => request("makeDirectory", path, () => mkdir(path, modes.directory)),
  rename: (from, to) => request("rename", from, () => rename(from, to)),
  remove: (path) => request("remove", path, () => unlink(path)),
  syncDirectory: (path) => request("syncDirectory", path, () => syncDirectory(path)),
  // Through "/." a path that is no directory is refused with ENOTDIR.
  checkWritable: (directory) => request("checkWritable", directory, () => access(`${directory}/.`, W_OK | X_OK)),
  lock: (directory, mode) => lockDirectory(directory, mode, modes.file)
})

const makeLayer = (modes: Modes): Layer.Layer<Disk> => Layer.sync(Disk, () => makeDisk(new SyncPolicy(), modes))

/** By who may read what is made. Values, so that stores that are built together share a disk and its policy for syncs. */
export const layers: Readonly<Record<Access, Layer.Layer<Disk>>> = {
  owner: makeLayer(modesOf("owner")),
  group: makeLayer(modesOf("group")),
  all: makeLayer(modesOf("all"))
}

export const layer = layers[defaultAccess]
