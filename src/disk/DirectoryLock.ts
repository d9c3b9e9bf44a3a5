/**
 * The lock of a directory on a real disk: one writer, or any number of readers.
 *
 * Between processes it is a transaction that stays open on `LOCK`, an empty
 * SQLite file in the directory: the kernel's record locks behind it end with
 * their process, so there is never a stale lock to delete. `LOCK` stays empty
 * for ever (the transaction journals in memory and is rolled back), and a file
 * of that name with anything in it is somebody else's and refused.
 *
 * Within the process it is a registry by device and inode, which all copies of
 * this package share, so that a second open is refused through whatever path it comes, without touching the file.
 * Threads have a registry each; between them SQLite's own bookkeeping refuses.
 *
 * Record locks belong to the process and end when any descriptor of the file
 * is closed: nothing else in the process may open `LOCK`, not even to copy it.
 *
 * A shared lock changes no file where `LOCK` exists, which it does from the
 * first exclusive lock on. Where it is missing it is created; a directory that
 * this process may not write is then read without a lock, there being no other
 * way to read it.
 *
 * It is created under another name and linked: SQLite would let everyone read it,
 * and closing a descriptor of `LOCK` itself, though just made, could end the lock
 * of another thread that was quick.
 */
import { Effect, type Scope } from "effect"
import { randomUUID } from "node:crypto"
import {
  accessSync,
  constants,
  linkSync,
  lstatSync,
  realpathSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync
} from "node:fs"
import type { DatabaseSync } from "node:sqlite"
import { setTimeout } from "node:timers/promises"
import { DiskError, StoreLocked } from "../StoreError.ts"
import { defaultAccess, modesOf } from "./Access.ts"
import { type LockMode, LockRegistry } from "./LockRegistry.ts"
import { diskError, errorCode, systemError } from "./SystemCall.ts"

export const lockFileName = "LOCK"

const { R_OK, W_OK, X_OK } = constants

const isHolders = (value: unknown): value is Map<string, number> => value instanceof Map

/** By device and inode: what this thread holds, by whatever copy of the package. */
const holders = (): Map<string, number> => {
  const key = Symbol.for("effect-lsm/disk/DirectoryLock/holders")
  const known: unknown = Reflect.get(globalThis, key)
  if (isHolders(known)) return known
  const made = new Map<string, number>()
  Reflect.set(globalThis, key, made)
  return made
}

const registry = new LockRegistry(holders())

/** A database that is garbage is closed, and a lock must not depend on who still remembers its scope. */
const databases = new Set<DatabaseSync>()

interface Lock {
  readonly identity: string
  /** Missing where there is no file to lock. */
  readonly database: DatabaseSync | undefined
}

const identify = (directory: string): string => {
  const stats = statSync(directory, { bigint: true })
  if (!stats.isDirectory()) throw systemError("ENOTDIR")
  return `${stats.dev}:${stats.ino}`
}

const lockFileExists = (file: string): boolean => {
  const stats = lstatSync(file, { throwIfNoEntry: false })
  if (stats === undefined) return false
  if (!stats.isFile() || stats.size > 0) throw systemError("EFTYPE")
  return true
}

/** What the system says against this access, if anything. */
const refusal = (path: string, access: number): Error | undefined => {
  try {
    accessSync(path, access)
    return undefined
  } catch (cause) {
    return systemError(errorCode(cause))
  }
}

/**
 * Makes the file. False where the file system has no links: SQLite makes it then.
 * A process that is killed meanwhile can leave the other name, which is hidden, and empty.
 */
const makeLockFile = (directory: string, file: string, fileMode: number): boolean => {
  const other = `${directory}/.${lockFileName}-${randomUUID()}`
  writeFileSync(other, "", { flag: "wx", mode: fileMode })
  try {
    linkSync(other, file)
    return true
  } catch {
    // Somebody else who opens the directory may have been first.
    return lockFileExists(file)
  } finally {
    rmSync(other, { force: true })
  }
}

type DatabaseConstructor = typeof DatabaseSync

/**
 * A transaction that holds the lock. On a file that it may not write, SQLite
 * quietly begins an exclusive transaction as one that only reads; the write,
 * which never leaves memory, makes it fail instead.
 */
const begin = (Database: DatabaseConstructor, file: string, mode: LockMode, readOnly: boolean): DatabaseSync => {
  const database = new Database(file, { readOnly, timeout: 0 })
  try {
    database.exec(
      mode === "exclusive"
        ? "PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE; PRAGMA user_version = 1"
        : "BEGIN; SELECT * FROM sqlite_schema"
    )
    return database
  } catch (cause) {
    database.close()
    throw cause
  }
}

