/** The store of the main job: a small memtable, so that it is rotated and flushed often. */
import { NodeLsmStore } from "../../src/node/index.ts"

export const storeLayer = (directory: string) => NodeLsmStore.layer({ directory, memtableSize: 512 * 1024 })
