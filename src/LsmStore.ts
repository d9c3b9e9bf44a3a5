/**
 * The store as a service, and the layers that open it.
 */
import { Context, Effect, Layer, Stream } from "effect"
import type { Scope } from "effect"
import { Disk } from "./disk/Disk.ts"
import * as MemoryDisk from "./disk/MemoryDisk.ts"
import type { Commit } from "./engine/CommitRequest.ts"
import { openEngine } from "./engine/Engine.ts"
import { storeStats } from "./engine/Stats.ts"
import { makeStoreReads } from "./engine/StoreReads.ts"
import { makeStoreWrites } from "./engine/StoreWrites.ts"
import type { EngineEvent } from "./EngineEvent.ts"
import type { Entry, KeyRange, ReadOptions, ScanOptions, Snapshot } from "./Snapshot.ts"
import type { ReadError, StoreOpenError, WriteError } from "./StoreError.ts"
import { resolveOptions } from "./StoreOptions.ts"
import type { Durability, EngineOptions, StoreOptions } from "./StoreOptions.ts"
import type { StoreStats } from "./StoreStats.ts"
import type { WriteBatch } from "./WriteBatch.ts"

export interface WriteOptions {
  /** When this write is acknowledged; the store's `durability` if absent. */
  readonly durability?: Durability | undefined
}

/**
 * An ordered, durable key-value store.
 *
 * Keys and values are `Uint8Array`s; keys order bytewise, have 0 to 65,535
 * bytes, and values up to 256 MiB. Arguments are copied when an effect starts;
 * results belong to the caller.
 *
 * Reads never wait for a write, a rotation or a flush. A write is acknowledged
 * when its durability is met, and visible from then on. An interrupted write is
 * wholly applied or wholly absent.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { LsmStore } from "effect-lsm"
 * import { NodeLsmStore } from "effect-lsm/node"
 *
 * const text = new TextEncoder()
 * const program = Effect.gen(function*() {
 *   const store = yield* LsmStore
 *   yield* store.put(text.encode("city/paris"), text.encode("2138551"))
 *   const cities = yield* Stream.runCollect(store.scan({ prefix: text.encode("city/") }))
 *   yield* Effect.log(`${cities.length} cities`)
 * })
 *
 * Effect.runPromise(program.pipe(Effect.provide(NodeLsmStore.layer({ directory: "./data" }))))
 * ```
 */
export class LsmStore extends Context.Service<LsmStore, {
  /** The key's value, or undefined. With `snapshot`, as it was then. Fails with `ReadError`; writes nothing. */
  readonly get: (key: Uint8Array, options?: ReadOptions) => Effect.Effect<Uint8Array | undefined, ReadError>
  /** The keys' values, in the order of the keys, all read in one consistent view. */
  readonly getMany: (
    keys: ReadonlyArray<Uint8Array>,
    options?: ReadOptions
  ) => Effect.Effect<ReadonlyArray<Uint8Array | undefined>, ReadError>
  /** Whether the key has a value. */
  readonly has: (key: Uint8Array, options?: ReadOptions) => Effect.Effect<boolean, ReadError>
  /**
   * Gives the key a value. Returns when the write meets its durability. Until
   * the log takes it an interrupt withdraws it; after that it is applied, and the
   * interrupted caller returns at once.
   */
  readonly put: (key: Uint8Array, value: Uint8Array, options?: WriteOptions) => Effect.Effect<void, WriteError>
  /** Removes the key, whether or not it has a value. Durability and interruption as for `put`. */
  readonly delete: (key: Uint8Array, options?: WriteOptions) => Effect.Effect<void, WriteError>
  /** Applies the batch whole or not at all, in readers' eyes and on disk. Durability and interruption as for `put`. */
  readonly write: (batch: WriteBatch, options?: WriteOptions) => Effect.Effect<Commit, WriteError>
  /**
   * The entries of a range in key order, as of the first pull. Interrupting it,
   * or ending it early, leaves nothing behind.
   */
  readonly scan: (options?: ScanOptions) => Stream.Stream<Entry, ReadError>
  /** The store as it is now, for as long as the scope is open. */
  readonly snapshot: Effect.Effect<Snapshot, ReadError, Scope.Scope>
  /** Makes all that was acknowledged before, at any level, survive a power cut. */
  readonly sync: Effect.Effect<void, WriteError>
  /** Puts all that was acknowledged before into tables. Interrupting it does not undo what it began. */
  readonly flush: Effect.Effect<void, WriteError>
  /** Merges tables. The range is a hint: all of level 0 becomes one run. Interrupting it does not undo what it began. */
  readonly compact: (range?: KeyRange) => Effect.Effect<void, WriteError>
  readonly stats: Effect.Effect<StoreStats>
  /**
   * What happens inside the store from the first pull on, until the store has
   * closed. A listener 1,024 events behind misses the oldest.
   */
  readonly events: Stream.Stream<EngineEvent>
}>()("effect-lsm/LsmStore") {
  /** Opens a store over whatever `Disk`, and job runner if any, the context provides. */
  static readonly layer = (options: StoreOptions): Layer.Layer<LsmStore, StoreOpenError, Disk> =>
    Layer.effect(LsmStore, Effect.suspend(() => openStore(options)))

  /**
   * A store that keeps nothing on disk: the whole engine over memory. Each level
   * is met at once, and the content ends with the layer's scope.
   */
  static readonly layerMemory = (options?: EngineOptions): Layer.Layer<LsmStore, StoreOpenError> =>
    LsmStore.layer({ ...options, directory: "/memory" }).pipe(Layer.provide(Layer.fresh(MemoryDisk.layer)))
}

const openStore = Effect.fnUntraced(function*(
  options: StoreOptions
): Effect.fn.Return<LsmStore["Service"], StoreOpenError, Disk | Scope.Scope> {
  const engine = yield* openEngine(yield* resolveOptions(options))
  return LsmStore.of({
    ...makeStoreReads(engine.state),
    ...makeStoreWrites(engine),
    stats: Effect.sync(() => storeStats(engine.state, engine.writer)),
    events: Stream.fromPubSubTake(engine.state.events)
  })
})
