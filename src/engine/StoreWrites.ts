/**
 * The writing half of the public face: checks arguments, copies bytes, and hands
 * requests to the Wal, the coordinator and the compactor (I12, I14).
 *
 * A write is one callback effect: no generator and no queue operation a key.
 */
import { Effect, Exit, TxRef } from "effect"
import type { KeyRange } from "../Snapshot.ts"
import { InvalidArgument } from "../StoreError.ts"
import type { WriteError } from "../StoreError.ts"
import { isDurability } from "../StoreOptions.ts"
import type { Durability } from "../StoreOptions.ts"
import { batchContent, isWriteBatch, keyProblem, sealBatch, valueProblem } from "../WriteBatch.ts"
import type { WriteBatch } from "../WriteBatch.ts"
import { levelOf } from "./CommitRequest.ts"
import type { Commit } from "./CommitRequest.ts"
import type { Engine } from "./Engine.ts"
import type { EngineStateShape } from "./EngineState.ts"
import { scanRange } from "./ScanRange.ts"

interface LevelOption {
  readonly durability?: Durability | undefined
}

export interface StoreWrites {
  readonly put: (key: Uint8Array, value: Uint8Array, options?: LevelOption) => Effect.Effect<void, WriteError>
  readonly delete: (key: Uint8Array, options?: LevelOption) => Effect.Effect<void, WriteError>
  readonly write: (batch: WriteBatch, options?: LevelOption) => Effect.Effect<Commit, WriteError>
  readonly sync: Effect.Effect<void, WriteError>
  readonly flush: Effect.Effect<void, WriteError>
  readonly compact: (range?: KeyRange) => Effect.Effect<void, WriteError>
}

/** Why no write is taken now, or undefined. */
const writeRefusal = (state: EngineStateShape): WriteError | undefined =>
  state.status.value.closed ?? state.status.value.readOnly

const invalid = (argument: string, reason: string) => Exit.fail(new InvalidArgument({ argument, reason }))

/** Ends with `StoreClosed` if the store begins to close before the effect ends. */
const untilClosed = <A, E>(state: EngineStateShape, effect: Effect.Effect<A, E>): Effect.Effect<A, E | WriteError> =>
  Effect.raceFirst(
    effect,
    Effect.tx(
      Effect.flatMap(
        TxRef.get(state.status),
        ({ closed }) => closed === undefined ? Effect.txRetry : Effect.fail(closed)
      )
    )
  )

export const makeStoreWrites = ({ state, writer }: Engine): StoreWrites => {
  const storeLevel = levelOf[state.options.durability]
  if (writer === undefined) {
    const refuse = Effect.suspend(() => Effect.fail(writeRefusal(state)!))
    return {
      put: () => refuse,
      delete: () => refuse,
      write: () => refuse,
      sync: refuse,
      flush: refuse,
      compact: () => refuse
    }
  }
  const { compactor, coordinator, flusher, wal } = writer
  const { mailbox } = wal

  /** The level to write at, or -1 if it is none. */
  const levelFor = (options: LevelOption | undefined): number => {
    const level = options?.durability
    if (level === undefined) return storeLevel
    return isDurability(level) ? levelOf[level] : -1
  }
  const badLevel = invalid("durability", `must be "sync", "buffered" or "async"`)

  const put: StoreWrites["put"] = (key, value, options) =>
    Effect.callback<void, WriteError>((resume) => {
      const refusal = writeRefusal(state) ?? mailbox.refusal
      if (refusal !== undefined) return resume(Exit.fail(refusal))
      const wrongKey = keyProblem(key)
      if (wrongKey !== undefined) return resume(invalid("key", wrongKey))
      const wrongValue = valueProblem(value)
      if (wrongValue !== undefined) return resume(invalid("value", wrongValue))
      const level = levelFor(options)
      if (level < 0) return resume(badLevel)
      if (level === levelOf.async && wal.putNow(key, value)) return resume(Exit.void)
      return mailbox.offerPut(key, value, level, resume)
    })

  const remove: StoreWrites["delete"] = (key, options) =>
    Effect.callback<void, WriteError>((resume) => {
      const refusal = writeRefusal(state) ?? mailbox.refusal
      if (refusal !== undefined) return resume(Exit.fail(refusal))
      const wrongKey = keyProblem(key)
      if (wrongKey !== undefined) return resume(invalid("key", wrongKey))
      const level = levelFor(options)
      if (level < 0) return resume(badLevel)
      if (level === levelOf.async && wal.deleteNow(key)) return resume(Exit.void)
      return mailbox.offerDelete(key, level, resume)
    })

  const write: StoreWrites["write"] = (batch, options) =>
    Effect.callback<Commit, WriteError>((resume) => {
      const refusal = writeRefusal(state) ?? mailbox.refusal
      if (refusal !== undefined) return resume(Exit.fail(refusal))
      if (!isWriteBatch(batch)) return resume(invalid("batch", "must be made by WriteBatch.make"))
      const content = batchContent(batch)
      if (content instanceof InvalidArgument) return resume(Exit.fail(content))
      const level = levelFor(options)
      if (level < 0) return resume(badLevel)
      sealBatch(batch)
      if (content.records === 0) return resume(Exit.succeed({ sequence: state.visible }))
      if (level === levelOf.async) {
        const sequence = wal.writeNow(content)
        if (sequence >= 0) return resume(Exit.succeed({ sequence }))
      }
      const { bytes, ranges, records } = content
      return mailbox.offerBatch(ranges, records, bytes, level, { reply: resume, batch })
    })

  const flush = Effect.suspend(() => {
    const target = state.visible
    const rotate = Effect.suspend(() => {
      const { active } = state.view.value
      return active.index.isEmpty || active.index.firstSequence > target ? Effect.void : coordinator.rotate(active)
    })
    const drained = Effect.tx(Effect.gen(function*() {
      const { readOnly } = yield* TxRef.get(state.status)
      const view = yield* TxRef.get(state.view)
      const isPending = view.immutables.some(({ index }) => !index.isEmpty && index.firstSequence <= target)
      if (!isPending) return
      return yield* readOnly === undefined ? Effect.txRetry : Effect.fail(readOnly)
    }))
    return Effect.andThen(
      Effect.tap(rotate, () => Effect.sync(() => flusher.drain())),
      drained
    )
  })

  /** It ends after a yield, so that its caller's observers do not run in the stretch of an actor that woke it. */
  const refusable = <A>(effect: Effect.Effect<A, WriteError>): Effect.Effect<A, WriteError> =>
    Effect.suspend(() => {
      const refusal = writeRefusal(state)
      return refusal === undefined
        ? Effect.onExit(untilClosed(state, effect), () => Effect.yieldNow)
        : Effect.fail(refusal)
    })

  return {
    put,
    delete: remove,
    write,
    sync: Effect.suspend(() => {
      const refusal = writeRefusal(state)
      return refusal === undefined ? wal.sync : Effect.fail(refusal)
    }),
    flush: refusable(flush),
    compact: (range) =>
      Effect.suspend(() => {
        const bounds = scanRange(range)
        return "_tag" in bounds ? Effect.fail(bounds) : refusable(compactor.compact(bounds))
      })
  }
}
