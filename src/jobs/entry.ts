/**
 * The module that a worker thread is started with. It awaits nothing: a thread
 * that is ended, or whose process exits, while it waits for a module to be loaded
 * can bring the process down (nodejs/node#53238).
 */
import { syncDisk } from "../disk/SyncDisk.ts"
import { lowerPriority } from "./LowerPriority.ts"
import { serveJobs } from "./WorkerThread.ts"

lowerPriority()
serveJobs(syncDisk)
