/** The stores whose files are damaged byte by byte, and what of them must not be lost. */
import { Effect } from "effect"
import { WriteBatch } from "../../../src/index.ts"
import type { Durability } from "../../../src/index.ts"
import type { Compression } from "../../../src/table/Compression.ts"
import { SimulatedDisk } from "../../../src/testing/index.ts"
import { bytesOf, directory, padded, runSeed, segmentFile, withStore } from "../../support/smallStore.ts"
import type { Store, TestOptions } from "../../support/smallStore.ts"
import { sparing } from "./Life.ts"
import { readAll } from "./Reopened.ts"

/** One write to a log, and the bytes that it takes there. */
export interface LoggedWrite {
  readonly segment: string
  readonly start: number
  readonly end: number
  readonly isSynced: boolean
}

/** A disk with a store on it that nobody has open. */
export interface LeftStore {
  readonly name: string
  readonly disk: SimulatedDisk
  readonly options: TestOptions
  /** Keys that were ever written. */
  readonly keys: ReadonlyArray<Uint8Array>
  /**
   * What it holds with so many of the log's writes, from none to all; one that was closed in order has them all and
   * must not lose any.
   */
  readonly digests: ReadonlyArray<string>
  /** In their order; empty if the store was closed in order. */
  readonly log: ReadonlyArray<LoggedWrite>
}

/** Where a file's content ends: zeros may follow it. */
export const contentEnd = (bytes: Uint8Array): number => bytes.findLastIndex((byte) => byte !== 0) + 1

const atOnce = Effect.void

const key = (at: number): Uint8Array => bytesOf(`key/${at}`)

/** A table with puts, overwritten ones and deletes, and as much in the log. */
const fillSmallest = (store: Store) =>
  Effect.gen(function*() {
    for (let at = 0; at < 4; at++) yield* store.put(key(at), padded(String(at), 24))
    yield* store.delete(key(2))
    yield* store.flush
    yield* store.write(WriteBatch.make().put(key(1), padded("new", 12)).delete(key(3)))
    yield* store.put(key(4), bytesOf(""))
  })

/** The smallest store that has everything, closed in order. */
export const smallestStore = (compression: Compression): LeftStore => {
  const disk = SimulatedDisk.make({ delay: atOnce })
  const options: TestOptions = { compression, blockSize: 512, blockCacheSize: 0 }
  const program = withStore(sparing(disk), (store) => Effect.andThen(fillSmallest(store), readAll(store)), options)
  const { digest } = runSeed(program, 1)
  const keys = Array.from({ length: 6 }, (_, at) => key(at))
  return { name: `the smallest store, "${compression}"`, disk, options, keys, digests: [digest], log: [] }
}

/** Memtables may wait for a flush that does not succeed. */
const stalled: TestOptions = { maxImmutables: 5, blockSize: 512, blockCacheSize: 0 }

/**
 * A store with several segments, of which no table was made. `isClosed`: in order;
 * otherwise its process was killed.
 */
export const storeWithSegments = (isClosed: boolean): LeftStore => {
  const disk = SimulatedDisk.make({ delay: atOnce })
  disk.fail({ when: ({ path }) => path.endsWith(".sst"), times: Infinity, code: "ENOSPC" })
  const log: Array<LoggedWrite> = []
  const digests: Array<string> = []
  const ends = new Map<string, number>()
  const levels: ReadonlyArray<Durability> = ["buffered", "sync", "buffered", "buffered"]
  const program = withStore(sparing(disk), (store) =>
    Effect.gen(function*() {
      digests.push((yield* readAll(store)).digest)
      for (let at = 0; at < 18; at++) {
        // The memtable goes to those that wait, and a segment begins.
        if (at % 6 === 5) {
          yield* Effect.forkChild(store.flush, { startImmediately: true })
          yield* Effect.sleep("5 millis")
        }
        const durability = levels[at % levels.length] ?? "sync"
        yield* store.put(key(at % 12), padded(String(at), 40), { durability })
        digests.push((yield* readAll(store)).digest)
        const segment = segmentFile(disk, (yield* store.stats).memtable.segment)
        const end = contentEnd(disk.readFile(`${directory}/${segment}`))
        log.push({ segment, start: ends.get(segment) ?? 0, end, isSynced: durability === "sync" })
        ends.set(segment, end)
      }
      return disk.killImage()
    }), stalled)
  const killed = runSeed(program, 1)
  const common = {
    options: { blockSize: 512, blockCacheSize: 0 },
    keys: Array.from({ length: 13 }, (_, at) => key(at))
  }
  return isClosed
    ? { ...common, name: "a closed store with several segments", disk, digests: digests.slice(-1), log: [] }
    : { ...common, name: "a killed store with several segments", disk: killed, digests, log }
}
