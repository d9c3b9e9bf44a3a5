/** Writes for the model of a tree: a negative number deletes the key `-1 - number`. */
import type { CompactionStrategy } from "../../src/Compaction.ts"
import { SeededRandom } from "../../src/testing/SeededRandom.ts"
import { TreeModel } from "./TreeModel.ts"

export const KiB = 1024
export const memtableSize = 128 * KiB
/** Records of 116 bytes that fill a memtable. */
export const perMemtable = 900
/** Small enough for a tree of a few megabytes to have many tables. */
export const tableSize = 64 * KiB

/** The write with the number `index` of a workload over so many keys. */
export type Workload = (random: SeededRandom, index: number, keys: number) => number

export const workloads = {
  random: (random, _, keys) => random.int(keys),
  sequential: (_, index) => index,
  skewed: (random, _, keys) => Math.floor(keys * random.next() ** 4),
  deleting: (random, _, keys) => random.bool(0.4) ? -1 - random.int(keys) : random.int(keys),
  queue: (_, index) => index % 2 === 0 ? index : -1 - Math.max(0, index - 2 * perMemtable - 1)
} satisfies Record<string, Workload>

/** A tree after so many flushes of full memtables, each followed by the compactions that it calls for. */
export const load = (
  strategy: CompactionStrategy,
  workload: Workload,
  { flushes, keys, seed = 1, tree = new TreeModel({ memtableSize }) }: {
    readonly flushes: number
    readonly keys: number
    readonly seed?: number
    readonly tree?: TreeModel
  }
): TreeModel => {
  const random = new SeededRandom(seed)
  for (let flush = 0; flush < flushes; flush++) {
    tree.flush(Array.from({ length: perMemtable }, (_, index) => workload(random, flush * perMemtable + index, keys)))
    tree.settle(strategy)
  }
  return tree
}
