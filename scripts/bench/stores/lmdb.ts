/**
 * LMDB, by `lmdb`. At `"sync"` as it ships: a put is answered once the commit
 * that it went into was synced, one for all of a turn of the event loop. At
 * `"buffered"` nothing is ever synced: a killed process loses nothing, but a
 * power cut may leave no store at all.
 *
 * It has neither a write buffer nor a cache of its own to set: the operating
 * system's memory of the file is both.
 */
import { Effect } from "effect"
import { importPeer } from "./peerModule.ts"
import { plainCaller } from "./plainCaller.ts"
import { untilQuiet } from "./quiet.ts"
import type { OpenStore, Store } from "./Store.ts"

interface Range extends Iterable<{ readonly key: Uint8Array; readonly value: Uint8Array }> {}

interface Lmdb {
  close(): Promise<void>
  put(key: Uint8Array, value: Uint8Array): Promise<boolean>
  batch(action: () => void): Promise<boolean>
  /** In a buffer of its own. */
  getBinary(key: Uint8Array): Uint8Array | undefined
  getRange(options: { start?: Uint8Array; limit?: number }): Range
}

type OpenLmdb = (options: {
  path: string
  encoding: "binary"
  keyEncoding: "binary"
  noSync: boolean
}) => Lmdb

const opener = (open: OpenLmdb): OpenStore => ({ directory, durability }) =>
  Effect.gen(function*() {
    const db = yield* Effect.acquireRelease(
      Effect.sync(() =>
        open({
          path: directory,
          encoding: "binary",
          keyEncoding: "binary",
          noSync: durability !== "sync"
        })
      ),
      (lmdb) => Effect.promise(() => lmdb.close())
    )
    const store: Store<"plain"> = {
      manner: "plain",
      caller: plainCaller,
      put: (key, value) => db.put(key, value),
      write: (keys, values) =>
        db.batch(() => {
          for (let i = 0; i < keys.length; i++) void db.put(keys[i]!, values[i]!)
        }),
      getSync: (key) => db.getBinary(key),
      getMany: (keys) => keys.map((key) => db.getBinary(key)),
      scan: (visit) => {
        for (const { key, value } of db.getRange({})) visit(key, value)
      },
      range: (start, limit, visit) => {
        for (const { key, value } of db.getRange({ start, limit })) visit(key, value)
      },
      settled: untilQuiet,
      batchBeside: 1
    }
    return store
  })

const isOpen = (value: unknown): value is OpenLmdb => typeof value === "function"

export const loadLmdb = async (): Promise<OpenStore> => opener(await importPeer("lmdb", "open", isOpen))
