/**
 * The store that this project exists to beat: the same memtable, log and tables
 * behind one lock. It is around every operation, and whoever fills the memtable
 * writes it as a table, and merges tables, while it holds the lock.
 *
 * It meets the same durability: a put is acknowledged once the operating system
 * has its record, or at `"sync"` the disk, and the log of a memtable goes once its
 * table is synced. It is never reopened, so nothing here reads a log.
 */
import { Effect } from "effect"
import type { Scope } from "effect"
import { Disk } from "../../../src/disk/Disk.ts"
import type { AppendFile } from "../../../src/disk/Disk.ts"
import * as NodeDisk from "../../../src/disk/NodeDisk.ts"
import { SegmentWriter } from "../../../src/log/SegmentWriter.ts"
import { ArenaMemtable } from "../../../src/memtable/ArenaMemtable.ts"
import { compareRanges } from "../../../src/record/Bytes.ts"
import { putSize, writePut } from "../../../src/record/RecordCodec.ts"
import { RecordKind } from "../../../src/record/RecordKind.ts"
import { MoveStatus } from "../../../src/record/VersionIterator.ts"
import type { VersionIterator } from "../../../src/record/VersionIterator.ts"
import { BlockCache } from "../../../src/table/BlockCache.ts"
import { MergingVersions } from "../../../src/table/MergingVersions.ts"
import { ReadPolicy } from "../../../src/table/ReadPolicy.ts"
import { TableReader, TableResult, TableStatus } from "../../../src/table/TableReader.ts"
import { TableWriter } from "../../../src/table/TableWriter.ts"
import { effectCaller } from "./effectCaller.ts"
import type { OpenOptions, OpenStore, Store } from "./Store.ts"

const defaultSize = 32 * 1024 * 1024
const pieceSize = 64 * 1024
/** So many tables of a generation are merged into one of the next. */
const fanIn = 4
const salt = { low: 1, high: 2 }

interface Table {
  readonly generation: number
  readonly reader: TableReader
}

/**
 * A semaphore of one permit, in the order of arrival. Effect's own looks through
 * all who wait at each release: behind a merge thousands of reads wait, and it
 * would be measured rather than the lock.
 */
