/** Worker: reads the memtable whose handle it is given, and posts what it found. */
import { parentPort, workerData } from "node:worker_threads"
import { ArenaMemtable } from "../../src/memtable/ArenaMemtable.ts"
import type { MemtableHandle } from "../../src/memtable/ArenaMemtable.ts"
import { readAll } from "./readAll.ts"

const isHandle = (data: unknown): data is MemtableHandle =>
  data instanceof Object && "buffer" in data && data.buffer instanceof SharedArrayBuffer

if (!isHandle(workerData)) throw new TypeError("The worker's data is not a memtable's handle.")
const memtable = ArenaMemtable.attach(workerData)
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker's port takes no origin
parentPort?.postMessage(readAll(memtable))
