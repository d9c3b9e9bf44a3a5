/** The part of a disk that background jobs use: a thread that runs them needs no more. */
import type { Disk } from "./Disk.ts"

export type JobDisk = Pick<Disk["Service"], "createAppend" | "openRead" | "remove">
