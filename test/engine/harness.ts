/** What every engine test under simulation needs. */
import { Effect, Stream } from "effect"
import { crc32 } from "node:zlib"
import { bytesOf, filesOf, nameIn, textOf, withStore } from "../../scripts/support/smallStore.ts"
import type { Store, TestDisk, TestOptions } from "../../scripts/support/smallStore.ts"
import { currentGeneration } from "../../src/engine/Directory.ts"
import { currentName, parseFileName, storeFiles } from "../../src/engine/FileNames.ts"
import type { StoreFile } from "../../src/engine/FileNames.ts"
import type { Entry, ReadError } from "../../src/index.ts"
import type { SimulatedDisk } from "../../src/testing/index.ts"

export { describeTaken, isChange, takeImages, type Taken } from "../../scripts/support/diskImages.ts"
export {
  bytesOf,
  directory,
  filesOf,
  isManifest,
  isSegment,
  isTable,
  nameIn,
  openStore,
  padded,
  runSeed,
  type Store,
  type TestDisk,
  type TestOptions,
  textOf,
  withStore
} from "../../scripts/support/smallStore.ts"

/** What a path is, by its name. */
export const fileAt = (path: string): StoreFile | undefined => parseFileName(path.slice(path.lastIndexOf("/") + 1))

/** Whether it is a file of the kind with this number, whoever has made it. */
export const isNumbered = (path: string, kind: "Manifest" | "Segment" | "Table", number: number): boolean => {
  const file = fileAt(path)
  return file?._tag === kind && file.number === number
}

/** Whether the file says who owns the directory; an opening that was refused may have taken it away. */
export const isOwner = (path: string): boolean => fileAt(path)?._tag === "Owner"

/** The name of the pointer to the manifest in force. */
export const currentOn = (disk: SimulatedDisk): string | undefined => {
  const files = storeFiles(filesOf(disk))
  const generation = currentGeneration(files)
  return generation < 0 ? undefined : currentName(generation)
}

const effort = Number(process.env["ENGINE_EFFORT"] ?? 1)

/** The first `count` seeds; `ENGINE_EFFORT=10` tries ten times as many. */
export const seeds = (count: number): ReadonlyArray<number> =>
  Array.from({ length: Math.ceil(count * effort) }, (_, seed) => seed)

/** Everything in the store, by key. */
export const contentOf = (store: Store): Effect.Effect<Map<string, Uint8Array>, ReadError> =>
  Effect.map(Stream.runCollect(store.scan()), (entries) => new Map(entries.map(([key, value]) => [textOf(key), value])))

/** Everything in the store on the disk, by key; opens it, and closes it again. */
export const contentOn = (disk: TestDisk, options?: TestOptions) => withStore(disk, contentOf, options)

/** The same as entries. */
export const entriesOf = (content: ReadonlyMap<string, Uint8Array>): ReadonlyArray<Entry> =>
  Array.from(content, ([key, value]) => [bytesOf(key), value])

/** What two stores' contents are compared by: quicker than byte by byte, and shorter to read. */
export const summaryOf = (content: ReadonlyMap<string, Uint8Array>): Map<string, string> =>
  new Map(Array.from(content, ([key, value]) => [key, `${nameIn(value)}, ${value.length} bytes, CRC ${crc32(value)}`]))

export const summaryOn = (disk: TestDisk, options?: TestOptions) => Effect.map(contentOn(disk, options), summaryOf)

/** Repeats the step until it is over, and tells how often. */
export const repeatUntil = <E>(isOver: () => boolean, step: Effect.Effect<void, E>) =>
  Effect.gen(function*() {
    let count = 0
    for (; !isOver(); count++) {
      yield* step
      yield* Effect.yieldNow
    }
    return count
  })
