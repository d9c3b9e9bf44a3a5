/** Removes the files that a job has made, and no other that lies under one of its names (I26). */
import * as Effect from "effect/Effect"
import type { JobDisk } from "../disk/JobDisk.ts"
import { removeFiles } from "../disk/removeFiles.ts"
import type { NewFile } from "./Jobs.ts"

/** None is removed twice: the name may be another's by then. */
export const removeMade = (disk: Pick<JobDisk, "remove">, targets: ReadonlyArray<NewFile>): Effect.Effect<void> =>
  Effect.suspend(() => {
    const made = targets.filter(({ isMade }) => isMade)
    for (const target of made) target.isMade = false
    return removeFiles(disk, made.map(({ path }) => path))
  })
