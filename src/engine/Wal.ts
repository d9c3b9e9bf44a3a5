/**
 * The write-ahead log as an actor: group commit, and with it the one order of
 * log, sequences and visibility (I1, I3, I5, I6, I12, I14).
 *
 * One fiber takes all that waits in the mailbox as one group, with one permit of
 * the gate. What is true after each step:
 *   1. sequences assigned   nobody sees anything; only a stop of writes undoes it
 *   2. appended             survives a killed process
 *   3. synced               survives a power cut; only if the group asks for it. Then this store must still own its
 *                           directory, or nobody may ever read what was synced (I26)
 *   4. in the memtable      above the visible sequence, so still unseen; a group of some length enters it during 3
 *   5. visible              in one step for the whole group
 *   6. acknowledged, then the permit goes back
 * A group that is wholly `"async"` does 4 and 5 and is acknowledged before 2. A
 * failed append or sync, and a defect, stop writes for good.
 *
 * An `"async"` write that meets an idle log is applied at once in its caller's
 * fiber; its records wait in the backlog, which holds a permit of its own and
 * is appended before any later group.
 */
import { Context, Effect, Exit, Fiber, Latch, Layer } from "effect"
import type { Scope } from "effect"
import { Jobs } from "../jobs/Jobs.ts"
import type { DiskError, StoreFenced, WriteError } from "../StoreError.ts"
import type { Durability } from "../StoreOptions.ts"
import type { BatchContent } from "../WriteBatch.ts"
import { stopReason } from "./Actor.ts"
import { StoreActorHook } from "./ActorHook.ts"
import { AsyncBacklog } from "./AsyncBacklog.ts"
import { durabilityOf, levelOf, rangesOf } from "./CommitRequest.ts"
import type { CommitRequest } from "./CommitRequest.ts"
import { EngineState } from "./EngineState.ts"
import { LogTail } from "./LogTail.ts"
import { Mailbox } from "./Mailbox.ts"
import type { CommitGroup } from "./Mailbox.ts"
import { Manifest } from "./Manifest.ts"
import type { Memtable } from "./Memtable.ts"
import { MemtableWriter } from "./MemtableWriter.ts"
import { Pacing } from "./Pacing.ts"
import { RotationCoordinator } from "./RotationCoordinator.ts"
import { inSpan, spansAreSeen } from "./Spans.ts"

/** Most bytes that wait in the mailbox, unless a memtable is smaller. */
const mailboxBytes = 8 * 1024 * 1024
/**
 * From so many records on, a group enters the memtable while its sync is under
 * way rather than after it: above the visible sequence no reader sees it, and if
 * the sync fails no table takes it, since writes have stopped.
 */
const insertDuringSync = 16

type LogError = DiskError | StoreFenced

export class Wal extends Context.Service<Wal, {
  readonly mailbox: Mailbox
  /**
   * Apply an `"async"` write at once if the log is idle and the memtable has
   * room. Where they do not, the write must go through the mailbox.
   */
  readonly putNow: (key: Uint8Array, value: Uint8Array) => boolean
  readonly deleteNow: (key: Uint8Array) => boolean
  /** Returns the batch's last sequence, or -1. */
  readonly writeNow: (content: BatchContent) => number
  /** All that was acknowledged before is durable when it returns. */
  readonly sync: Effect.Effect<void, WriteError>
}>()("effect-lsm/engine/Wal") {
  static readonly layer: Layer.Layer<Wal, never, EngineState | RotationCoordinator | Manifest | Jobs> = Layer.effect(
    Wal,
    Effect.suspend(() => makeWal)
  )
}

