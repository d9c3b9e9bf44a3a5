/**
 * What a power cut may leave of a simulated disk.
 *
 * It takes any part of what was not synced, in any order. What was synced it
 * never takes: the bytes that a file had when it was synced are there, and so
 * are the entries that a directory had when it was synced, unless the program
 * has removed or renamed them since. A rename is atomic for its target: that
 * holds the old file or the new one, whole as far as each was synced. And a file
 * whose name was synced keeps one if it is renamed to a name that was free.
 *
 * Of bytes, by sectors of 512 bytes and by single bytes, each unsynced write may
 * be lost, be a range of zeros, be torn, or hold garbage; the file's length is
 * apart from its bytes. Where a synced byte shares a sector with unsynced ones,
 * only those are at risk.
 *
 * Of names, each creation, rename and removal whose directory was not synced may
 * be lost, or applied by half, as on file systems that do not journal them:
 * - creation: the name is there, and of the file only what was synced;
 * - rename: both names are there, for one file; or the old name is gone, and the
 *   new one is what it was;
 * - removal: the name is there still, and the file is cut short, or empty.
 * Several on one name reach the disk in their order, and of all but the last
 * nothing is half. A rename from one directory to another is on stable storage
 * once either is synced, as on file systems with a journal. Directories are
 * created and renamed wholly or not at all.
 *
 * This is more than any one file system leaves, and nothing that none does. With
 * a journal (ext4, XFS) operations on names are whole, and survive in the order
 * in which they were made; without one (ext2, FAT, ext4 if set up so) they are
 * lost, reordered and halved. Zeros come from delayed allocation, garbage from
 * lengths that are journalled before the data is written (ext4 with
 * `data=writeback`), and from drives that lose power in the middle of a sector.
 */
import type { SeededRandom } from "./SeededRandom.ts"
import type { SimulatedFile, UnsyncedWrite, WriteRemains } from "./SimulatedFile.ts"
import type { EntryOperation, FileFate, OperationRemains, SimulatedTree } from "./SimulatedTree.ts"

/**
 * Which of all possible images a power cut leaves:
 * - `"synced"` nothing that was not synced: unsynced bytes are gone, a new file
 *   whose directory was not synced is gone, a renamed one has its old name
 *   back, a removed one is back;
 * - `"all"` everything;
 * - `"torn"` everything but the end of the last unsynced write;
 * - `"random"` any: of a file's unsynced writes the first few, or of each all,
 *   nothing, zeros, a beginning, some of its sectors, or garbage in some; of the
 *   unsynced creations, renames and removals either the first few or any, with
 *   those on the same names before them, and half of some.
 *
 * What was synced is whole in all of them: a file's bytes as of its last sync,
 * and a directory's entries as of its last sync but for those that were renamed
 * or removed since. The target of a rename is there if it was, as it was or
 * replaced.
 */
export type CrashMode = "synced" | "all" | "torn" | "random"

const SECTOR = 512

const nothing: WriteRemains = { ranges: [], length: 0 }

const beginning = (write: UnsyncedWrite, end: number): WriteRemains =>
  end <= write.start || write.kind === "zeros"
    ? { ranges: [], length: end }
    : { ranges: [[write.start, end]], length: end }

const everything = (write: UnsyncedWrite): WriteRemains => beginning(write, write.end)

const torn = (write: UnsyncedWrite, random: SeededRandom): WriteRemains => {
  const end = write.start + random.int(write.end - write.start)
  return beginning(write, random.bool() ? end : Math.max(write.start, end - end % SECTOR))
}

/** The parts of the write that lie in one sector each. */
const sectorsOf = (write: UnsyncedWrite): ReadonlyArray<readonly [start: number, end: number]> => {
  const sectors: Array<readonly [number, number]> = []
  for (let start = write.start; start < write.end;) {
    const end = Math.min(write.end, start - start % SECTOR + SECTOR)
    sectors.push([start, end])
    start = end
  }
  return sectors
}

const someSectors = (write: UnsyncedWrite, random: SeededRandom): WriteRemains => {
  const ranges = sectorsOf(write).filter(() => random.bool())
  return { ranges, length: random.bool() ? write.end : ranges.at(-1)?.[1] ?? 0 }
}

