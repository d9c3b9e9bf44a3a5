/** Every public operation of a store that a caller can interrupt. */
import { Effect, Stream } from "effect"
import { WriteBatch } from "../../../src/index.ts"
import type { Durability, ReadError, Snapshot, WriteError } from "../../../src/index.ts"
import { bytesOf, padded } from "../../support/smallStore.ts"
import type { Store } from "../../support/smallStore.ts"

/** `turn` gives each try keys of its own. */
export type Operation = (store: Store, turn: number) => Effect.Effect<unknown, ReadError | WriteError>

/** The keys that reads ask for. */
export const someKeys = Array.from({ length: 30 }, (_, at) => bytesOf(`some/${String(at).padStart(2, "0")}`))

const someKey = (turn: number): Uint8Array => someKeys[turn % someKeys.length] ?? bytesOf("some/00")

/** The keys that a write of this turn puts: each with the turn's name for a value, and all of them or none. */
export const turnKeys = (turn: number): readonly [Uint8Array, Uint8Array] => [
  bytesOf(`turn/${turn}/a`),
  bytesOf(`turn/${turn}/b`)
]

const put = (durability: Durability): Operation => (store, turn) =>
  store.put(turnKeys(turn)[0], padded(String(turn), 2_000), { durability })

const write = (between: number, durability: Durability): Operation => (store, turn) => {
  const [first, last] = turnKeys(turn)
  const batch = WriteBatch.make().put(first, padded(String(turn), 100))
  for (let at = 0; at < between; at++) batch.put(bytesOf("large"), padded("large", 2_500))
  return store.write(batch.put(last, padded(String(turn), 100)), { durability })
}

const onSnapshot =
  (read: (snapshot: Snapshot, turn: number) => Effect.Effect<unknown, ReadError>): Operation => (store, turn) =>
    Effect.scoped(Effect.flatMap(store.snapshot, (snapshot) => read(snapshot, turn)))

const range = { prefix: bytesOf("some/") }

/** They write both keys of a turn, or neither. */
export const batchWrites: { readonly [name: string]: Operation } = {
  "write": write(0, "sync"),
  "buffered write": write(0, "buffered"),
  "async write": write(0, "async"),
  "large write": write(40, "sync")
}

export const operations: { readonly [name: string]: Operation } = {
  "put": put("sync"),
  "buffered put": put("buffered"),
  "async put": put("async"),
  ...batchWrites,
  "delete": (store, turn) => store.delete(bytesOf(`gone/${turn % 3}`)),
  "get": (store, turn) => store.get(someKey(turn)),
  "has": (store, turn) => store.has(someKey(turn)),
  "getMany": (store) => store.getMany(someKeys),
  "scan": (store) => Stream.runCollect(store.scan(range)),
  // Its consumer takes its time: the scan is interrupted between two chunks, or in the middle of one.
  "slow scan": (store) =>
    Stream.runForEach(store.scan({ ...range, reverse: true }), () => Effect.andThen(Effect.yieldNow, Effect.yieldNow)),
  "get of a snapshot": onSnapshot((snapshot, turn) =>
    Effect.andThen(snapshot.get(someKey(turn)), snapshot.has(someKey(turn)))
  ),
  "getMany of a snapshot": onSnapshot((snapshot) => snapshot.getMany(someKeys)),
  "scan of a snapshot": onSnapshot((snapshot) => Stream.runCollect(snapshot.scan({ reverse: true }))),
  "sync": (store) =>
    Effect.andThen(store.put(bytesOf("synced"), padded("synced", 50), { durability: "async" }), store.sync),
  "flush": (store, turn) => Effect.andThen(store.put(bytesOf("flushed"), padded(String(turn), 500)), store.flush),
  "compact": (store) => store.compact(),
  "compact of a range": (store, turn) =>
    Effect.andThen(
      Effect.andThen(store.put(bytesOf("some/compacted"), padded(String(turn), 500)), store.flush),
      store.compact(range)
    ),
  "stats": (store) => store.stats,
  "events": (store) => Stream.runDrain(Stream.take(store.events, 2))
}
