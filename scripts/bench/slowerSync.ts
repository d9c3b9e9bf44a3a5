/**
 * The real disk with syncs that take at least so long: how the store fares on a
 * slower disk than the one that the benchmark happens to run on.
 */
import { Effect, Layer } from "effect"
import * as NodeDisk from "../../src/disk/NodeDisk.ts"
import { Disk } from "../../src/index.ts"
import type { AppendFile } from "../../src/index.ts"

/** Waits without holding the event loop, more finely than a timer can. */
const pauseUntil = (deadline: number): Effect.Effect<void> =>
  Effect.suspend(() =>
    performance.now() >= deadline ? Effect.void : Effect.flatMap(Effect.yieldNow, () => pauseUntil(deadline))
  )

const slower = (file: AppendFile, microseconds: number): AppendFile => ({
  path: file.path,
  append: (chunks) => file.append(chunks),
  sync: Effect.suspend(() => {
    const deadline = performance.now() + microseconds / 1000
    return Effect.andThen(file.sync, pauseUntil(deadline))
  }),
  close: file.close
})

/** The real disk; each sync of a file takes `microseconds` or more. */
export const slowerSyncDisk = (microseconds: number): Layer.Layer<Disk> =>
  Layer.effect(
    Disk,
    Effect.map(Disk, (disk) => ({
      ...disk,
      createAppend: (path, options) =>
        Effect.map(disk.createAppend(path, options), (file) => slower(file, microseconds))
    }))
  ).pipe(Layer.provide(NodeDisk.layer))
