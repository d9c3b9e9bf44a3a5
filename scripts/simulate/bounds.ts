/** What a store may hold in memory and in segments at any moment (I13). */
import type { StoreStats } from "../../src/index.ts"
import type { Problem } from "../../src/testing/index.ts"
import type { Operation, PlannedOptions } from "./Plan.ts"

/** Bytes that a record may take beyond its key and its value, generously. */
const recordOverhead = 64

const sizeOf = (operation: Operation): number => {
  switch (operation._tag) {
    case "Put":
      return operation.key.length + operation.size + recordOverhead
    case "Write":
      return operation.records.reduce((sum, { key, size = 0 }) => sum + key.length + size + recordOverhead, 0)
    default:
      // A transfer, or nothing.
      return 1024
  }
}

export const largestBatch = (operations: ReadonlyArray<Operation>): number => Math.max(0, ...operations.map(sizeOf))

/** `batch` is the size of the largest one. */
export const boundProblems = (
  stats: StoreStats,
  { maxImmutables, memtableSize }: PlannedOptions,
  batch: number
): ReadonlyArray<Problem> => {
  const one = memtableSize + batch
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
  if (stats.log.queuedBytes > 0) {
    problems.push({ invariant: "I14", message: `${stats.log.queuedBytes} bytes count as queued, and nobody waits` })
  }
  return problems
}
