/**
 * Looks at a store's directory before anything is written to it, and creates it
 * if that is asked for.
 *
 * Whatever is not a store's is refused here, so that opening the wrong directory
 * changes nothing in it.
 */
import { Effect } from "effect"
import type { Disk } from "../disk/Disk.ts"
import { InvalidArgument, StoreCorrupted, UnsupportedFormat } from "../StoreError.ts"
import type { DiskError } from "../StoreError.ts"
import type { ResolvedOptions } from "../StoreOptions.ts"
import { currentName, highestGeneration, storeFiles } from "./FileNames.ts"
import type { StoreFile } from "./FileNames.ts"
import { maxCurrentLength, readCurrent } from "./ManifestLog.ts"
import type { ManifestId } from "./ManifestLog.ts"

const parentOf = (path: string): string => {
  const at = path.lastIndexOf("/")
  return at < 0 ? "." : at === 0 ? "/" : path.slice(0, at)
}

const isForbidden = ({ code }: DiskError): boolean => code === "EACCES" || code === "EPERM" || code === "EROFS"

const refuse = (reason: string) => new InvalidArgument({ argument: "directory", reason })

/** The whole content of a small file. */
export const readWhole = (disk: Disk["Service"], path: string, limit: number): Effect.Effect<Uint8Array, DiskError> =>
  Effect.acquireUseRelease(
    disk.openRead(path),
    (file) => file.read(0, Math.min(file.size, limit)),
    (file) => file.close
  )

/** The generation of the CURRENT that is in force; -1 if there is none, and so no store. */
export const currentGeneration = (files: ReadonlyMap<string, StoreFile>): number =>
  highestGeneration(files, ({ _tag }) => _tag === "Current")

/** How often the CURRENT in force is looked for again when another has come into force meanwhile. */
const readAttempts = 8

/** The manifest that the CURRENT in force names. REQUIRES that there is one. */
export const currentManifest = (
  disk: Disk["Service"],
  directory: string,
  files: ReadonlyMap<string, StoreFile>,
  left = readAttempts
): Effect.Effect<ManifestId, DiskError | StoreCorrupted | UnsupportedFormat> =>
  Effect.catchIf(
    manifestOf(disk, directory, files),
    (error) => error._tag === "DiskError" && error.code === "ENOENT" && left > 1,
    (error) =>
      Effect.flatMap(disk.list(directory), (names) => {
        const now = storeFiles(names)
        const generation = currentGeneration(now)
        return generation < 0 || generation === currentGeneration(files)
          ? Effect.fail(error)
          : currentManifest(disk, directory, now, left - 1)
      })
  )

const manifestOf = Effect.fnUntraced(function*(
  disk: Disk["Service"],
  directory: string,
  files: ReadonlyMap<string, StoreFile>
): Effect.fn.Return<ManifestId, DiskError | StoreCorrupted | UnsupportedFormat> {
  const generation = currentGeneration(files)
  const path = `${directory}/${currentName(generation)}`
  const content = yield* readWhole(disk, path, maxCurrentLength)
  return { number: yield* Effect.fromResult(readCurrent(path, content)), generation }
})

const createDirectory = Effect.fnUntraced(function*(
  disk: Disk["Service"],
  options: ResolvedOptions
): Effect.fn.Return<void, DiskError | InvalidArgument> {
  const { directory } = options
  if (options.readOnly || !options.createIfMissing) {
    return yield* refuse(`there is no store at ${directory}; leave createIfMissing on and readOnly off to create one`)
  }
  const parent = parentOf(directory)
  const kind = yield* disk.kind(parent)
  if (kind === "missing") return yield* refuse(`the parent of ${directory} does not exist; create it first`)
  if (kind !== "directory") return yield* refuse(`the parent of ${directory} is not a directory`)
  yield* Effect.catch(disk.makeDirectory(directory), (error) =>
    Effect.gen(function*() {
      if (isForbidden(error)) {
        return yield* refuse(`${directory} can't be created (${error.code}); let the process write to its parent`)
      }
      if (error.code === "ENOENT") {
        return yield* refuse(`${directory} can't be created: the file system of its parent takes no directories`)
      }
      if (error.code !== "EEXIST") return yield* error
      // Somebody else who opens it may have been first: who has the lock finds out what it holds.
      const found = yield* disk.kind(directory)
      if (found === "missing") return yield* refuse(`${directory} is a link that leads nowhere`)
      if (found !== "directory") return yield* error
    }))
  yield* disk.syncDirectory(parent)
})

/**
 * Makes the entry of a directory durable in which a store is to be created: whoever
 * made it may have come to its end before it had synced it. Where the process may
 * not look into the parent, the directory was made by somebody else, whose care it is.
 */
export const syncEntry = (disk: Disk["Service"], directory: string): Effect.Effect<void, DiskError> =>
  Effect.catchIf(
    disk.syncDirectory(parentOf(directory)),
    ({ code }) => code === "EACCES" || code === "EPERM",
    () => Effect.void
  )

/** Names that a directory may hold beside a store's files. */
const isHarmless = (name: string): boolean => name === "lost+found" || name.startsWith(".")

/**
 * Makes sure that the directory exists and holds a store or may become one.
 * Returns whether it holds one. Writes nothing but the directory itself.
 */
export const examineDirectory = Effect.fnUntraced(function*(
  disk: Disk["Service"],
  options: ResolvedOptions
): Effect.fn.Return<boolean, DiskError | InvalidArgument | StoreCorrupted | UnsupportedFormat> {
  const { directory } = options
  const kind = yield* Effect.mapError(
    disk.kind(directory),
    (error) => error.code === "ENOTDIR" ? refuse(`a part of the path ${directory} is not a directory`) : error
  )
  if (kind === "missing") {
    yield* createDirectory(disk, options)
    return false
  }
  if (kind !== "directory") return yield* refuse(`${directory} is not a directory`)
  if (!options.readOnly) {
    yield* Effect.mapError(
      disk.checkWritable(directory),
      (error) =>
        isForbidden(error)
          ? refuse(
            `${directory} can't be written to (${error.code}); let the process write there, or open it with readOnly`
          )
          : error
    )
  }
  const names = yield* disk.list(directory)
  const files = storeFiles(names)
  if (currentGeneration(files) >= 0) {
    yield* currentManifest(disk, directory, files)
    if (options.errorIfExists) return yield* refuse(`there is a store at ${directory} already, and errorIfExists is on`)
    return true
  }
  for (const name of names) {
    const file = files.get(name)
    if (file === undefined && !isHarmless(name)) {
      return yield* new UnsupportedFormat({
        file: `${directory}/${name}`,
        reason: "it is not a store's file, and the directory holds no store; choose an empty directory"
      })
    }
    if (file?._tag === "Table" || file?._tag === "Segment") {
      return yield* new StoreCorrupted({
        file: `${directory}/${currentName(highestGeneration(files))}`,
        offset: 0,
        reason: `it is missing, but ${name} is there`
      })
    }
  }
  if (options.readOnly || !options.createIfMissing) {
    return yield* refuse(`there is no store at ${directory}; leave createIfMissing on and readOnly off to create one`)
  }
  return false
})
