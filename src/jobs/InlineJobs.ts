/**
 * Runs background jobs on the event loop, in slices: after each the job yields,
 * so that no reader or writer waits for more than one slice.
 *
 * For a store without workers, and for tests: everything happens in one thread,
 * in an order that the scheduler decides.
 */
import { Effect, Layer } from "effect"
import { Disk } from "../disk/Disk.ts"
import type { JobDisk } from "../disk/JobDisk.ts"
import { Jobs } from "./Jobs.ts"
import { makeTableJobs } from "./TableJobs.ts"

/** The inline job runner over a disk. */
export const makeInlineJobs = (disk: JobDisk): Jobs["Service"] =>
  makeTableJobs(disk, { pause: Effect.yieldNow, readMode: "async" })

/** Runs jobs on the event loop, over whatever disk the context provides. */
export const layerInlineJobs: Layer.Layer<Jobs, never, Disk> = Layer.effect(Jobs, Effect.map(Disk, makeInlineJobs))