class Lock {
  readonly #waiting: Array<(turn: Effect.Effect<void>) => void> = []
  #isHeld = false
  readonly #take = Effect.callback<void>((resume) => {
    if (this.#isHeld) {
      this.#waiting.push(resume)
    } else {
      this.#isHeld = true
      resume(Effect.void)
    }
  })
  readonly #give = Effect.sync(() => {
    const next = this.#waiting.shift()
    if (next === undefined) this.#isHeld = false
    else next(Effect.yieldNow)
  })

  during<A, E>(operation: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.uninterruptible(Effect.ensuring(Effect.andThen(this.#take, operation), this.#give))
  }
}

/** Visits the newest version of each key; `source` stands on it, and `key` is the visitor's own. */
const eachNewest = <E>(source: VersionIterator, visit: (key: Uint8Array) => Effect.Effect<void, E> | undefined) =>
  Effect.gen(function*() {
    let key = new Uint8Array(0)
    for (let status = source.first(); source.valid || status === MoveStatus.needsLoad;) {
      if (status === MoveStatus.needsLoad) {
        yield* source.load
        status = source.resume()
        continue
      }
      const { keyBuffer, keyLength, keyOffset } = source
      if (compareRanges(keyBuffer, keyOffset, keyLength, key, 0, key.length) !== 0) {
        key = keyBuffer.slice(keyOffset, keyOffset + keyLength)
        const visiting = visit(key)
        if (visiting !== undefined) yield* visiting
      }
      status = source.advance()
    }
  })

/** A new store in an empty directory. Its errors are defects. */
const makeStore = (
  { cache: cacheSize = defaultSize, directory, durability, memtable: memtableSize = defaultSize }: OpenOptions
): Effect.Effect<Store<"effect">, never, Disk | Scope.Scope> =>
  Effect.orDie(Effect.gen(function*() {
    const disk = yield* Disk
    const lock = new Lock()
    const memtable = ArenaMemtable.make({ limit: memtableSize, baseSequence: 0 })
    const cache = new BlockCache(cacheSize)
    const policy = new ReadPolicy("sync")
    const result = new TableResult()
    const files = { next: 1 }
    /** Newest first. */
    let tables: Array<Table> = []
    let sequence = 0

    const nextFile = (extension: string) => {
      const number = files.next++
      return { number, path: `${directory}/${number}.${extension}` }
    }
    const openLog = Effect.suspend(() => {
      const { number, path } = nextFile("log")
      return SegmentWriter.create(disk, path, number, salt, 0, { extendBy: 0 })
    })
    let log = yield* openLog

    /** The newest version of each key, as a table. */
    const fillTable = (source: VersionIterator, writer: TableWriter, file: AppendFile) =>
      Effect.gen(function*() {
        yield* eachNewest(source, (key) => {
          const { valueBuffer, valueLength, valueOffset } = source
          writer.add(key, 0, key.length, source.sequence, RecordKind.put, valueBuffer, valueOffset, valueLength)
          return writer.pendingBytes < pieceSize ? undefined : file.append(writer.take())
        })
        const meta = writer.finish()
        yield* file.append(writer.take())
        yield* file.sync
        yield* file.close
        return meta
      })

    const makeTable = (source: VersionIterator, generation: number) =>
      Effect.gen(function*() {
        const { number, path } = nextFile("sst")
        const file = yield* disk.createAppend(path)
        const options = {
          file: number,
          generation: 1,
          level: 0,
          blockSize: 4096,
          filterBitsPerKey: 10,
          compression: "none"
        } as const
        const meta = yield* fillTable(source, new TableWriter(options), file)
        const reader = yield* TableReader.open(yield* disk.openRead(path), meta, cache, { policy })
        yield* disk.syncDirectory(directory)
        const table: Table = { generation, reader }
        return table
      })

    const flush = Effect.gen(function*() {
      const old = log
      tables = [yield* makeTable(memtable.versions(), 0), ...tables]
      log = yield* openLog
      memtable.reset(sequence)
      yield* old.file.close
      yield* disk.remove(old.file.path)
      for (;;) {
        const newest = tables[0]!.generation
        const count = tables.filter(({ generation }) => generation === newest).length
        if (count < fanIn) return
        const merged = tables.slice(0, count)
        const source = new MergingVersions(merged.map(({ reader }) => reader.versions()))
        tables = [yield* makeTable(source, newest + 1), ...tables.slice(count)]
        for (const { reader } of merged) {
          yield* reader.close
          yield* disk.remove(reader.path)
        }
      }
    })

    const encoded = new Uint8Array(64 * 1024)
    const insert = (key: Uint8Array, value: Uint8Array) =>
      Effect.suspend(() => {
        const length = putSize(key.length, value.length)
        const record = length <= encoded.length ? encoded : new Uint8Array(length)
        writePut(record, 0, key, value)
        const valueAt = length - value.length
        sequence++
        const chunks = log.encodeGroup({
          firstSequence: sequence,
          count: 1,
          payload: [record.subarray(0, length)],
          payloadLength: length,
          durableSegment: 0,
          durableOffset: 0
        })
        const { file } = log
        const appended = file.append(chunks)
        return Effect.flatMap(durability === "sync" ? Effect.andThen(appended, file.sync) : appended, () => {
          log.advance()
          memtable.insert(RecordKind.put, record, valueAt - key.length, key.length, valueAt, value.length, sequence)
          return memtable.isFull ? flush : Effect.void
        })
      })

    const find = (key: Uint8Array): Uint8Array | undefined => {
      const version = memtable.find(key, sequence)
      if (version !== 0) {
        const offset = memtable.valueOffsetOf(version)
        return new Uint8Array(memtable.bytes.subarray(offset, offset + memtable.valueLengthOf(version)))
      }
      for (const { reader } of tables) {
        if (reader.get(key, sequence, result) !== TableStatus.found) continue
        return result.valueBuffer.slice(result.valueOffset, result.valueOffset + result.valueLength)
      }
      return undefined
    }

    const store: Store<"effect"> = {
      manner: "effect",
      caller: effectCaller,
      put: (key, value) => lock.during(insert(key, value)),
      get: (key) => lock.during(Effect.sync(() => find(key))),
      getMany: (keys) => lock.during(Effect.sync(() => keys.map(find))),
      scan: (visit) =>
        lock.during(Effect.suspend(() => {
          const source = new MergingVersions([memtable.versions(), ...tables.map(({ reader }) => reader.versions())])
          return eachNewest(source, (key) => {
            const { valueBuffer, valueLength, valueOffset } = source
            visit(key, valueBuffer.slice(valueOffset, valueOffset + valueLength))
            return undefined
          })
        })),
      settled: Effect.void,
      batchBeside: 1
    }
    return store
  }))

/** Opens a new store for the scope. */
export const openBigLock: OpenStore = (options) => Effect.provide(makeStore(options), NodeDisk.layer)
