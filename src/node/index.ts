/**
 * The store on this machine's disk.
 */
import { Config, Effect, Layer } from "effect"
import { isAbsolute } from "node:path"
import { defaultAccess, isAccess } from "../disk/Access.ts"
import * as NodeDisk from "../disk/NodeDisk.ts"
import { layerInlineJobs } from "../jobs/InlineJobs.ts"
import { layerWorkerJobs } from "../jobs/WorkerJobs.ts"
import { LsmStore } from "../LsmStore.ts"
import type { StoreOpenError } from "../StoreError.ts"
import type { StoreOptions } from "../StoreOptions.ts"

/** The path from the root: the store stays where it is when the working directory changes. */
const fromRoot = (directory: string): string =>
  isAbsolute(directory) || directory.startsWith("file:") ? directory : `${process.cwd()}/${directory}`

const layer = (options: StoreOptions): Layer.Layer<LsmStore, StoreOpenError> => {
  // What is no access the store refuses with its other options, before it makes a file.
  const access = isAccess(options?.access) ? options.access : defaultAccess
  return Layer.suspend(() =>
    LsmStore.layer(
      typeof options?.directory === "string" && options.directory.length > 0
        ? { ...options, directory: fromRoot(options.directory) }
        : options
    )
  ).pipe(
    // Threads are a store's own: the layer is another one for each store.
    Layer.provide(options?.workers === 0 ? layerInlineJobs : layerWorkerJobs({ access })),
    Layer.provide(NodeDisk.layers[access])
  )
}

const layerConfig = (
  options: Config.Wrap<StoreOptions>
): Layer.Layer<LsmStore, StoreOpenError | Config.ConfigError> => Layer.unwrap(Effect.map(Config.unwrap(options), layer))

/** Layers of a store in a directory of this machine's disk. */
export const NodeLsmStore = {
  /**
   * Opens the store in `options.directory` and closes it with the layer's scope,
   * which writes and syncs what was acknowledged at any level. A relative
   * directory is taken from the working directory at that moment. Within a program
   * provide one layer once: a second one is `StoreLocked`. A killed process leaves
   * nothing to clean up.
   *
   * Flushes and compactions run in two threads, which start when there is work for
   * them, hold about 45 MB each, and keep the process alive only while they have
   * some; closing the store ends them. If one dies or hangs, another takes its place
   * and the job is done again: an event `WorkerRestarted`, and nothing is lost. With
   * `workers: 0`, and where the threads' module is missing, as in a bundle of one
   * file (a warning is logged), the work runs on the event loop in slices.
   *
   * @example
   * ```ts
   * import { Effect } from "effect"
   * import { LsmStore } from "effect-lsm"
   * import { NodeLsmStore } from "effect-lsm/node"
   *
   * const key = new TextEncoder().encode("visits")
   * const visit = Effect.gen(function*() {
   *   const store = yield* LsmStore
   *   const visits = (yield* store.get(key))?.[0] ?? 0
   *   yield* store.put(key, Uint8Array.of(visits + 1), { durability: "buffered" })
   *   return visits
   * })
   * const store = NodeLsmStore.layer({ directory: "./data", memtableSize: 4 * 1024 * 1024 })
   *
   * await Effect.runPromise(visit.pipe(Effect.provide(store))) // => 0
   * await Effect.runPromise(visit.pipe(Effect.provide(store))) // => 1
   * ```
   */
  layer,
  /**
   * The same with options from configuration; what is missing or of another type
   * there is a `ConfigError`. A strategy goes in as `Config.succeed(strategy)`.
   *
   * @example
   * ```ts
   * import { Config, ConfigProvider, Effect, Layer } from "effect"
   * import { LsmStore } from "effect-lsm"
   * import { NodeLsmStore } from "effect-lsm/node"
   *
   * const store = NodeLsmStore.layerConfig({
   *   directory: Config.String("STORE_DIRECTORY"),
   *   memtableSize: Config.Int("STORE_MEMTABLE_SIZE").pipe(Config.withDefault(32 * 1024 * 1024))
   * })
   * const settings = ConfigProvider.layer(ConfigProvider.fromUnknown({ STORE_DIRECTORY: "./data" }))
   * const program = LsmStore.use((store) => store.stats)
   *
   * const stats = await Effect.runPromise(program.pipe(Effect.provide(Layer.provide(store, settings))))
   * stats.tables.count // => 0
   * ```
   */
  layerConfig
} as const
