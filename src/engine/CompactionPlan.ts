/**
 * From what a strategy picks to what a merge must do so that the order of
 * versions holds (I9, I11). Pure.
 *
 * For any key, what lies nearer to the top is newer. So a merge into a level
 * takes with it whatever overlaps it on the way down, in level 0 whatever is
 * older and overlaps it, and in the level that it goes to.
 */
import { levelCount } from "../compaction/Strategy.ts"
import type { TreeShape } from "../compaction/Strategy.ts"
import { compareBytes } from "../record/Bytes.ts"
import type { KeyBounds } from "../table/KeyBounds.ts"
import type { TableMeta } from "../table/TableMeta.ts"

/** A table may overlap this many times its size in the level below: its own merge later stays affordable. */
const overlapFactor = 10

export interface MergePlan {
  /** Runs, newest first: a run's tables share no key. */
  readonly sources: ReadonlyArray<ReadonlyArray<TableMeta>>
  readonly outputLevel: number
  readonly tableSize: number
  /** The tables go to the output level as they are. */
  readonly isMove: boolean
  /** The level below the output, where it overlaps. */
  readonly below: ReadonlyArray<TableMeta>
  readonly largestOverlap: number
  /** Where older versions may lie, disjoint and in key order. */
  readonly older: ReadonlyArray<KeyBounds>
}

const overlaps = (a: KeyBounds, b: KeyBounds): boolean =>
  compareBytes(a.smallestKey, b.largestKey) <= 0 && compareBytes(b.smallestKey, a.largestKey) <= 0

/** The smallest bounds around all of them, of which there must be one. */
const hullOf = (tables: ReadonlyArray<KeyBounds>): KeyBounds => {
  let { largestKey, smallestKey } = tables[0]!
  for (const table of tables) {
    if (compareBytes(table.smallestKey, smallestKey) < 0) smallestKey = table.smallestKey
    if (compareBytes(table.largestKey, largestKey) > 0) largestKey = table.largestKey
  }
  return { smallestKey, largestKey }
}

/** The keys that the bounds cover, disjoint and in key order. */
const unionOf = (bounds: ReadonlyArray<KeyBounds>): ReadonlyArray<KeyBounds> => {
  const union: Array<KeyBounds> = []
  for (const next of [...bounds].sort((a, b) => compareBytes(a.smallestKey, b.smallestKey))) {
    const last = union.at(-1)
    if (last === undefined || compareBytes(last.largestKey, next.smallestKey) < 0) {
      union.push({ smallestKey: next.smallestKey, largestKey: next.largestKey })
    } else if (compareBytes(last.largestKey, next.largestKey) < 0) {
      union[union.length - 1] = { smallestKey: last.smallestKey, largestKey: next.largestKey }
    }
  }
  return union
}

const bytesIn = (tables: ReadonlyArray<TableMeta>): number => tables.reduce((bytes, { size }) => bytes + size, 0)

/** The tables of level 0 that go with the chosen ones: each older one that overlaps what goes already. */
const closeLevel0 = (level0: ReadonlyArray<TableMeta>, chosen: ReadonlySet<TableMeta>): ReadonlyArray<TableMeta> => {
  const taken: Array<TableMeta> = []
  let hull: KeyBounds | undefined
  for (const table of level0) {
    if (!chosen.has(table) && (hull === undefined || !overlaps(table, hull))) continue
    taken.push(table)
    hull = hullOf(taken)
  }
  return taken
}

/** True if no two of them share a key. */
const areDisjoint = (tables: ReadonlyArray<KeyBounds>): boolean => {
  const inOrder = [...tables].sort((a, b) => compareBytes(a.smallestKey, b.smallestKey))
  return inOrder.every((table, at) => at === 0 || compareBytes(inOrder[at - 1]!.largestKey, table.smallestKey) < 0)
}

/** What a merge of these tables must do, or what is wrong with the choice. */
export const planMerge = (
  shape: TreeShape,
  pick: { readonly inputs: ReadonlyArray<TableMeta>; readonly outputLevel: number; readonly tableSize: number },
  mayMove: (from: number, to: number) => boolean
): MergePlan | string => {
  const { outputLevel, tableSize } = pick
  const { levels } = shape
  const chosen = new Set(pick.inputs)
  if (chosen.size === 0) return "it picked no tables"
  if (!(Number.isInteger(outputLevel) && outputLevel >= 0 && outputLevel < levelCount)) {
    return `it picked the output level ${outputLevel}`
  }
  if (!(tableSize > 0)) return `it picked the table size ${tableSize}`
  const reachable = new Set(levels.slice(0, outputLevel + 1).flat())
  for (const table of chosen) {
    if (!reachable.has(table)) return "it picked a table that is not there, or is below the output level"
  }
  const largestOverlap = tableSize * overlapFactor

  if (outputLevel === 0) {
    const level0 = levels[0]!
    const first = level0.findIndex((table) => chosen.has(table))
    const inputs = level0.slice(first, first + chosen.size)
    if (!inputs.every((table) => chosen.has(table))) return "the tables that it picked do not follow one another"
    const hull = hullOf(inputs)
    const older = [...level0.slice(first + chosen.size), ...levels.slice(1).flat()]
    return {
      sources: inputs.map((table) => [table]),
      outputLevel,
      // Its tables could overlap others unequally in age.
      tableSize: Infinity,
      isMove: false,
      below: [],
      largestOverlap,
      older: unionOf(older.filter((table) => overlaps(table, hull)))
    }
  }

  const sources: Array<ReadonlyArray<TableMeta>> = closeLevel0(levels[0]!, chosen).map((table) => [table])
  const taken = sources.flat()
  for (let level = 1; level <= outputLevel; level++) {
    const chosenHere = levels[level]!.filter((table) => chosen.has(table))
    // What is written may reach from the first key of all to the last: nothing between them stays in the output level.
    const reaching = level === outputLevel ? [...taken, ...chosenHere] : taken
    const hull = reaching.length > 0 ? hullOf(reaching) : undefined
    const run = hull === undefined
      ? chosenHere
      : levels[level]!.filter((table) => chosen.has(table) || overlaps(table, hull))
    if (run.length === 0) continue
    sources.push(run)
    taken.push(...run)
  }
  const hull = hullOf(taken)
  const below = (levels[outputLevel + 1] ?? []).filter((table) => overlaps(table, hull))
  const older = unionOf(levels.slice(outputLevel + 1).flat().filter((table) => overlaps(table, hull)))
  const isMove = areDisjoint(taken)
    && taken.every((table) =>
      table.level !== outputLevel && mayMove(table.level, outputLevel)
      // What could be dropped now would lie there for good at the bottom.
      && (table.tombstones + table.shadowed === 0 || older.some((bounds) => overlaps(table, bounds)))
      && bytesIn(below.filter((other) => overlaps(table, other))) <= largestOverlap
    )
  return { sources, outputLevel, tableSize, isMove, below, largestOverlap, older }
}
