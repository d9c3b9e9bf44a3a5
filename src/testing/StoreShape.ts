/**
 * Whether the files that a closed store has left are those of a sound one (I2,
 * I9, I11), by reading all of them.
 */
import { lockFileName } from "../disk/DirectoryLock.ts"
import { segmentName, tableName } from "../engine/FileNames.ts"
import type { Problem } from "./Problem.ts"
import { segmentProblems } from "./shape/SegmentShape.ts"
import { filesIn, structureOn } from "./shape/Structure.ts"
import type { Structure } from "./shape/Structure.ts"
import { tableProblems } from "./shape/TableShape.ts"
import type { SimulatedDisk } from "./SimulatedDisk.ts"

/** What is wrong with the names of the files. */
const nameProblems = (found: ReadonlyArray<string>, { files }: Structure): ReadonlyArray<Problem> => {
  const named = new Set([...files, lockFileName])
  const present = new Set(found)
  return [
    ...found.filter((name) => !named.has(name)).map((name) => `${name} is there, and the manifest does not name it`),
    ...files.filter((name) => !present.has(name)).map((name) => `${name} is not there, and the manifest names it`)
  ].map((message) => ({ invariant: "I11", message }))
}

/**
 * What is wrong with a store's directory, after the store was closed: the files
 * must be those that the manifest names; each table sorted, within its bounds, and
 * found by its filter and by no other name; levels below 0 without overlaps; no
 * older version of a key where newer ones are looked for; each segment's sequences
 * without a gap, and below those of the next. None of it is a call to the disk.
 *
 * While a store is open files may come and go that the manifest does not name yet,
 * or no more.
 *
 * @example
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { LsmStore } from "effect-lsm"
 * import { shapeProblems, SimulatedDisk } from "effect-lsm/testing"
 *
 * const disk = SimulatedDisk.make()
 * const program = LsmStore.use((store) => Effect.andThen(store.put(Uint8Array.of(1), Uint8Array.of(2)), store.flush))
 * const layer = Layer.provide(LsmStore.layer({ directory: "/store" }), disk.layer)
 * await Effect.runPromise(Effect.provide(program, layer))
 *
 * shapeProblems(disk, "/store") // => []
 * disk.writeFile("/store/table-0000000099-1.sst", new Uint8Array(0))
 * shapeProblems(disk, "/store").map(({ invariant }) => invariant) // => ["I11"]
 * ```
 */
export const shapeProblems = (disk: SimulatedDisk, directory: string): ReadonlyArray<Problem> => {
  let structure: Structure
  try {
    structure = structureOn(disk, directory)
  } catch (cause) {
    return [{ invariant: "I11", message: `the manifest can't be read: ${String(cause)}` }]
  }
  const found = filesIn(disk, directory)
  const present = new Set(found)
  const bytesOf = (name: string) => disk.readFile(`${directory}/${name}`)
  return [
    ...nameProblems(found, structure),
    ...tableProblems(
      structure.tables.flatMap((meta) => {
        const name = tableName(meta.file, meta.generation)
        return present.has(name) ? [{ meta, bytes: bytesOf(name) }] : []
      })
    ),
    ...segmentProblems(
      structure.segments.flatMap(({ generation, segment }) => {
        const name = segmentName(segment, generation)
        return present.has(name) ? [{ segment, bytes: bytesOf(name) }] : []
      }),
      structure.lastSequence
    )
  ]
}
