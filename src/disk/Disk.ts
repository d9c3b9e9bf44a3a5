/**
 * The only door to the disk. Everything above it is the same on a real disk,
 * a simulated one, and memory. The worker threads of `NodeLsmStore` make their
 * own calls to the system, through the part of it that jobs need.
 *
 * Every request is uninterruptible: once begun, it ends, and its effect returns
 * then. Each handle has one user at a time for `append` and `sync`; reads may
 * overlap. Paths use `/` and are joined by the caller.
 */
import type { Effect, Scope } from "effect"
import * as Context from "effect/Context"
import type { DiskError, StoreLocked } from "../StoreError.ts"

/** How a new append-only file is made. */
export interface AppendOptions {
  /**
   * Bytes by which the disk may lengthen the file with zeros ahead of what is
   * appended, so that a sync need not journal a new length each time. Readers
   * of such a file must take zeros as its end. 0 (the default): never.
   */
  readonly extendBy?: number
}

/** A file that only grows. Chunks may be views of shared memory; they are not changed until `append` returns. */
export interface AppendFile {
  readonly path: string
  /** Writes the chunks after everything appended so far, in order. After a failure the file's tail is unknown. */
  append(chunks: ReadonlyArray<Uint8Array>): Effect.Effect<void, DiskError>
  /** All bytes appended before the call are on stable storage when it returns. Never retried by the disk. */
  readonly sync: Effect.Effect<void, DiskError>
  readonly close: Effect.Effect<void>
}

/** A file that is only read. */
export interface ReadFile {
  readonly path: string
  /** Length in bytes at the time of opening. */
  readonly size: number
  /** Exactly `length` bytes in a buffer of their own, or `DiskError` with code `ESHORT` past the end. */
  read(offset: number, length: number): Effect.Effect<Uint8Array, DiskError>
  /**
   * The same, synchronously, on the event loop; throws the `DiskError`. If `into` is given and large enough, a disk may
   * put the bytes at its beginning and return a view of it, to spare the memory.
   */
  readSync(offset: number, length: number, into?: Uint8Array): Uint8Array
  readonly close: Effect.Effect<void>
}

/** A file that stands for whoever made it. */
export interface Claim {
  readonly path: string
  /**
   * Whether the path names this very file now and, if it is asked, nothing in its directory is a rival. At once, on
   * the event loop. Never throws: if it can't be told what the path names, that counts as lost.
   */
  isHeld(isRival?: (name: string) => boolean): boolean
  /** Lets go of the file, which stays. */
  readonly close: Effect.Effect<void>
}

/** What a path names. */
export type PathKind = "missing" | "file" | "directory" | "other"

/**
 * The disk that a store lives on. `NodeLsmStore` brings the real one and
 * `LsmStore.layerMemory` its own; implement it to keep a store elsewhere.
 */
export class Disk extends Context.Service<Disk, {
  /** Creates a new file; fails with `EEXIST` if the path exists. Its directory entry is durable only after `syncDirectory`. */
  createAppend(path: string, options?: AppendOptions): Effect.Effect<AppendFile, DiskError>
  /**
   * Creates a new, empty file and keeps it open, so that no other file is taken for it; fails with `EEXIST` if the path
   * exists.
   */
  claim(path: string): Effect.Effect<Claim, DiskError>
  /** Opens a file that exists; fails with `ENOENT` if there is none. */
  openRead(path: string): Effect.Effect<ReadFile, DiskError>
  /** What the path names; a missing one is no failure. */
  kind(path: string): Effect.Effect<PathKind, DiskError>
  /** The names in a directory, in no order. */
  list(directory: string): Effect.Effect<ReadonlyArray<string>, DiskError>
  /** Creates one directory; its parent must exist. */
  makeDirectory(path: string): Effect.Effect<void, DiskError>
  /** Replaces `to` atomically. Durable only after `syncDirectory`. */
  rename(from: string, to: string): Effect.Effect<void, DiskError>
  /** Removes a file. Durable only after `syncDirectory`. */
  remove(path: string): Effect.Effect<void, DiskError>
  /** Creations, renames and removals in the directory before the call are durable when it returns. */
  syncDirectory(path: string): Effect.Effect<void, DiskError>
  /** Fails with the code that creating a file in the directory would fail with; creates nothing. */
  checkWritable(directory: string): Effect.Effect<void, DiskError>
  /**
   * Locks the directory for the scope. The lock dies with its process; no one
   * ever needs to delete a file by hand. `"exclusive"`: one holder; `"shared"`:
   * any number of readers and no writer.
   */
  lock(directory: string, mode: "exclusive" | "shared"): Effect.Effect<void, StoreLocked | DiskError, Scope.Scope>
}>()("effect-lsm/disk/Disk") {}
