/**
 * A disk that is nothing but memory: what is appended is as durable as it will
 * ever be, and all of it goes with the layer's scope.
 *
 * It answers as a real disk does, errors included. A file that is open outlives
 * its removal, as on POSIX. Every path starts at the one root, with or without
 * a leading slash; only files are renamed.
 */
import { Effect, Layer } from "effect"
import { DiskError, StoreLocked } from "../StoreError.ts"
import { type AppendFile, type Claim, Disk, type PathKind, type ReadFile } from "./Disk.ts"
import { LockRegistry } from "./LockRegistry.ts"
import { MemoryFile } from "./MemoryFile.ts"
import { diskError, errorCode, systemError } from "./SystemCall.ts"

/** A directory by its names, or a file. */
type Entry = Directory | MemoryFile
interface Directory extends Map<string, Entry> {}

const attempt = <A>(operation: string, path: string, run: () => A): Effect.Effect<A, DiskError> =>
  Effect.try({ try: run, catch: (cause) => diskError(operation, path, cause) })

const isFile = (entry: Entry): entry is MemoryFile => entry instanceof MemoryFile

const namesOf = (path: string): ReadonlyArray<string> => path.split("/").filter((name) => name !== "" && name !== ".")

const descend = (root: Directory, names: ReadonlyArray<string>): Entry => {
  let entry: Entry = root
  for (const name of names) {
    if (isFile(entry)) throw systemError("ENOTDIR")
    const next: Entry | undefined = entry.get(name)
    if (next === undefined) throw systemError("ENOENT")
    entry = next
  }
  return entry
}

const directoryAt = (root: Directory, names: ReadonlyArray<string>): Directory => {
  const entry = descend(root, names)
  if (isFile(entry)) throw systemError("ENOTDIR")
  return entry
}

/** Where a path's last name is, or would be; the root has none. */
const placeOf = (root: Directory, path: string): { readonly directory: Directory; readonly name: string } => {
  const names = namesOf(path)
  const name = names.at(-1)
  if (name === undefined) throw systemError("EBUSY")
  return { directory: directoryAt(root, names.slice(0, -1)), name }
}

const create = (root: Directory, path: string, entry: Entry): void => {
  if (namesOf(path).length === 0) throw systemError("EEXIST")
  const { directory, name } = placeOf(root, path)
  if (directory.has(name)) throw systemError("EEXIST")
  directory.set(name, entry)
}

const rename = (root: Directory, from: string, to: string): void => {
  const source = placeOf(root, from)
  const moved = source.directory.get(source.name)
  if (moved === undefined) throw systemError("ENOENT")
  const target = placeOf(root, to)
  const replaced = target.directory.get(target.name)
  if (replaced === moved) return
  if (!isFile(moved)) throw systemError("ENOTSUP")
  if (replaced !== undefined && !isFile(replaced)) throw systemError("EISDIR")
  source.directory.delete(source.name)
  target.directory.set(target.name, moved)
}

const remove = (root: Directory, path: string): void => {
  const { directory, name } = placeOf(root, path)
  const entry = directory.get(name)
  if (entry === undefined) throw systemError("ENOENT")
  if (!isFile(entry)) throw systemError("EISDIR")
  directory.delete(name)
}

const appendFile = (path: string, file: MemoryFile): AppendFile => {
  let closed = false
  const check = (): void => {
    if (closed) throw systemError("EBADF")
  }
  return {
    path,
    append: (chunks) =>
      attempt("append", path, () => {
        check()
        for (const chunk of chunks) file.append(chunk)
      }),
    sync: attempt("sync", path, check),
    close: Effect.sync(() => {
      closed = true
    })
  }
}

const readFile = (path: string, file: MemoryFile): ReadFile => {
  let closed = false
  const fault = (offset: number, length: number): string | undefined => {
    if (closed) return "EBADF"
    if (!(Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0)) return "EINVAL"
    return offset + length > file.length ? "ESHORT" : undefined
  }
  const readSync = (offset: number, length: number): Uint8Array => {
    const code = fault(offset, length)
    if (code !== undefined) throw new DiskError({ operation: "read", path, code })
    return file.slice(offset, length)
  }
  return {
    path,
    size: file.length,
    read: (offset, length) => attempt("read", path, () => readSync(offset, length)),
    readSync,
    close: Effect.sync(() => {
      closed = true
    })
  }
}

const openRead = (root: Directory, path: string): ReadFile => {
  const entry = descend(root, namesOf(path))
  if (!isFile(entry)) throw systemError("EISDIR")
  return readFile(path, entry)
}

const kindOf = (root: Directory, path: string): PathKind => {
  try {
    return isFile(descend(root, namesOf(path))) ? "file" : "directory"
  } catch (cause) {
    if (errorCode(cause) === "ENOENT") return "missing"
    throw cause
  }
}

const entryAt = (root: Directory, path: string): Entry | undefined => {
  try {
    return descend(root, namesOf(path))
  } catch {
    return undefined
  }
}

const claimFile = (root: Directory, path: string): Claim => {
  const file = new MemoryFile()
  create(root, path, file)
  return {
    path,
    isHeld: (isRival) =>
      entryAt(root, path) === file
      && (isRival === undefined || ![...placeOf(root, path).directory.keys()].some(isRival)),
    close: Effect.void
  }
}

/** An empty disk of its own. */
export const make = (): Disk["Service"] => {
  const root: Directory = new Map()
  const locks = new LockRegistry<Directory>()
  const checkDirectory = (operation: string, path: string): Effect.Effect<void, DiskError> =>
    attempt(operation, path, () => {
      directoryAt(root, namesOf(path))
    })
  return Disk.of({
    createAppend: (path) =>
      attempt("createAppend", path, () => {
        const file = new MemoryFile()
        create(root, path, file)
        return appendFile(path, file)
      }),
    claim: (path) => attempt("claim", path, () => claimFile(root, path)),
    openRead: (path) => attempt("openRead", path, () => openRead(root, path)),
    kind: (path) => attempt("kind", path, () => kindOf(root, path)),
    list: (directory) => attempt("list", directory, () => [...directoryAt(root, namesOf(directory)).keys()]),
    makeDirectory: (path) => attempt("makeDirectory", path, () => create(root, path, new Map())),
    rename: (from, to) => attempt("rename", from, () => rename(root, from, to)),
    remove: (path) => attempt("remove", path, () => remove(root, path)),
    syncDirectory: (path) => checkDirectory("syncDirectory", path),
    checkWritable: (directory) => checkDirectory("checkWritable", directory),
    lock: (directory, mode) =>
      Effect.asVoid(
        Effect.acquireRelease(
          Effect.flatMap(
            attempt("lock", directory, () => directoryAt(root, namesOf(directory))),
            (held) =>
              locks.acquire(held, mode)
                ? Effect.succeed(held)
                : Effect.fail(new StoreLocked({ directory, holder: "this process" }))
          ),
          (held) => Effect.sync(() => locks.release(held))
        )
      )
  })
}

export const layer: Layer.Layer<Disk> = Layer.sync(Disk, make)
