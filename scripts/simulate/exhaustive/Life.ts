/**
 * The small life of a store that exhaustive runs go through call by call: a few
 * hundred disk calls with everything in them. Three openings; writes at each
 * level, alone and beside each other; deletes; a batch larger than a memtable; a
 * rotation because a memtable is full; flushes; merges over several levels; a
 * snapshot that is held over them; clean closes, one in the midst of a flush.
 *
 * The same key is written again and again, so that the files stay small.
 */
import { Effect, Exit, Layer, Scope, Stream } from "effect"
import { Disk, WriteBatch } from "../../../src/index.ts"
import type { Durability, ReadError, Snapshot, StoreOpenError, WriteError } from "../../../src/index.ts"
import type { ReadMode } from "../../../src/table/ReadPolicy.ts"
import { StoreReadMode } from "../../../src/table/ReadPolicy.ts"
import { bytesOf, directory, openStore, padded } from "../../support/smallStore.ts"
import type { Store, TestDisk, TestOptions } from "../../support/smallStore.ts"
import { smallLevels } from "../../support/smallStrategies.ts"

export { directory }
export type { Store, TestOptions }

export const lifeOptions: TestOptions = {
  compaction: smallLevels,
  compression: ["none", "lz4", "zstd"],
  blockSize: 512,
  blockCacheSize: 64 * 1024
}

/** Zeros ahead of the log's appends: as many as the engine asks for make every image large. */
const extension = 4096

/** The disk as it is, but it lengthens the log's files by less than it is asked to, as a disk may. */
export const sparing = (disk: { readonly service: Disk["Service"] }): TestDisk => ({
  layer: Layer.succeed(Disk, {
    ...disk.service,
    createAppend: (path, options) =>
      disk.service.createAppend(path, { extendBy: Math.min(extension, options?.extendBy ?? 0) })
  })
})

/** What is done to an open store, step by step; the calls of one step run beside each other. */
export type Step = ReadonlyArray<Effect.Effect<unknown, ReadError | WriteError>>

/** One opening: its steps, and what is still going on when it closes. */
interface Session {
  readonly steps: ReadonlyArray<Step>
  readonly atClose?: Effect.Effect<unknown, WriteError>
}

const levels: ReadonlyArray<Durability> = ["sync", "buffered", "async"]

/** Writes whose values are all different. */
const writesTo = (store: Store) => {
  let count = 0
  const value = (size: number): Uint8Array => padded(`value ${count++}`, size)
  return {
    put: (key: string, durability: Durability, size = 100) => store.put(bytesOf(key), value(size), { durability }),
    remove: (key: string, durability: Durability) => store.delete(bytesOf(key), { durability }),
    batch: (puts: ReadonlyArray<string>, deletes: ReadonlyArray<string>, durability: Durability) => {
      const batch = WriteBatch.make()
      for (const key of puts) batch.put(bytesOf(key), value(60))
      for (const key of deletes) batch.delete(bytesOf(key))
      return store.write(batch, { durability })
    }
  }
}

const first = (store: Store, scope: Scope.Closeable): Session => {
  const { batch, put, remove } = writesTo(store)
  let held: Snapshot | undefined
  const hold = Effect.map(Scope.provide(store.snapshot, scope), (snapshot) => {
    held = snapshot
  })
  const readHeld = Effect.suspend(() =>
    held === undefined
      ? Effect.void
      : Effect.andThen(held.get(bytesOf("a")), Stream.runCollect(held.scan({ reverse: true })))
  )
  const many = Array.from({ length: 900 }, (_, at) => `huge/${at % 3}`)
  return {
    steps: [
      levels.map((level) => put(`first/${level}`, level)),
      [put("a", "sync"), put("b", "buffered"), put("c", "async")],
      [batch(["a", "d"], ["b"], "sync"), put("e", "buffered"), remove("c", "async")],
      [store.flush],
      [hold],
      [put("a", "sync"), put("f", "buffered"), batch(["g", "d"], ["e"], "async")],
      [store.flush, readHeld],
      [batch(["first", ...many, "last"], [], "sync"), put("i", "async")],
      [put("filling", "buffered", 9_000), put("filling", "async", 9_000), put("filling", "sync", 9_000)],
      [put("filling", "buffered", 9_000), put("filling", "async", 9_000), put("filling", "buffered", 9_000)],
      [put("filling", "buffered", 9_000), put("filling", "sync", 9_000)],
      [
        Stream.runCollect(store.scan()),
        readHeld,
        store.getMany(["a", "b", "huge/1"].map(bytesOf)),
        store.has(bytesOf("g"))
      ],
      [store.sync, put("a", "buffered")],
      [Scope.close(scope, Exit.void)],
      [store.compact({ prefix: bytesOf("huge/") }), remove("a", "buffered"), put("k", "async")],
      [store.flush],
      [batch(["l"], ["d", "f", "first"], "buffered"), remove("filling", "sync")],
      [store.flush],
      [store.compact()],
      [put("m", "buffered"), put("n", "async"), batch(["o", "p"], ["last"], "async")]
    ]
  }
}

const second = (store: Store): Session => {
  const { batch, put, remove } = writesTo(store)
  return {
    steps: [
      [put("q", "async"), put("a", "buffered"), remove("m", "sync")],
      [store.flush],
      [batch(["q", "r"], ["a"], "buffered"), put("b", "async")],
      [put("filling", "async", 9_000), put("filling", "buffered", 9_000)]
    ],
    atClose: store.flush
  }
}

const third = (store: Store): Session => {
  const { put } = writesTo(store)
  return {
    steps: [[Stream.runCollect(store.scan({ reverse: true }))], [put("s", "sync"), put("t", "async")], [
      put("u", "buffered")
    ]]
  }
}

export const sessions: ReadonlyArray<(store: Store, scope: Scope.Closeable) => Session> = [first, second, third]

export interface LifeHooks {
  /** The store under the eyes of whoever keeps its history. */
  readonly observe: (store: Store) => Store
  /** What becomes of each call that fails; unless told it fails the life. */
  readonly attempt?: (
    call: Effect.Effect<unknown, ReadError | WriteError>
  ) => Effect.Effect<unknown, ReadError | WriteError>
  /** How tables' blocks are read: at once, unless told. */
  readonly readMode?: ReadMode
  /** Before a store closes that all its steps were taken of. */
  readonly beforeClose?: (store: Store) => Effect.Effect<void, ReadError | WriteError>
}

/** One opening from its beginning to its end. */
export const liveSession = (
  disk: TestDisk,
  session: (typeof sessions)[number],
  hooks: LifeHooks,
  options: TestOptions = lifeOptions
): Effect.Effect<void, StoreOpenError | ReadError | WriteError> =>
  Effect.scoped(Effect.gen(function*() {
    const { attempt = (call) => call, beforeClose, observe, readMode = "sync" } = hooks
    const opened = yield* Effect.provideService(openStore(disk, options), StoreReadMode, readMode)
    const scope = yield* Scope.fork(yield* Effect.scope)
    const store = observe(opened)
    const { atClose, steps } = session(store, scope)
    for (const step of steps) yield* Effect.all(step.map(attempt), { concurrency: "unbounded" })
    if (beforeClose !== undefined) yield* beforeClose(store)
    if (atClose !== undefined) yield* Effect.forkChild(Effect.exit(atClose), { startImmediately: true })
  }))
