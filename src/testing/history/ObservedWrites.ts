/** The writes of a store, each taken down from its beginning to its end, with how it ended. */
import { Cause, Effect, Exit, Option } from "effect"
import type { Commit } from "../../engine/CommitRequest.ts"
import type { LsmStore, WriteOptions } from "../../LsmStore.ts"
import { RecordReader } from "../../record/RecordCodec.ts"
import { RecordKind } from "../../record/RecordKind.ts"
import { InvalidArgument } from "../../StoreError.ts"
import type { WriteError } from "../../StoreError.ts"
import { isDurability } from "../../StoreOptions.ts"
import type { Durability } from "../../StoreOptions.ts"
import { batchContent, isWriteBatch } from "../../WriteBatch.ts"
import type { WriteBatch } from "../../WriteBatch.ts"
import { absent, findingOf, isKey, isValue, keyOf } from "./Content.ts"
import type { Key, Value } from "./Content.ts"
import type { HistoryLog, Outcome } from "./HistoryLog.ts"

type Store = LsmStore["Service"]

export type StoreWrites = Pick<Store, "put" | "delete" | "write" | "sync" | "flush">

/** How a write that did not succeed has ended. */
const failedOutcome = (cause: Cause.Cause<WriteError>): Outcome => {
  if (Cause.hasInterrupts(cause) || Cause.hasDies(cause)) return "unknown"
  const error = Option.getOrUndefined(Cause.findErrorOption(cause))
  switch (error?._tag) {
    case "InvalidArgument":
    case "StoreClosed":
      return "refused"
    case "StoreReadOnly":
      return error.cause === "option" ? "refused" : "failed"
    default:
      return "unknown"
  }
}

/** What a batch leaves in each of its keys; undefined if the store refuses the batch. */
const changesOf = (batch: WriteBatch): ReadonlyMap<Key, Value> | undefined => {
  const content = isWriteBatch(batch) ? batchContent(batch) : undefined
  if (content === undefined || content instanceof InvalidArgument) return undefined
  const changes = new Map<Key, Value>()
  const record = new RecordReader()
  for (const { buffer, end, start } of content.ranges) {
    for (let next = record.read(buffer, start, end); next >= 0; next = record.read(buffer, next, end)) {
      const key = buffer.subarray(record.keyOffset, record.keyOffset + record.keyLength)
      const value = buffer.subarray(record.valueOffset, record.valueOffset + record.valueLength)
      changes.set(keyOf(key), record.kind === RecordKind.put ? findingOf(value) : absent)
    }
  }
  return changes
}

export const observedWrites = (store: Store, log: HistoryLog, storeLevel: Durability): StoreWrites => {
  const recorded = <A>(
    changes: ReadonlyMap<Key, Value>,
    records: number,
    options: WriteOptions | undefined,
    write: Effect.Effect<A, WriteError>,
    sequenceOf: (answer: A) => number | undefined
  ): Effect.Effect<A, WriteError> => {
    const level = isDurability(options?.durability) ? options.durability : storeLevel
    const begun = log.begin(changes, records, level)
    return Effect.onExit(write, (exit) => {
      if (Exit.isSuccess(exit)) log.end(begun, "acknowledged", sequenceOf(exit.value))
      else log.end(begun, failedOutcome(exit.cause))
      return Effect.void
    })
  }
  const change = (
    key: Uint8Array,
    value: () => Value | undefined,
    options: WriteOptions | undefined,
    write: Effect.Effect<void, WriteError>
  ): Effect.Effect<void, WriteError> =>
    Effect.suspend(() => {
      const becomes = isKey(key) ? value() : undefined
      return becomes === undefined
        ? write
        : recorded(new Map([[keyOf(key), becomes]]), 1, options, write, () => undefined)
    })
  const barrier = (call: Effect.Effect<void, WriteError>): Effect.Effect<void, WriteError> =>
    Effect.suspend(() => {
      const begun = log.tick()
      return Effect.onExit(call, (exit) => {
        if (Exit.isSuccess(exit)) log.barriers.push({ begun, ended: log.tick() })
        return Effect.void
      })
    })
  const commit = (batch: WriteBatch, options: WriteOptions | undefined): Effect.Effect<Commit, WriteError> =>
    Effect.suspend(() => {
      const write = store.write(batch, options)
      const changes = changesOf(batch)
      // An empty batch is no commit.
      return changes === undefined || changes.size === 0
        ? write
        : recorded(changes, batch.size, options, write, ({ sequence }) => sequence)
    })
  return {
    put: (key, value, options) =>
      change(key, () => isValue(value) ? findingOf(value) : undefined, options, store.put(key, value, options)),
    delete: (key, options) => change(key, () => absent, options, store.delete(key, options)),
    write: commit,
    sync: barrier(store.sync),
    flush: barrier(store.flush)
  }
}