const SQLITE_BUSY = 5

/** Bytes of a path that SQLite opens: it has room for 512, and leaves 8 for a name's ending. */
const longestPath = 504

/** Links are resolved first, by SQLite as well. */
const isTooLong = (directory: string): boolean =>
  Buffer.byteLength(`${realpathSync(directory)}/${lockFileName}`) > longestPath

/** Why SQLite could not open or make the file, as far as it shows: the system's code it keeps to itself. */
const reasonOf = (directory: string, file: string, access: number, exists: boolean): Error | undefined => {
  if (exists) return refusal(file, access)
  const { bavail, blocks, ffree, files } = statfsSync(directory)
  return (blocks > 0 && bavail === 0) || (files > 0 && ffree === 0) ? systemError("ENOSPC") : undefined
}

/** SQLite's primary result code, if this error comes from there. */
const resultCode = (cause: unknown): number | undefined =>
  cause instanceof Error && "errcode" in cause && typeof cause.errcode === "number" ? cause.errcode & 0xff : undefined

type Attempt = { readonly _tag: "held"; readonly database: DatabaseSync | undefined } | { readonly _tag: "busy" }

const attempt = (
  Database: DatabaseConstructor,
  directory: string,
  file: string,
  mode: LockMode,
  fileMode: number
): Attempt => {
  const wasThere = lockFileExists(file)
  if (!wasThere) {
    const refused = refusal(directory, W_OK | X_OK)
    if (refused !== undefined && mode === "shared") return { _tag: "held", database: undefined }
    if (refused !== undefined) throw refused
  }
  if (isTooLong(directory)) throw systemError("ENAMETOOLONG")
  const exists = wasThere || makeLockFile(directory, file, fileMode)
  const readOnly = mode === "shared" && exists
  try {
    return { _tag: "held", database: begin(Database, file, mode, readOnly) }
  } catch (cause) {
    const code = resultCode(cause)
    if (code === SQLITE_BUSY) return { _tag: "busy" }
    const reason = reasonOf(directory, file, readOnly ? R_OK : R_OK | W_OK, exists)
    throw reason ?? (code === undefined ? cause : systemError(`SQLITE_${code}`))
  }
}

/**
 * Two processes that take the lock in the same instant can each see the other
 * on its way and both give up (one time in five when they start in step), so a
 * busy lock is looked at again after a few milliseconds, which differ.
 */
const maximumAttempts = 4
const longestPause = 8

const takeFile = async (
  directory: string,
  file: string,
  mode: LockMode,
  fileMode: number
): Promise<DatabaseSync | undefined> => {
  const { DatabaseSync } = await import("node:sqlite")
  for (let attempts = 1;; attempts++) {
    const result = attempt(DatabaseSync, directory, file, mode, fileMode)
    if (result._tag === "held") return result.database
    if (attempts === maximumAttempts) throw new StoreLocked({ directory, holder: "another process" })
    await setTimeout(1 + Math.random() * (longestPause - 1))
  }
}

const take = async (directory: string, mode: LockMode, fileMode: number): Promise<Lock> => {
  const file = `${directory}/${lockFileName}`
  const identity = identify(directory)
  if (!registry.acquire(identity, mode)) throw new StoreLocked({ directory, holder: "this process" })
  try {
    const database = await takeFile(directory, file, mode, fileMode)
    if (database !== undefined) databases.add(database)
    return { identity, database }
  } catch (cause) {
    registry.release(identity)
    throw cause instanceof StoreLocked ? cause : diskError("lock", file, cause)
  }
}

const giveBack = ({ database, identity }: Lock): void => {
  if (database !== undefined) {
    databases.delete(database)
    database.close()
  }
  registry.release(identity)
}

/** `fileMode` is what `LOCK` is made with where it is missing. */
export const lockDirectory = (
  directory: string,
  mode: LockMode,
  fileMode: number = modesOf(defaultAccess).file
): Effect.Effect<void, StoreLocked | DiskError, Scope.Scope> =>
  Effect.asVoid(
    Effect.acquireRelease(
      Effect.tryPromise({
        try: () => take(directory, mode, fileMode),
        catch: (cause) =>
          cause instanceof StoreLocked || cause instanceof DiskError ? cause : diskError("lock", directory, cause)
      }),
      (lock) => Effect.sync(() => giveBack(lock))
    )
  )
