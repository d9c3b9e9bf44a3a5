/**
 * The module that a worker thread is started with. It awaits nothing: a thread
 * that is ended while such a module waits can bring the process down
 * (nodejs/node#53238). So all modules load at the process's own priority, which
 * takes 0.15 to 0.3 s of a processor.
 */
import { makeSyncDisk } from "../disk/SyncDisk.ts"
import { lowerPriority } from "./LowerPriority.ts"
import { serveJobs } from "./WorkerThread.ts"

lowerPriority()
serveJobs(makeSyncDisk)
