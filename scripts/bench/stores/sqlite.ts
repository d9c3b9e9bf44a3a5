/**
 * SQLite, by Node's own `node:sqlite`: one table without row ids, and a
 * write-ahead log. All of its calls hold the event loop. At `"sync"` with
 * `synchronous=FULL`, which syncs the log at each commit; at `"buffered"` with
 * `NORMAL`, which syncs it at checkpoints.
 */
import { Effect } from "effect"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { plainCaller } from "./plainCaller.ts"
import { untilQuiet } from "./quiet.ts"
import type { OpenStore, Store, Visit } from "./Store.ts"

const KiB = 1024
const chunk = 1000
const keysPerQuery = 100

const bytesAt = (row: unknown, column: number): Uint8Array | undefined => {
  const value: unknown = Array.isArray(row) ? row[column] : undefined
  return value instanceof Uint8Array ? value : undefined
}

const missing = (): never => {
  throw new TypeError("SQLite gave something that was never put.")
}

/** Returns the last key. */
const visitRows = (rows: ReadonlyArray<unknown>, visit: Visit): Uint8Array => {
  let key: Uint8Array = new Uint8Array(0)
  for (const row of rows) {
    key = bytesAt(row, 0) ?? missing()
    visit(key, bytesAt(row, 1) ?? missing())
  }
  return key
}

const textOf = (key: Uint8Array): string => Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1")

export const openSqlite: OpenStore = ({ cache, directory, durability }) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => new DatabaseSync(join(directory, "bench.db"))),
      (db) => Effect.sync(() => db.close())
    ),
    (db) => {
      db.exec("PRAGMA journal_mode = WAL")
      db.exec(`PRAGMA synchronous = ${durability === "sync" ? "FULL" : "NORMAL"}`)
      if (cache !== undefined) db.exec(`PRAGMA cache_size = ${-Math.round(cache / KiB)}`)
      db.exec("CREATE TABLE IF NOT EXISTS entries(k BLOB PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID")
      const prepare = (text: string) => {
        const statement = db.prepare(text)
        statement.setReturnArrays(true)
        return statement
      }
      const put = prepare("INSERT INTO entries VALUES(?, ?) ON CONFLICT(k) DO UPDATE SET v = excluded.v")
      const get = prepare("SELECT v FROM entries WHERE k = ?")
      const places = Array.from({ length: keysPerQuery }, () => "?").join(", ")
      const getMany = prepare(`SELECT k, v FROM entries WHERE k IN (${places})`)
      const range = prepare("SELECT k, v FROM entries WHERE k >= ? ORDER BY k LIMIT ?")
      const next = prepare("SELECT k, v FROM entries WHERE k > ? ORDER BY k LIMIT ?")
      const getSync = (key: Uint8Array): Uint8Array | undefined => bytesAt(get.get(key), 0)

      const store: Store<"plain"> = {
        manner: "plain",
        caller: plainCaller,
        put: (key, value) => {
          put.run(key, value)
        },
        write: (keys, values) => {
          db.exec("BEGIN")
          for (let i = 0; i < keys.length; i++) put.run(keys[i]!, values[i]!)
          db.exec("COMMIT")
        },
        getSync,
        // In one query, in the order of the table: the keys are looked up again to give them in theirs.
        getMany: (keys) => {
          if (keys.length !== keysPerQuery) return keys.map(getSync)
          const found = new Map<string, Uint8Array>()
          for (const row of getMany.all(...keys)) {
            const key = bytesAt(row, 0) ?? missing()
            found.set(textOf(key), bytesAt(row, 1) ?? missing())
          }
          return keys.map((key) => found.get(textOf(key)))
        },
        scan: (visit) => {
          let last: Uint8Array = new Uint8Array(0)
          for (let rows: ReadonlyArray<unknown>; (rows = next.all(last, chunk)).length > 0;) {
            last = visitRows(rows, visit)
          }
        },
        range: (from, limit, visit) => {
          visitRows(range.all(from, limit), visit)
        },
        compact: () => db.exec("VACUUM"),
        settled: untilQuiet,
        batchBeside: 50
      }
      return store
    }
  )
