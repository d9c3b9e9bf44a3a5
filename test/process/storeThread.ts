/**
 * Thread: opens a store, tells how it went, and holds it until it gets a message.
 * Without one it can be terminated with the store open.
 */
import { Effect } from "effect"
import { once } from "node:events"
import { parentPort, workerData } from "node:worker_threads"
import { LsmStore } from "../../src/index.ts"
import { NodeLsmStore } from "../../src/node/index.ts"
import { bytes } from "../store/storeHelpers.ts"

const port = parentPort
const options: unknown = workerData
if (port === null || !isOptions(options)) throw new Error("This is a thread with a directory.")

function isOptions(data: unknown): data is { readonly directory: string; readonly readOnly: boolean } {
  return data instanceof Object && "directory" in data && "readOnly" in data
}

const { readOnly } = options
const hold = Effect.gen(function*() {
  const store = yield* LsmStore
  if (!readOnly) yield* store.put(bytes("thread"), bytes("1"), { durability: "buffered" })
  port.postMessage("open")
  yield* Effect.promise(() => once(port, "message"))
})

await Effect.runPromise(
  hold.pipe(
    Effect.provide(NodeLsmStore.layer({ ...options, workers: 0 })),
    Effect.catch((error) => Effect.sync(() => port.postMessage(error._tag)))
  )
)
port.close()