/** One sector at least holds garbage; the others what was written, for the most part. */
const garbled = (write: UnsyncedWrite, random: SeededRandom): WriteRemains => {
  const sectors = sectorsOf(write)
  const certain = random.int(sectors.length)
  const ranges: Array<readonly [number, number]> = []
  const garbage: Array<readonly [number, Uint8Array]> = []
  for (const [index, [start, end]] of sectors.entries()) {
    if (index === certain || random.bool(0.1)) garbage.push([start, random.bytes(end - start)])
    else if (write.kind === "bytes" && random.bool(0.9)) ranges.push([start, end])
  }
  return { ranges, garbage, length: write.end }
}

const anything = (write: UnsyncedWrite, random: SeededRandom): WriteRemains => {
  const isBytes = write.kind === "bytes"
  switch (random.int(8)) {
    case 0:
      return nothing
    case 1:
      return isBytes ? { ranges: [], length: write.end } : nothing
    case 2:
      return isBytes ? torn(write, random) : nothing
    case 3:
      return isBytes ? someSectors(write, random) : nothing
    case 4:
      return garbled(write, random)
    default:
      return everything(write)
  }
}

/** How often an operation on names that is spared is so by half. */
const HALF_CHANCE = 0.25

const halfOf = (tree: SimulatedTree, operation: EntryOperation, random: SeededRandom): OperationRemains => {
  if (operation.node.kind === "directory") return "everything"
  switch (operation.kind) {
    case "create":
      return "bare name"
    case "remove":
      return "remnant"
    case "rename": {
      const mayBeLost = operation.replaces || !tree.isDurable(operation.node)
      return mayBeLost && random.bool() ? "no name" : "both names"
    }
  }
}

const anyOperations = (tree: SimulatedTree, random: SeededRandom): (operation: EntryOperation) => OperationRemains => {
  const { pending } = tree
  const spared = random.bool()
    ? pending.slice(0, random.int(pending.length + 1))
    : pending.filter(() => random.bool())
  const remains = new Map(
    spared.map((operation) => [operation, random.bool(HALF_CHANCE) ? halfOf(tree, operation, random) : "everything"])
  )
  return (operation) => remains.get(operation) ?? "nothing"
}

/** How often a file's unsynced writes have reached the disk in their order, and whole. */
const IN_ORDER_CHANCE = 0.25

/** The first few of a file's writes: files are written back each at its own time, so that a later one may be ahead. */
const firstFew = (file: SimulatedFile, random: SeededRandom): (write: UnsyncedWrite) => WriteRemains => {
  const { volatile } = file
  const spared = new Set(volatile.slice(0, random.int(volatile.length + 1)).map(({ order }) => order))
  return (write) => spared.has(write.order) ? everything(write) : nothing
}

const anyContent = (file: SimulatedFile, fate: FileFate, random: SeededRandom): SimulatedFile => {
  if (fate === "unsynced lost") return file.afterPowerCut(() => nothing)
  const remainsOf = random.bool(IN_ORDER_CHANCE)
    ? firstFew(file, random)
    : (write: UnsyncedWrite) => anything(write, random)
  const left = file.afterPowerCut(remainsOf)
  if (fate === "cut short") left.replace(left.read(0, random.bool() ? 0 : random.int(left.size)))
  return left
}

const lastWrite = (tree: SimulatedTree): UnsyncedWrite | undefined => {
  let last: UnsyncedWrite | undefined
  for (const path of tree.files()) {
    for (const write of tree.file(path).volatile) {
      if (write.kind === "bytes" && write.order > (last?.order ?? -1)) last = write
    }
  }
  return last
}

/** The tree that is found after a power cut; all of it is durable. */
export const crash = (tree: SimulatedTree, mode: CrashMode, random: SeededRandom): SimulatedTree => {
  const after = (
    remainsOf: OperationRemains,
    remainsOfWrite: (write: UnsyncedWrite) => WriteRemains
  ): SimulatedTree => tree.afterPowerCut(() => remainsOf, (file) => file.afterPowerCut(remainsOfWrite))

  switch (mode) {
    case "synced":
      return after("nothing", () => nothing)
    case "all":
      return after("everything", everything)
    case "torn": {
      const last = lastWrite(tree)
      const isLast = (write: UnsyncedWrite): boolean => write.order === last?.order
      return after("everything", (write) => {
        if (!isLast(write)) return everything(write)
        return write.kind === "bytes" ? torn(write, random) : nothing
      })
    }
    case "random":
      return tree.afterPowerCut(anyOperations(tree, random), (file, fate) => anyContent(file, fate, random))
  }
}
