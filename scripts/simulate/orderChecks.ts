/**
 * Watches the order in which a store's files become durable and go, from the
 * disk's side. At each moment a power cut may leave only what was synced: what
 * the manifest names there must be there too (I6, I7), no file goes while the
 * manifest that would be found then still names it (I7), and CURRENT is moved to a
 * manifest that would be there (I16).
 */
import { Result } from "effect"
import { currentName, manifestName, segmentName, tableName } from "../../src/engine/FileNames.ts"
import { readCurrent, readManifest } from "../../src/engine/ManifestLog.ts"
import { SeededRandom } from "../../src/testing/index.ts"
import type { DiskCall, SimulatedDisk } from "../../src/testing/index.ts"
import { fileKind } from "./Mishaps.ts"
import type { Run } from "./Run.ts"
import { directory } from "./storeOptions.ts"

/** The files that a recovery would need of this image, with their sizes where they are known; undefined if it holds no store. */
const neededFiles = (image: SimulatedDisk): ReadonlyMap<string, number | undefined> | undefined => {
  const files = new Set(image.files().map((path) => path.slice(path.lastIndexOf("/") + 1)))
  if (!files.has(currentName)) return undefined
  const number = Result.getOrThrow(readCurrent(currentName, image.readFile(`${directory}/${currentName}`)))
  const manifest = manifestName(number)
  if (!files.has(manifest)) return new Map([[manifest, undefined]])
  const state = Result.getOrThrow(readManifest(manifest, number, image.readFile(`${directory}/${manifest}`)))
  return new Map<string, number | undefined>([
    [currentName, undefined],
    [manifest, undefined],
    ...state.segments.map((segment) => [segmentName(segment), undefined] as const),
    ...state.tables.map(({ file, size }) => [tableName(file), size] as const)
  ])
}

const random = new SeededRandom(0)

const isStructural = ({ operation, path }: DiskCall): boolean =>
  operation === "syncDirectory" || (operation === "sync" && fileKind(path) === "manifest")

/** Whether the manifest that CURRENT is about to name would be left by a power cut. */
const checkMove = (run: Run, disk: SimulatedDisk, image: SimulatedDisk, path: string): void => {
  const name = manifestName(Result.getOrThrow(readCurrent(path, disk.readFile(path))))
  const left = image.files().find((file) => file.endsWith(name))
  const isLeft = left !== undefined && image.readFile(left).length === disk.readFile(left).length
  run.check("I16", isLeft ? undefined : `CURRENT was moved to ${name}, which is not durable`)
}

/** Tells the run of what goes wrong on the disk from now on. */
export const watchOrder = (run: Run, disk: SimulatedDisk): void => {
  disk.onCall((call, phase) => {
    if (call.operation === "rename" && phase === "before") {
      checkMove(run, disk, disk.crashImage("synced", random), call.path)
      return
    }
    const isRemoval = call.operation === "remove" && phase === "before"
    if (!isRemoval && !(isStructural(call) && phase === "after")) return
    const image = disk.crashImage("synced", random)
    const needed = neededFiles(image)
    if (needed === undefined) return
    if (isRemoval) {
      const name = call.path.slice(call.path.lastIndexOf("/") + 1)
      run.checked(
        ["I7"],
        needed.has(name)
          ? [{ invariant: "I7", message: `${name} was removed while the durable manifest names it` }]
          : []
      )
      return
    }
    const sizes = new Map(image.files().map((path) => [path.slice(path.lastIndexOf("/") + 1), path]))
    const missing = [...needed].filter(([name, size]) => {
      const path = sizes.get(name)
      return path === undefined || (size !== undefined && image.readFile(path).length !== size)
    })
    run.checked(
      ["I6", "I7"],
      missing.length === 0 ? [] : [{
        invariant: fileKind(missing[0]?.[0] ?? "") === "segment" ? "I6" : "I7",
        message: `the durable manifest names ${missing.map(([name]) => name).join(", ")}, which is not durable`
      }]
    )
  })
}
