/**
 * The store on this machine's disk.
 */
import { Config, Effect, Layer } from "effect"
import { isAbsolute } from "node:path"
import * as NodeDisk from "../disk/NodeDisk.ts"
import { LsmStore } from "../LsmStore.ts"
import type { StoreOpenError } from "../StoreError.ts"
import type { StoreOptions } from "../StoreOptions.ts"

/** The path from the root: the store stays where it is when the working directory changes. */
const fromRoot = (directory: string): string => isAbsolute(directory) ? directory : `${process.cwd()}/${directory}`

/** Opens the store in `options.directory` and closes it with the layer's scope. */
const layer = (options: StoreOptions): Layer.Layer<LsmStore, StoreOpenError> =>
  Layer.suspend(() =>
    LsmStore.layer(
      typeof options?.directory === "string" && options.directory.length > 0
        ? { ...options, directory: fromRoot(options.directory) }
        : options
    )
  ).pipe(Layer.provide(NodeDisk.layer))

/**
 * The same with options from configuration.
 *
 * @example
 * ```ts
 * NodeLsmStore.layerConfig({
 *   directory: Config.String("STORE_DIRECTORY"),
 *   memtableSize: Config.Int("STORE_MEMTABLE_SIZE").pipe(Config.withDefault(32 * 1024 * 1024))
 * })
 * ```
 */
const layerConfig = (
  options: Config.Wrap<StoreOptions>
): Layer.Layer<LsmStore, StoreOpenError | Config.ConfigError> => Layer.unwrap(Effect.map(Config.unwrap(options), layer))

export const NodeLsmStore = { layer, layerConfig } as const
