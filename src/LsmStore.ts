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

/** How one write is made. */
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
 * Reads never wait for a write, a rotation, a flush or a compaction. A write is
 * acknowledged when its durability is met, and visible from then on. An interrupted
 * write is wholly applied or wholly absent; an interrupted read leaves nothing behind.
 *
 * Memtables are flushed to tables, and tables compacted, in the background. Where
 * that falls behind, writers are slowed in proportion, and stopped at a bound.
 *
 * Whatever is called after the layer's scope has begun to close fails with
 * `StoreClosed`, except for `stats`, and `events`, which end. A bad argument is
 * `InvalidArgument`, and nothing is written.
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
 *   return yield* Stream.runCollect(store.scan({ prefix: text.encode("city/") }))
 * })
 * const store = NodeLsmStore.layer({ directory: "./data" })
 * const cities = await Effect.runPromise(program.pipe(Effect.provide(store)))
 *
 * cities.length // => 1
 * ```
 */
export class LsmStore extends Context.Service<LsmStore, {
  /**
   * The key's value, or undefined. With `snapshot`, as it was then. What memory
   * or a cache has is answered at once; else it waits for the disk, and a damaged
   * or unreadable table is `StoreCorrupted`, `UnsupportedFormat` or `DiskError`.
   */
  readonly get: (key: Uint8Array, options?: ReadOptions) => Effect.Effect<Uint8Array | undefined, ReadError>
  /**
   * The keys' values, in the order of the keys, all as of one sequence; undefined
   * for a key without one. Fails as `get` does, and then gives none.
   */
  readonly getMany: (
    keys: ReadonlyArray<Uint8Array>,
    options?: ReadOptions
  ) => Effect.Effect<ReadonlyArray<Uint8Array | undefined>, ReadError>
  /** Whether the key has a value, without copying it. Fails as `get` does. */
  readonly has: (key: Uint8Array, options?: ReadOptions) => Effect.Effect<boolean, ReadError>
  /**
   * Gives the key a value. Returns when the write meets its durability. It waits
   * longer where the background work is behind: up to 100 ms a group of writes on
   * the way to a bound, and at one until there is room, as while the memtable is full
   * and `maxImmutables` others wait for their flush. Both show as `WriteStalled` in
   * `events`. No write fails for being early; `Effect.timeout` gives up.
   *
   * Until the log takes it an interrupt withdraws it; after that it is applied, and
   * the interrupted caller returns at once.
   *
   * After a failed write or sync of the log or the manifest it fails with
   * `StoreReadOnly`, as every write does from then on; whether the one that failed
   * is there shows when the store is reopened.
   */
  readonly put: (key: Uint8Array, value: Uint8Array, options?: WriteOptions) => Effect.Effect<void, WriteError>
  /** Removes the key, whether or not it has a value. Durability, errors and interruption as for `put`. */
  readonly delete: (key: Uint8Array, options?: WriteOptions) => Effect.Effect<void, WriteError>
  /**
   * Applies the batch whole or not at all, in readers' eyes and on disk.
   * Durability, errors and interruption as for `put`. A batch that was withdrawn
   * may be written again, and so may one that was refused, unless for its content.
   */
  readonly write: (batch: WriteBatch, options?: WriteOptions) => Effect.Effect<Commit, WriteError>
  /**
   * The entries of a range in key order, as of the first pull, or of `snapshot`.
   * It holds no memtable and no file while its consumer is slow, only its
   * sequence and what it has read ahead. Interrupting it, or ending it early, leaves nothing behind. Fails as
   * `get` does, also in the middle.
   *
   * @example
   * ```ts
   * import { Effect, Stream } from "effect"
   * import { LsmStore } from "effect-lsm"
   *
   * const text = new TextEncoder()
   * const program = Effect.gen(function*() {
   *   const store = yield* LsmStore
   *   for (const key of ["a", "b", "c", "d"]) yield* store.put(text.encode(key), new Uint8Array(0))
   *   const range = { gt: text.encode("a"), lte: text.encode("d"), reverse: true, limit: 2 }
   *   return yield* Stream.runCollect(store.scan(range))
   * })
   * const entries = await Effect.runPromise(program.pipe(Effect.provide(LsmStore.layerMemory())))
   *
   * entries.map(([key]) => new TextDecoder().decode(key)) // => ["d", "c"]
   * ```
   */
  readonly scan: (options?: ScanOptions) => Stream.Stream<Entry, ReadError>
  /**
   * The store as it is now, for as long as the scope is open. It blocks nobody;
   * what it still reads is not dropped by a merge.
   *
   * @example
   * ```ts
   * import { Effect } from "effect"
   * import { LsmStore } from "effect-lsm"
   *
   * const key = new TextEncoder().encode("k")
   * const program = Effect.scoped(Effect.gen(function*() {
   *   const store = yield* LsmStore
   *   yield* store.put(key, Uint8Array.of(1))
   *   const before = yield* store.snapshot
   *   yield* store.put(key, Uint8Array.of(2))
   *   return [yield* before.get(key), yield* store.get(key)]
   * }))
   * const values = await Effect.runPromise(program.pipe(Effect.provide(LsmStore.layerMemory())))
   *
   * values // => [Uint8Array.of(1), Uint8Array.of(2)]
   * ```
   */
  readonly snapshot: Effect.Effect<Snapshot, ReadError, Scope.Scope>
  /**
   * Makes all that was acknowledged before, at any level, survive a power cut.
   * Errors as for `put`. Interrupting it undoes nothing.
   */
  readonly sync: Effect.Effect<void, WriteError>
  /**
   * Puts all that was acknowledged before into tables. It waits for as long as
   * tables can't be written, which is tried again until it succeeds, or level 0 is
   * full. Errors as for `put`. Interrupting it does not undo what it began.
   */
  readonly flush: Effect.Effect<void, WriteError>
  /**
   * Brings the tables with keys of the range, or all of them, down level by level to
   * the deepest one that has any, and drops there what no reader can see any more.
   * It does not flush first: what is in memory stays there. It works in pieces,
   * between which the strategy's own compactions have their turn, and comes to an
   * end however much is written meanwhile. Under a strategy that keeps all in level
   * 0, as `Compaction.fifo`, it changes nothing.
   *
   * Returns when the result is in force; the old files go once no reader holds them.
   * Errors as for `put`, and those of the tables: what was done then stays done, no
   * data is lost, and it may be tried again. An interrupt ends the wait, not the
   * compaction; a close of the store abandons it.
   *
   * @example
   * ```ts
   * import { Effect } from "effect"
   * import { LsmStore } from "effect-lsm"
   *
   * const text = new TextEncoder()
   * const program = Effect.gen(function*() {
   *   const store = yield* LsmStore
   *   yield* store.put(text.encode("tmp/1"), new Uint8Array(1000))
   *   yield* store.flush
   *   yield* store.delete(text.encode("tmp/1"))
   *   yield* store.flush
   *   yield* store.compact({ prefix: text.encode("tmp/") })
   *   return yield* store.stats
   * })
   * const stats = await Effect.runPromise(program.pipe(Effect.provide(LsmStore.layerMemory())))
   *
   * stats.tables.count // => 0
   * ```
   */
  readonly compact: (range?: KeyRange) => Effect.Effect<void, WriteError>
  /** Figures about the store at this moment, or at its end if it has closed. */
  readonly stats: Effect.Effect<StoreStats>
  /**
   * What happens inside the store from the first pull on, until the store has
   * closed; then it ends. A listener 1,024 events behind misses the oldest.
   */
  readonly events: Stream.Stream<EngineEvent>
}>()("effect-lsm/LsmStore") {
  /**
   * Opens a store over whatever `Disk` the context provides, and closes it with
   * the layer's scope: what was acknowledged is written and synced then, at every
   * level. Opening replays what the log holds. A directory that is open elsewhere
   * is `StoreLocked`; for the rest see `StoreOpenError`. An interrupt while it
   * opens leaves a directory that opens as well as before. Flushes and compactions
   * run on the event loop, in slices of less than half a millisecond.
   *
   * @example
   * ```ts
   * import { Effect, Layer } from "effect"
   * import { LsmStore } from "effect-lsm"
   * import { SimulatedDisk } from "effect-lsm/testing"
   *
   * const key = new TextEncoder().encode("k")
   * const put = LsmStore.use((store) => store.put(key, Uint8Array.of(1)))
   * const get = LsmStore.use((store) => store.get(key))
   *
   * const disk = SimulatedDisk.make()
   * const store = LsmStore.layer({ directory: "/store" })
   * await Effect.runPromise(put.pipe(Effect.provide(Layer.provide(store, disk.layer))))
   * const afterPowerCut = disk.crashImage("synced").layer
   *
   * await Effect.runPromise(get.pipe(Effect.provide(Layer.provide(store, afterPowerCut)))) // => Uint8Array.of(1)
   * ```
   */
  static readonly layer = (options: StoreOptions): Layer.Layer<LsmStore, StoreOpenError, Disk> =>
    Layer.effect(LsmStore, Effect.suspend(() => openStore(options)))

  /**
   * A store that keeps nothing on disk: the whole engine over memory. Each level
   * is met at once, and the content ends with the layer's scope. Each build of the
   * layer is a new store. Fails with `InvalidArgument` for a bad option.
   *
   * @example
   * ```ts
   * import { Effect } from "effect"
   * import { LsmStore } from "effect-lsm"
   *
   * const key = new TextEncoder().encode("k")
   * const program = LsmStore.use((store) => store.has(key))
   *
   * await Effect.runPromise(program.pipe(Effect.provide(LsmStore.layerMemory()))) // => false
   * ```
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