const makeWal: Effect.Effect<Wal["Service"], never, EngineState | RotationCoordinator | Manifest | Jobs | Scope.Scope> =
  Effect
    .gen(function*() {
      const engine = yield* EngineState
      const coordinator = yield* RotationCoordinator
      const manifest = yield* Manifest
      const { options } = engine
      const { gate } = coordinator
      const fence = engine.ownership
      const mailbox = new Mailbox(Math.min(mailboxBytes, options.memtableSize))
      const tail = new LogTail(engine.view.value.active.segment, engine.counters)
      const writer = new MemtableWriter()
      const jobs = yield* Jobs
      const pacing = new Pacing(engine, jobs, yield* Effect.clockWith(Effect.succeed))
      /** Open while an `"async"` write is in the log and not synced. */
      const unsynced = yield* Latch.make(false)
      /** A write is under way. It stays so after a failure: nothing is to be taken while writes are being stopped. */
      let isCommitting = false
      let group: CommitGroup | undefined
      const backlog = new AsyncBacklog(
        engine,
        gate,
        writer,
        () => !isCommitting && !pacing.isSlowing && mailbox.isEmpty && mailbox.refusal === undefined
      )
      engine.onWritesStopped.push((error) => mailbox.refuseAll(error))

      const afterInsert = (memtable: Memtable): void => {
        const { index } = memtable
        if (index.isFull) coordinator.request(memtable)
        else if (index.usedBytes * 2 > index.limit) {
          coordinator.prepare(memtable)
          jobs.prepareFlush()
        }
      }

      const acknowledge = (requests: ReadonlyArray<CommitRequest>, firstSequence: number): void => {
        let sequence = firstSequence - 1
        for (const request of requests) {
          sequence += request.records
          request.acknowledge(sequence)
        }
      }

      const hook = yield* StoreActorHook
      let groupsBegun = 0
      const hooked = <E>(write: Effect.Effect<void, E>): Effect.Effect<void, E> =>
        hook === undefined ? write : Effect.suspend(() => {
          hook("Wal", groupsBegun++)
          return write
        })
      const tracesGroups = yield* spansAreSeen
      const inGroupSpan = (
        memtable: Memtable,
        written: { readonly records: number; readonly bytes: number },
        durability: Durability,
        write: Effect.Effect<void, LogError>
      ): Effect.Effect<void, LogError> => {
        if (!tracesGroups || written.records === 0) return write
        const { bytes, records } = written
        const attributes = { store: options.directory, segment: memtable.segment.number, records, bytes, durability }
        return inSpan("commit", { root: true, attributes }, () => write)
      }

      const commit = Effect.fnUntraced(function*(memtable: Memtable, taken: CommitGroup) {
        const { bytes, level, records, requests } = taken
        if (engine.assigned + records > Number.MAX_SAFE_INTEGER) throw new Error("there are no sequences left")
        const first = engine.assigned + 1
        engine.assigned += records
        const ranges = rangesOf(requests)
        const isEarly = level === levelOf.async && records > 0

        const show = () => {
          group = undefined
          engine.visible = first + records - 1
          acknowledge(requests, first)
        }
        if (isEarly) {
          const lost = fence.lookIfDue()
          if (lost !== undefined) return yield* lost
          yield* writer.insert(memtable, ranges, first, records, bytes)
          show()
        }
        if (records > 0) yield* tail.append(memtable.segment, ranges, first, records, bytes)
        if (!isEarly) {
          const isSync = level === levelOf.sync
          const syncing = isSync && records >= insertDuringSync
            ? yield* Effect.forkChild(tail.sync, { startImmediately: true, uninterruptible: true })
            : undefined
          if (isSync && syncing === undefined) yield* tail.sync
          yield* writer.insert(memtable, ranges, first, records, bytes)
          if (syncing !== undefined) yield* Fiber.join(syncing)
          const lost = isSync ? fence.lookAfterSync() : fence.lookIfDue()
          if (lost !== undefined) return yield* lost
          show()
        }
        if (tail.isDurable) unsynced.closeUnsafe()
        else if (taken.hasAsync) unsynced.openUnsafe()
        if (records > 0) afterInsert(memtable)
        mailbox.recycle(taken)
      })

      /** Runs a write under a permit that was taken for it, and gives the permit back. */
      const underPermit = (write: Effect.Effect<void, LogError>): Effect.Effect<void, LogError> => {
        isCommitting = true
        return Effect.onExit(hooked(write), (exit) =>
          Effect.sync(() => {
            isCommitting = Exit.isFailure(exit)
            gate.release()
          }))
      }

      const commitNext: Effect.Effect<void, LogError> = Effect.suspend(() => {
        const memtable = engine.view.value.active
        if (!gate.tryAcquire()) return gate.awaitOpen
        const taken = mailbox.take(memtable.index)
        if (taken === undefined) {
          gate.release()
          return makeRoom(memtable)
        }
        if (taken.requests.length === 0) {
          gate.release()
          return Effect.void
        }
        group = taken
        pacing.charge(taken.bytes)
        return underPermit(inGroupSpan(memtable, taken, durabilityOf[taken.level]!, commit(memtable, taken)))
      })

      /** Nothing is written while writers wait for a flush: what was acknowledged must not wait so long for its sync. */
      const makeRoom = (memtable: Memtable): Effect.Effect<void, LogError> =>
        Effect.andThen(
          engine.view.value.rotated >= options.maxImmutables ? tail.sync : Effect.void,
          Effect.catch(coordinator.rotate(memtable, mailbox.firstNeeds()), (error) =>
            Effect.sync(() => {
              // A stop of writes has emptied the mailbox already.
              if (error._tag === "InvalidArgument") mailbox.refuseFirst(error)
            }))
        )

      const commitBacklog: Effect.Effect<void, LogError> = Effect.suspend(() => {
        const pending = backlog.take()
        if (pending === undefined) return Effect.void
        const { bytes, firstSequence, memtable, ranges, records } = pending
        pacing.charge(bytes)
        const append = Effect.map(tail.append(memtable.segment, ranges, firstSequence, records, bytes), () => {
          unsynced.openUnsafe()
          afterInsert(memtable)
        })
        return underPermit(inGroupSpan(memtable, pending, "async", append))
      })

      const loop = Effect.gen(function*() {
        for (;;) {
          mailbox.clearSignal()
          if (!backlog.isEmpty) yield* commitBacklog
          else if (!mailbox.isEmpty) yield* Effect.andThen(pacing.wait, commitNext)
          else if (mailbox.refusal !== undefined) return yield* tail.sync
          else yield* mailbox.awaitWork
          if (!mailbox.isEmpty) yield* Effect.yieldNow
        }
      })

      let state: "idle" | "failed" | "stopped" = "idle"
      const fiber = yield* Effect.forkScoped(Effect.uninterruptible(
        Effect.matchCauseEffect(loop, {
          onFailure: (cause) =>
            Effect.gen(function*() {
              state = "failed"
              const failed = group
              group = undefined
              const error = yield* engine.stopWrites(stopReason("the log was not written", cause))
              for (const request of failed?.requests ?? []) request.refuse(error)
            }),
          onSuccess: () =>
            Effect.sync(() => {
              state = "stopped"
            })
        })
      ))
      engine.actors.push(() => ({
        name: "Wal",
        state: isCommitting && state === "idle" ? "working" : state,
        restarts: 0,
        queued: mailbox.size
      }))

      const requestSync = (waiter: CommitRequest["waiter"]): CommitRequest =>
        mailbox.offerBatch([], 0, 0, levelOf.sync, waiter)

      yield* Effect.forkScoped(Effect.forever(Effect.gen(function*() {
        yield* unsynced.await
        yield* Effect.sleep(options.syncInterval / 2)
        if (!tail.isDurable) void requestSync(undefined)
        yield* unsynced.close
      })))

      yield* Effect.addFinalizer(() =>
        Effect.gen(function*() {
          mailbox.refuseLater(yield* engine.close)
          pacing.lift()
          yield* coordinator.liftBound
          yield* Fiber.await(fiber)
          if (state === "failed") return
          yield* Effect.ignore(manifest.append({ _tag: "CleanlyClosed", ...tail.durableEnd }))
        })
      )

      /** The Wal is told, and appends what is in the backlog. */
      const waking = (isApplied: boolean): boolean => {
        if (isApplied) mailbox.wake()
        return isApplied
      }

      return Wal.of({
        mailbox,
        putNow: (key, value) => waking(backlog.put(key, value)),
        deleteNow: (key) => waking(backlog.delete(key)),
        writeNow: (content) => waking(backlog.write(content)) ? engine.visible : -1,
        sync: Effect.callback<void, WriteError>((resume) => {
          const { refusal } = mailbox
          if (refusal !== undefined) return resume(Exit.fail(refusal))
          // What waits in the mailbox is not acknowledged, and may wait for a flush.
          const isDone = !isCommitting && backlog.isEmpty && tail.isDurable
          if (isDone && fence.look() === undefined) return resume(Exit.void)
          return requestSync(resume)
        })
      })
    })
