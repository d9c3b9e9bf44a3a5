/**
 * Watches the order in which a store's files become durable and go, from the
 * disk's side. At each moment a power cut may leave only what was synced: what
 * the manifest names there must be there too (I6, I7), no file goes while the
 * manifest that would be found then still names it (I7), and CURRENT is moved to a
 * manifest that would be there (I16). What a manifest has named goes only right after
 * a look at the owner, and nothing goes that nobody has made (I26).
 */
import { Fiber, Result } from "effect"
import { currentGeneration } from "../../src/engine/Directory.ts"
import {
  currentName,
  currentTemporaryName,
  highestGeneration,
  manifestName,
  segmentName,
  storeFiles,
  tableName
} from "../../src/engine/FileNames.ts"
import { readCurrent } from "../../src/engine/ManifestLog.ts"
import { SeededRandom } from "../../src/testing/index.ts"
import type { DiskCall, SimulatedDisk } from "../../src/testing/index.ts"
import { filesIn, structureOn } from "../../src/testing/shape/Structure.ts"
import { fileKind } from "./Mishaps.ts"
import type { Run } from "./Run.ts"
import { directory } from "./storeOptions.ts"

/** What an image after a power cut would need of its files, with their sizes where they are known. */
type Needs = ReadonlyMap<string, number | undefined>

const isStructural = ({ operation, path }: DiskCall): boolean =>
  operation === "syncDirectory" || (operation === "sync" && fileKind(path) === "manifest")

const makes: ReadonlySet<DiskCall["operation"]> = new Set(["createAppend", "claim", "rename"])

const nameOf = ({ path }: Pick<DiskCall, "path">): string => path.slice(path.lastIndexOf("/") + 1)

class OrderWatch {
  readonly #run: Run
  readonly #disk: SimulatedDisk
  readonly #random = new SeededRandom(0)
  /** Files that were found durable, and stay so until they are removed. */
  readonly #durable = new Set<string>()
  /** The manifest that was read last: its name and its length, since it only grows. */
  #readKey = ""
  #needs: Needs = new Map()
  /** Names of files that there were, or may have been. */
  readonly #made: Set<string>
  /** Names that a manifest has named, as far as is known. */
  readonly #named: Set<string>
  /** The last call of each fiber. */
  readonly #last = new WeakMap<object, DiskCall>()

  constructor(run: Run, disk: SimulatedDisk) {
    this.#run = run
    this.#disk = disk
    this.#made = new Set(filesIn(disk, directory))
    this.#named = new Set(this.#made)
  }

  look(call: DiskCall, phase: "before" | "after"): void {
    if (call.path === directory || call.path.startsWith(`${directory}/`)) this.#lookAtOrder(call, phase)
    const fiber = Fiber.getCurrent()
    if (phase === "before" && fiber !== undefined) this.#last.set(fiber, call)
  }

  #lookAtOrder(call: DiskCall, phase: "before" | "after"): void {
    if (phase === "before" && makes.has(call.operation)) this.#made.add(nameOf({ path: call.to ?? call.path }))
    if (phase === "before" && call.operation === "rename") this.#beforeMove(call)
    else if (phase === "before" && call.operation === "remove") this.#beforeRemoval(call)
    else if (phase === "after" && isStructural(call)) this.#afterSync()
  }

  #beforeMove({ path, to = "" }: DiskCall): void {
    const generation = highestGeneration(storeFiles([to.slice(to.lastIndexOf("/") + 1)]))
    const files = storeFiles(filesIn(this.#disk, directory))
    // Of one who has lost the directory, and comes too late for it to count; or whose directory is elsewhere.
    if (generation < currentGeneration(files) || !files.has(currentTemporaryName(generation))) return
    const image = this.#image()
    const number = Result.getOrThrow(readCurrent(path, this.#disk.readFile(path)))
    const name = manifestName(number, generation)
    const manifest = `${directory}/${name}`
    const isLeft = filesIn(image, directory).includes(name)
      && image.readFile(manifest).length === this.#disk.readFile(manifest).length
    this.#run.check("I16", isLeft ? undefined : `CURRENT was moved to ${name}, which is not durable`)
  }

  #beforeRemoval(call: DiskCall): void {
    // An owner is replaced before anything is read.
    if (fileKind(call.path) === "owner") return
    const name = nameOf(call)
    const fiber = Fiber.getCurrent()
    const hasLooked = fiber !== undefined && this.#last.get(fiber)?.operation === "isHeld"
    const isBlind = this.#named.has(name) && !hasLooked
    this.#run.check("I26", isBlind ? `${name} was removed without a look at the owner right before` : undefined)
    this.#run.check("I26", this.#made.has(name) ? undefined : `${name} was removed, and nobody has made it`)
    this.#durable.delete(name)
    const isNeeded = this.#neededOn(this.#image()).has(name)
    this.#run.check("I7", isNeeded ? `${name} was removed while the durable manifest names it` : undefined)
  }

  #afterSync(): void {
    const image = this.#image()
    const files = new Set(filesIn(image, directory))
    for (const [name, size] of this.#neededOn(image)) {
      if (this.#durable.has(name)) continue
      const isLeft = files.has(name) && (size === undefined || image.readFile(`${directory}/${name}`).length === size)
      const invariant = fileKind(name) === "segment" ? "I6" : "I7"
      this.#run.check(invariant, isLeft ? undefined : `the durable manifest names ${name}, which is not durable`)
      this.#durable.add(name)
    }
  }

  #image(): SimulatedDisk {
    return this.#disk.crashImage("synced", this.#random)
  }

  /** Nothing, if it holds no store. */
  #neededOn(image: SimulatedDisk): Needs {
    const files = storeFiles(filesIn(image, directory))
    const generation = currentGeneration(files)
    if (generation < 0) return new Map()
    const current = currentName(generation)
    const number = Result.getOrThrow(readCurrent(current, image.readFile(`${directory}/${current}`)))
    const manifest = manifestName(number, generation)
    if (!files.has(manifest)) return new Map([[manifest, undefined]])
    const key = `${manifest} ${image.readFile(`${directory}/${manifest}`).length}`
    if (key === this.#readKey) return this.#needs
    const { segments, tables } = structureOn(image, directory)
    this.#readKey = key
    this.#needs = new Map<string, number | undefined>([
      [current, undefined],
      [manifest, undefined],
      ...segments.map(({ generation: made, segment }) => [segmentName(segment, made), undefined] as const),
      ...tables.map(({ file, generation: made, size }) => [tableName(file, made), size] as const)
    ])
    for (const name of this.#needs.keys()) this.#named.add(name)
    return this.#needs
  }
}

/** Tells the run of what goes wrong on the disk from now on. */
export const watchOrder = (run: Run, disk: SimulatedDisk): void => {
  const watch = new OrderWatch(run, disk)
  disk.onCall((call, phase) => watch.look(call, phase))
}
