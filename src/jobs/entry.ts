/**
 * The module that a worker thread is started with. Its priority is lowered
 * before anything else is loaded, which alone takes a few hundred milliseconds.
 */
import { lowerPriority } from "./LowerPriority.ts"

lowerPriority()
const [{ syncDisk }, { serveJobs }] = await Promise.all([import("../disk/SyncDisk.ts"), import("./WorkerThread.ts")])

serveJobs(syncDisk)
