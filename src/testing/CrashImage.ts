/**
 * What a power cut may leave of a simulated disk.
 *
 * It takes any part of what was not synced: bytes in units of sectors, in any
 * order, and a file's length apart from its bytes; entries of directories by
 * whole operations. It never takes what was synced, and never invents bytes: a
 * range that was lost reads as zeros, or lies behind the file's end.
 */
import type { SeededRandom } from "./SeededRandom.ts"
import type { Remains, SimulatedFile, UnsyncedWrite } from "./SimulatedFile.ts"
import type { EntryOperation, SimulatedTree } from "./SimulatedTree.ts"

/**
 * Which of all possible images a power cut leaves:
 * - `"synced"` nothing that was not synced: unsynced bytes are gone, a new file
 *   whose directory was not synced is gone, a renamed one has its old name
 *   back, a removed one is back;
 * - `"all"` everything;
 * - `"torn"` everything but the end of the last unsynced write;
 * - `"random"` of each unsynced write all, nothing, a beginning, or some of its
 *   sectors; of the unsynced directory operations either the first few or any,
 *   with those on the same names before them.
 */
export type CrashMode = "synced" | "all" | "torn" | "random"

const SECTOR = 512

const nothing: Remains = { ranges: [], length: 0 }

const beginning = (write: UnsyncedWrite, end: number): Remains =>
  end <= write.start || write.kind === "zeros"
    ? { ranges: [], length: end }
    : { ranges: [[write.start, end]], length: end }

const everything = (write: UnsyncedWrite): Remains => beginning(write, write.end)

const torn = (write: UnsyncedWrite, random: SeededRandom): Remains => {
  const end = write.start + random.int(write.end - write.start)
  return beginning(write, random.bool() ? end : Math.max(write.start, end - end % SECTOR))
}

const someSectors = (write: UnsyncedWrite, random: SeededRandom): Remains => {
  const ranges: Array<readonly [number, number]> = []
  for (let start = write.start; start < write.end;) {
    const end = Math.min(write.end, start - start % SECTOR + SECTOR)
    if (random.bool()) ranges.push([start, end])
    start = end
  }
  return { ranges, length: random.bool() ? write.end : ranges.at(-1)?.[1] ?? 0 }
}

const anything = (write: UnsyncedWrite, random: SeededRandom): Remains => {
  if (write.kind === "zeros") return random.bool() ? everything(write) : nothing
  switch (random.int(6)) {
    case 0:
      return nothing
    case 1:
      return { ranges: [], length: write.end }
    case 2:
      return torn(write, random)
    case 3:
      return someSectors(write, random)
    default:
      return everything(write)
  }
}

const anyOperations = (
  pending: ReadonlyArray<EntryOperation>,
  random: SeededRandom
): (operation: EntryOperation) => boolean => {
  const spared = random.bool()
    ? pending.slice(0, random.int(pending.length + 1))
    : pending.filter(() => random.bool())
  const set = new Set(spared)
  return (operation) => set.has(operation)
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
    spared: (operation: EntryOperation) => boolean,
    remainsOf: (write: UnsyncedWrite) => Remains
  ): SimulatedTree => tree.afterPowerCut(spared, (file: SimulatedFile) => file.afterPowerCut(remainsOf))

  switch (mode) {
    case "synced":
      return after(() => false, () => nothing)
    case "all":
      return after(() => true, everything)
    case "torn": {
      const last = lastWrite(tree)
      const isLast = (write: UnsyncedWrite): boolean => write.order === last?.order
      return after(() => true, (write) => {
        if (!isLast(write)) return everything(write)
        return write.kind === "bytes" ? torn(write, random) : nothing
      })
    }
    case "random":
      return after(anyOperations(tree.pending, random), (write) => anything(write, random))
  }
}
