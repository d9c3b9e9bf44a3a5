/** Looks at what a store that has come to rest, or was closed in order, has on the disk. */
import { levelCount } from "../../src/compaction/Strategy.ts"
import type { StoreStats } from "../../src/index.ts"
import { shapeProblems } from "../../src/testing/index.ts"
import type { Problem, SimulatedDisk } from "../../src/testing/index.ts"
import { structureOn } from "../../src/testing/shape/Structure.ts"
import type { PlannedOptions } from "./Plan.ts"
import { directory, strategyOf } from "./storeOptions.ts"

/** Segments that were kept from an earlier opening though they hold nothing. */
export const emptyKept = (disk: SimulatedDisk): ReadonlyArray<Problem> =>
  structureOn(disk, directory).segments.flatMap(({ kept, segment }) =>
    kept !== undefined && (kept.firstSequence === 0 || kept.firstSequence > kept.lastSequence)
      ? [{ invariant: "I16", message: `segment ${segment} was kept, and is empty` }]
      : []
  )

/** Whether the files are sound, and in the levels in which the store had them at its end (I2, I9, I11, I16). */
export const closedProblems = (disk: SimulatedDisk, { levels }: StoreStats): ReadonlyArray<Problem> => {
  const problems = shapeProblems(disk, directory)
  if (problems.length > 0) return problems
  const { tables } = structureOn(disk, directory)
  const misplaced = levels.flatMap(({ level, tables: shown }) => {
    const named = tables.filter((table) => table.level === level).length
    return named === shown
      ? []
      : [{ invariant: "I11", message: `the store had ${shown} tables in level ${level}, the manifest names ${named}` }]
  })
  return [...misplaced, ...emptyKept(disk)]
}

/** What the strategy still wants to be done, although nothing happens any more (I13). */
export const shapeAtRest = (
  disk: SimulatedDisk,
  options: PlannedOptions,
  { sequence }: StoreStats
): string | undefined => {
  const { tables } = structureOn(disk, directory)
  const levels = Array.from({ length: levelCount }, (_, level) => tables.filter((table) => table.level === level))
  const pick = strategyOf(options).pick({
    levels,
    memtableSize: options.memtableSize,
    oldestSnapshot: sequence
  })
  return pick === undefined
    ? undefined
    : `${options.compaction} has a compaction to make of ${levels.map(({ length }) => length).join(", ")} tables`
}
