/** What a store may hold in memory and in segments at any moment (I13). */
import type { StoreStats } from "../../src/index.ts"
import type { Problem } from "../../src/testing/index.ts"
import type { PlannedOptions } from "./Plan.ts"

export const boundProblems = (
  stats: StoreStats,
  { maxImmutables, memtableSize }: PlannedOptions,
  largestBatch: number
): ReadonlyArray<Problem> => {
  const one = memtableSize + largestBatch
  const bounds: ReadonlyArray<readonly [string, number, number]> = [
    ["memtables that wait", stats.immutables.count, maxImmutables],
    ["bytes in the memtable", stats.memtable.bytes, one],
    ["bytes that wait for their flush", stats.immutables.bytes, maxImmutables * one],
    ["bytes that wait for the log", stats.log.queuedBytes, one],
    // The active one, those that wait, the one made ready.
    ["segments", stats.log.segments, maxImmutables + 2]
  ]
  return bounds.flatMap(([what, found, most]) =>
    found <= most ? [] : [{ invariant: "I13", message: `there are ${found} ${what}, at most ${most} are allowed` }]
  )
}

/** The store has come to rest after a flush. */
export const restProblems = (stats: StoreStats): ReadonlyArray<Problem> => {
  const problems: Array<Problem> = []
  if (stats.immutables.count > 0) {
    problems.push({ invariant: "I13", message: `${stats.immutables.count} memtables are not flushed` })
  }
  if (stats.log.segments > 2) {
    problems.push({ invariant: "I13", message: `${stats.log.segments} segments are live after a flush` })
  }
  return problems
}
