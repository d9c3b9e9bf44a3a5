/**
 * LevelDB, by `classic-level`. At `"sync"` each write is LevelDB's synchronous
 * write, which syncs the log before it returns, one for all that wait; at
 * `"buffered"` the log is handed to the operating system.
 */
import { Effect } from "effect"
import { importPeer } from "./peerModule.ts"
import { plainCaller } from "./plainCaller.ts"
import { untilQuiet } from "./quiet.ts"
import type { OpenStore, Store } from "./Store.ts"

interface WriteOptions {
  readonly sync: boolean
}

interface Iterator {
  nextv(size: number): Promise<ReadonlyArray<readonly [Uint8Array, Uint8Array]>>
  close(): Promise<void>
}

interface Batch {
  put(key: Uint8Array, value: Uint8Array): unknown
  write(options: WriteOptions): Promise<void>
}

interface ClassicLevel {
  open(): Promise<void>
  close(): Promise<void>
  put(key: Uint8Array, value: Uint8Array, options: WriteOptions): Promise<void>
  batch(): Batch
  get(key: Uint8Array): Promise<Uint8Array | undefined>
  getSync(key: Uint8Array): Uint8Array | undefined
  getMany(keys: ReadonlyArray<Uint8Array>): Promise<ReadonlyArray<Uint8Array | undefined>>
  iterator(options: { gte?: Uint8Array; limit?: number; highWaterMarkBytes: number }): Iterator
  compactRange(start: Uint8Array, end: Uint8Array): Promise<void>
}

type ClassicLevelClass = new(directory: string, options: {
  keyEncoding: "view"
  valueEncoding: "view"
  writeBufferSize?: number
  cacheSize?: number
}) => ClassicLevel

const chunk = 1000
const highWaterMarkBytes = 1024 * 1024
const lastKey = new Uint8Array(32).fill(0xff)

const opener = (Level: ClassicLevelClass): OpenStore => ({ cache, directory, durability, memtable }) =>
  Effect.gen(function*() {
    const db = yield* Effect.acquireRelease(
      Effect.promise(async () => {
        const level = new Level(directory, {
          keyEncoding: "view",
          valueEncoding: "view",
          ...(memtable === undefined ? undefined : { writeBufferSize: memtable }),
          ...(cache === undefined ? undefined : { cacheSize: cache })
        })
        await level.open()
        return level
      }),
      (level) => Effect.promise(() => level.close())
    )
    const options = { sync: durability === "sync" }
    const store: Store<"plain"> = {
      manner: "plain",
      caller: plainCaller,
      put: (key, value) => db.put(key, value, options),
      write: (keys, values) => {
        const batch = db.batch()
        for (let i = 0; i < keys.length; i++) batch.put(keys[i]!, values[i]!)
        return batch.write(options)
      },
      get: (key) => db.get(key),
      getSync: (key) => db.getSync(key),
      getMany: (keys) => db.getMany(keys),
      scan: async (visit) => {
        const iterator = db.iterator({ highWaterMarkBytes })
        for (;;) {
          const entries = await iterator.nextv(chunk)
          if (entries.length === 0) break
          for (const [key, value] of entries) visit(key, value)
        }
        await iterator.close()
      },
      range: async (from, limit, visit) => {
        const iterator = db.iterator({ highWaterMarkBytes, gte: from, limit })
        for (const [key, value] of await iterator.nextv(limit)) visit(key, value)
        await iterator.close()
      },
      compact: () => db.compactRange(new Uint8Array(0), lastKey),
      settled: untilQuiet,
      batchBeside: 1
    }
    return store
  })

const isClass = (value: unknown): value is ClassicLevelClass => typeof value === "function"

export const loadClassicLevel = async (): Promise<OpenStore> =>
  opener(await importPeer("classic-level", "ClassicLevel", isClass))
