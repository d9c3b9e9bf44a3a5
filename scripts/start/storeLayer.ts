/**
 * The store of the main job: a memtable so small that it is rotated and flushed
 * often, and levels so small that the data comes to lie in several.
 */
import { Compaction } from "../../src/index.ts"
import { NodeLsmStore } from "../../src/node/index.ts"

const KiB = 1024

export const storeLayer = (directory: string) =>
  NodeLsmStore.layer({
    directory,
    memtableSize: 512 * KiB,
    compaction: Compaction.levelled({ tableSize: 512 * KiB, baseLevelSize: 1024 * KiB, levelRatio: 4 })
  })
