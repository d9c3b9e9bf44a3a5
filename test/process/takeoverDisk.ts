/**
 * The real disk, whose calls are counted; before one of them `stand` is called,
 * which may hold the whole process. A look at the owner is a call as well.
 */
import { Effect, Layer } from "effect"
import type { AppendFile, Claim, ReadFile } from "../../src/disk/Disk.ts"
import { Disk } from "../../src/disk/Disk.ts"
import * as NodeDisk from "../../src/disk/NodeDisk.ts"

export class CountedCalls {
  /** Each by its operation and the file's name. */
  readonly calls: Array<string> = []
  readonly #standAt: number
  readonly #stand: (call: string) => void

  constructor(standAt: number, stand: (call: string) => void) {
    this.#standAt = standAt
    this.#stand = stand
  }

  /** To be called before each call. */
  readonly begin = (operation: string, path: string): void => {
    const call = `${operation} ${path.slice(path.lastIndexOf("/") + 1)}`
    if (this.calls.push(call) === this.#standAt + 1) this.#stand(call)
  }

  get layer(): Layer.Layer<Disk> {
    return Layer.effect(Disk, Effect.map(Disk, (disk) => counted(disk, this.begin))).pipe(
      Layer.provide(NodeDisk.layer)
    )
  }
}

const counted = (disk: Disk["Service"], begin: (operation: string, path: string) => void): Disk["Service"] => {
  const call = <A, E, R>(operation: string, path: string, run: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.suspend(() => {
      begin(operation, path)
      return run
    })
  const appendFile = (file: AppendFile): AppendFile => ({
    path: file.path,
    append: (chunks) => call("append", file.path, Effect.suspend(() => file.append(chunks))),
    sync: call("sync", file.path, file.sync),
    close: call("close", file.path, file.close)
  })
  const readFile = (file: ReadFile): ReadFile => ({
    path: file.path,
    size: file.size,
    read: (offset, length) => call("read", file.path, file.read(offset, length)),
    readSync: (offset, length, into) => {
      begin("readSync", file.path)
      return file.readSync(offset, length, into)
    },
    close: call("close", file.path, file.close)
  })
  const claim = (made: Claim): Claim => ({
    path: made.path,
    isHeld: (isRival) => {
      begin("isHeld", made.path)
      return made.isHeld(isRival)
    },
    close: call("close", made.path, made.close)
  })
  return {
    createAppend: (path, options) =>
      call("createAppend", path, Effect.map(disk.createAppend(path, options), appendFile)),
    claim: (path) => call("claim", path, Effect.map(disk.claim(path), claim)),
    openRead: (path) => call("openRead", path, Effect.map(disk.openRead(path), readFile)),
    kind: (path) => call("kind", path, disk.kind(path)),
    list: (path) => call("list", path, disk.list(path)),
    makeDirectory: (path) => call("makeDirectory", path, disk.makeDirectory(path)),
    rename: (from, to) => call("rename", to, disk.rename(from, to)),
    remove: (path) => call("remove", path, disk.remove(path)),
    syncDirectory: (path) => call("syncDirectory", path, disk.syncDirectory(path)),
    checkWritable: (path) => call("checkWritable", path, disk.checkWritable(path)),
    lock: (path, mode) => call("lock", path, disk.lock(path, mode))
  }
}
