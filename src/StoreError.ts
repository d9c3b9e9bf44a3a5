/**
 * Every way in which the store can refuse or fail, as typed errors.
 *
 * Each error names the file or the argument, what happened, and what the
 * caller can do. A defect that escapes the store is a bug of the store.
 */
import * as Schema from "effect/Schema"

/** Another process, or another layer of this one, has the directory open. Answered at once; nobody waits for a lock. */
export class StoreLocked extends Schema.TaggedError<StoreLocked>()("StoreLocked", {
  directory: Schema.String,
  /** Who holds it, as far as it is known. */
  holder: Schema.Literals(["this process", "another process"])
}) {
  override get message(): string {
    return `The store at ${this.directory} is already open in ${this.holder}. Close it there, `
      + `or share one layer: a directory has one writer at a time. LOCK is never stale, as the lock ends with its `
      + `process: do not delete it.`
  }
}

/** The layer that this handle came from has been closed, or has begun to close. Nothing was written. */
export class StoreClosed extends Schema.TaggedError<StoreClosed>()("StoreClosed", {
  directory: Schema.String
}) {
  override get message(): string {
    return `The store at ${this.directory} is closed. Keep its layer's scope open for as long as it is used.`
  }
}

/**
 * The store does not own its directory any more: another process has opened it
 * for writing, or the directory was moved, replaced or removed. What was
 * acknowledged is safe where the directory is now. A read fails so that needs a
 * table which is not open; writes fail with `StoreReadOnly`.
 */
export class StoreFenced extends Schema.TaggedError<StoreFenced>()("StoreFenced", {
  directory: Schema.String
}) {
  override get message(): string {
    return `The store at ${this.directory} is not this one's any more: another process has opened it for writing, `
      + `or its directory was moved, replaced or removed. Open it again where it is now.`
  }
}

/** A file holds something that was never written there. Nothing was changed; restore the file or the directory. */
export class StoreCorrupted extends Schema.TaggedError<StoreCorrupted>()("StoreCorrupted", {
  /** The file's path. */
  file: Schema.String,
  /** Byte offset of the damage in the file. */
  offset: Schema.Number,
  reason: Schema.String
}) {
  override get message(): string {
    return `${this.file} is damaged at byte ${this.offset}: ${this.reason}. Restore the directory from a backup.`
  }
}

/** The directory or a file in it belongs to another program, or to another version of this one. */
export class UnsupportedFormat extends Schema.TaggedError<UnsupportedFormat>()("UnsupportedFormat", {
  /** The path of what does not belong there. */
  file: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `${this.file} is not in a format that this version reads: ${this.reason}. Nothing was changed.`
  }
}

/** What the caller can do about a code of the operating system. */
const advice = new Map([
  ["EACCES", "Let the process use it."],
  ["EPERM", "Let the process use it."],
  ["EROFS", "Mount the disk for writing, or open the store with readOnly."],
  [
    "ERR_ACCESS_DENIED",
    "Node's permission model refused it: it wants --allow-fs-read and --allow-fs-write for the directory, and "
    + "--allow-worker unless workers is 0. Node 24 has no fsync under it: there a store needs Node without --permission."
  ],
  ["ENOSPC", "Free space on the disk."],
  ["EDQUOT", "Free space under the quota, or raise it."],
  ["EMFILE", "Raise the process's limit of open files."],
  ["ENFILE", "Raise the system's limit of open files."],
  ["EIO", "Check the disk; restore the store from a backup if it is broken."],
  ["ENOENT", "Something else removed it, or its directory: a store's files are the store's alone."],
  ["ESHORT", "Something else shortened it: restore the store from a backup."],
  ["EDIED", "The worker thread ended, see the store's events; nothing was changed. Try again."],
  ["ENAMETOOLONG", "Choose a shorter path."],
  ["ELOOP", "Choose a path whose links lead somewhere."]
])

/** A call to the operating system failed while the store was opened, a table was read, or tables were merged. */
export class DiskError extends Schema.TaggedError<DiskError>()("DiskError", {
  /** The call, for example `"append"`, `"sync"`, `"read"`. */
  operation: Schema.String,
  path: Schema.String,
  /** The operating system's code, for example `"ENOSPC"`; `"ESHORT"` for a read that met the end of the file. */
  code: Schema.String
}) {
  override get message(): string {
    const next = advice.get(this.code) ?? "Look the code up, remedy the cause, and try again."
    return `${this.operation} failed with ${this.code} at ${this.path}. ${next}`
  }
}

/**
 * The store takes no writes: it was opened with `readOnly` (`cause: "option"`),
 * or a write or a sync of the log or the manifest failed (`cause: "failure"`).
 * After a failure reads go on; reopen the store to write again. Of the writes
 * that were under way then, each is found there whole or not at all.
 */
export class StoreReadOnly extends Schema.TaggedError<StoreReadOnly>()("StoreReadOnly", {
  cause: Schema.Literals(["failure", "option"]),
  reason: Schema.String
}) {
  override get message(): string {
    return this.cause === "option"
      ? `The store was opened read-only: ${ended(this.reason)}`
      : `The store stopped taking writes: ${ended(this.reason)} Reads go on; reopen the store to write again.`
  }
}

/** A reason as a sentence's end: it may be another error's message, which has ended already. */
const ended = (reason: string): string => reason.endsWith(".") ? reason : `${reason}.`

/** A wrong argument in a message's words. Never throws: it may be anything. */
export const inWords = (value: unknown): string => {
  if (typeof value === "string") return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value)
  if (typeof value === "function") return "a function"
  return typeof value === "object" && value !== null ? "an object" : String(value)
}

/** An argument or an option is outside what the store takes. Nothing was written. */
export class InvalidArgument extends Schema.TaggedError<InvalidArgument>()("InvalidArgument", {
  /** The argument's or option's name. */
  argument: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `${this.argument}: ${ended(this.reason)}`
  }
}

/** Reserved for optimistic transactions: a read of the transaction was overwritten before it committed. */
export class TransactionConflict extends Schema.TaggedError<TransactionConflict>()("TransactionConflict", {
  reason: Schema.String
}) {
  override get message(): string {
    return `${this.reason}. Run the transaction again.`
  }
}

/** What a read of a table can fail with. */
export type TableError = StoreFenced | StoreCorrupted | UnsupportedFormat | DiskError

/** What opening a store can fail with. What is stored is then as it was; the directory may have been created. */
export type StoreOpenError = StoreLocked | StoreCorrupted | UnsupportedFormat | DiskError | InvalidArgument

/**
 * What a read can fail with; `StoreFenced`, `StoreCorrupted`, `UnsupportedFormat` and `DiskError` only where it needs a
 * table.
 */
export type ReadError =
  | StoreClosed
  | StoreFenced
  | StoreCorrupted
  | UnsupportedFormat
  | DiskError
  | InvalidArgument

/**
 * What a write, a sync, a flush or a compaction can fail with: `StoreFenced`,
 * `StoreCorrupted`, `UnsupportedFormat` and `DiskError` only a compaction.
 */
export type WriteError =
  | StoreClosed
  | StoreReadOnly
  | StoreFenced
  | StoreCorrupted
  | UnsupportedFormat
  | DiskError
  | InvalidArgument
