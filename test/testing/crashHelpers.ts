/** Short forms for tests of what a power cut leaves of a simulated disk. */
import { Effect } from "effect"
import type { AppendFile } from "../../src/disk/Disk.ts"
import type { DiskError } from "../../src/StoreError.ts"
import { type CrashMode, SeededRandom, SimulatedDisk } from "../../src/testing/index.ts"

export const bytes = (...values: ReadonlyArray<number>): Uint8Array => Uint8Array.from(values)

export const modes: ReadonlyArray<CrashMode> = ["synced", "all", "torn", "random"]

/** What random power cuts find, as far as the test is interested in it. */
export const found = <A>(disk: SimulatedDisk, look: (image: SimulatedDisk) => A, cuts = 400): Set<A> => {
  const random = new SeededRandom(1)
  const all = new Set<A>()
  for (let cut = 0; cut < cuts; cut++) all.add(look(disk.crashImage("random", random)))
  return all
}

export const filesOf = (image: SimulatedDisk): string => image.files().join(" ")

/** The names of all files, each with its bytes. */
export const contentsOf = (image: SimulatedDisk): string =>
  image.files().map((name) => `${name}=${image.readFile(name).join()}`).join(" ")

export const onDisk = <E>(body: (disk: SimulatedDisk) => Effect.Effect<void, E>): () => Effect.Effect<void, E> => () =>
  body(SimulatedDisk.make())

/** A file whose name is durable. */
export const namedFile = (disk: SimulatedDisk, path: string, extendBy = 0): Effect.Effect<AppendFile, DiskError> =>
  Effect.tap(disk.service.createAppend(path, { extendBy }), disk.service.syncDirectory("/"))

export const syncedFile = (
  disk: SimulatedDisk,
  path: string,
  content: Uint8Array
): Effect.Effect<AppendFile, DiskError> =>
  Effect.tap(disk.service.createAppend(path), (file) => Effect.andThen(file.append([content]), file.sync))
