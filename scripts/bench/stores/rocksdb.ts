/**
 * RocksDB, by `@nxtedition/rocksdb`. Its writes are calls that hold the event
 * loop, so that writers never share a sync; what is called here is what the
 * binding's own promises are made of, without them.
 *
 * At `"sync"` each write syncs the log before it returns; at `"buffered"` the log
 * is handed to the operating system. The binding has no compaction to call, and
 * no size of a write buffer but by a budget for several, which goes with levelled
 * compaction.
 */
import { Effect } from "effect"
import { importPeer } from "./peerModule.ts"
import { plainCaller } from "./plainCaller.ts"
import { untilQuiet } from "./quiet.ts"
import type { OpenStore, Store, Visit } from "./Store.ts"

interface WriteOptions {
  readonly sync: boolean
}

interface Batch {
  _put(key: Uint8Array, value: Uint8Array): void
  _writeSync(options: WriteOptions): void
  _clear(): void
}

interface Iterator {
  _nextvSync(size: number): { readonly rows: ReadonlyArray<Uint8Array>; readonly finished: boolean }
  _closeSync(): void
}

interface RocksLevel {
  open(options: {
    createIfMissing: true
    compaction?: "level"
    memtableMemoryBudget?: number
    cacheSize?: number
    walCompression?: boolean
  }): Promise<void>
  close(): Promise<void>
  _getManyAsync(
    keys: ReadonlyArray<Uint8Array>,
    options: object,
    end: (error: Error | null, values: ReadonlyArray<Uint8Array | undefined>) => void
  ): void
  _getManySync(keys: ReadonlyArray<Uint8Array>, options: object): ReadonlyArray<Uint8Array | undefined>
  _chainedBatch(): Batch
  _iterator(options: { gte?: Uint8Array; limit?: number; keyEncoding: "buffer"; valueEncoding: "buffer" }): Iterator
}

type RocksLevelClass = new(directory: string, options: {
  keyEncoding: "buffer"
  valueEncoding: "buffer"
}) => RocksLevel

const encodings = { keyEncoding: "buffer", valueEncoding: "buffer" } as const
const noOptions = {}
const chunk = 1000
/** Of the budget that the binding is given, a write buffer gets a quarter. */
const buffersInBudget = 4

/** Keys and values take turns. */
const visitRows = (rows: ReadonlyArray<Uint8Array>, visit: Visit): void => {
  for (let i = 0; i < rows.length; i += 2) visit(rows[i]!, rows[i + 1]!)
}

const opener = (Level: RocksLevelClass): OpenStore => ({ cache, directory, durability, memtable }) =>
  Effect.gen(function*() {
    const db = yield* Effect.acquireRelease(
      Effect.promise(async () => {
        const level = new Level(directory, encodings)
        await level.open({
          createIfMissing: true,
          ...(memtable === undefined
            ? undefined
            : { compaction: "level", memtableMemoryBudget: memtable * buffersInBudget, walCompression: false }),
          ...(cache === undefined ? undefined : { cacheSize: cache })
        })
        return level
      }),
      (level) => Effect.promise(() => level.close())
    )
    const options = { sync: durability === "sync" }
    const batch = db._chainedBatch()
    const store: Store<"plain"> = {
      manner: "plain",
      caller: plainCaller,
      put: (key, value) => {
        batch._clear()
        batch._put(key, value)
        batch._writeSync(options)
      },
      write: (keys, values) => {
        batch._clear()
        for (let i = 0; i < keys.length; i++) batch._put(keys[i]!, values[i]!)
        batch._writeSync(options)
      },
      get: (key) =>
        new Promise((resolve, reject) =>
          db._getManyAsync([key], noOptions, (error, values) => error ? reject(error) : resolve(values[0]))
        ),
      getSync: (key) => db._getManySync([key], noOptions)[0],
      getMany: (keys) => db._getManySync(keys, noOptions),
      scan: (visit) => {
        const iterator = db._iterator(encodings)
        for (let isOver = false; !isOver;) {
          const { finished, rows } = iterator._nextvSync(chunk)
          visitRows(rows, visit)
          isOver = finished
        }
        iterator._closeSync()
      },
      range: (from, limit, visit) => {
        const iterator = db._iterator({ ...encodings, limit, gte: from })
        visitRows(iterator._nextvSync(limit).rows, visit)
        iterator._closeSync()
      },
      settled: untilQuiet,
      batchBeside: 100
    }
    return store
  })

const isClass = (value: unknown): value is RocksLevelClass => typeof value === "function"

export const loadRocksdb = async (): Promise<OpenStore> =>
  opener(await importPeer("@nxtedition/rocksdb", "RocksLevel", isClass))
