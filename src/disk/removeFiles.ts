/** Removes files that nobody needs. What the disk does not let go of is left for the next recovery. */
import * as Effect from "effect/Effect"
import type { JobDisk } from "./JobDisk.ts"

export const removeFiles = (disk: Pick<JobDisk, "remove">, paths: Iterable<string>): Effect.Effect<void> =>
  Effect.forEach(paths, (path) => Effect.ignore(disk.remove(path)), { discard: true })
