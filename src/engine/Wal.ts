/**
 * The write-ahead log as an actor: group commit, and with it the one order of
 * log, sequences and visibility (I1, I3, I5, I6, I12, I14).
 *
 * One fiber takes all that waits in the mailbox as one group, with one permit of
 * the gate. What is true after each step:
 *   1. sequences assigned   nobody sees anything; only a stop of writes undoes it
 *   2. appended             survives a killed process
 *   3. synced               survives a power cut; only if the group asks for it
 *   4. in the memtable      above the visible sequence, so still unseen
 *   5. visible              in one step for the whole group
 *   6. acknowledged, then the permit goes back
 * A group that is wholly `"async"` does 4, 5 and 6 before 2. A failed append or
 * sync, and a defect, stop writes for good.
 *
 * An `"async"` write that meets an idle log is applied at once in its caller's
 * fiber; its records wait in the backlog, which holds a permit of its own and
 * is appended before any later group.
 */
import { Context, Effect, Exit, Fiber, Latch, Layer } from "effect"
import type { Scope } from "effect"
import { largeGroupLength } from "../log/SegmentWriter.ts"
import { copyRange } from "../record/Bytes.ts"
import { deleteSize, putSize, RecordReader, writeDelete, writePut } from "../record/RecordCodec.ts"
import type { DiskError, StoreReadOnly, WriteError } from "../StoreError.ts"
import type { BatchContent, EncodedRange } from "../WriteBatch.ts"
import { describeCause } from "./Actor.ts"
import { levelOf } from "./CommitRequest.ts"
import type { CommitRequest } from "./CommitRequest.ts"
import { EngineState } from "./EngineState.ts"
import { Mailbox } from "./Mailbox.ts"
import type { CommitGroup } from "./Mailbox.ts"
import { Manifest } from "./Manifest.ts"
import type { Memtable } from "./Memtable.ts"
import { RotationCoordinator } from "./RotationCoordinator.ts"
import type { Segment } from "./Segment.ts"

/** Most bytes that wait in the mailbox, unless a memtable is smaller. */
const mailboxBytes = 8 * 1024 * 1024
/**
 * From so many records on, a group enters the memtable while its sync is under
 * way rather than after it: above the visible sequence no reader sees it, and if
 * the sync fails no table takes it, since writes have stopped.
 */
const insertDuringSync = 16
/** Most bytes that wait in the backlog of applied `"async"` writes. */
const backlogBytes = 1024 * 1024
/** Records, and bytes, put into a memtable without a yield: about half a millisecond. */
const recordsPerSlice = 1024
const bytesPerSlice = 256 * 1024

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
  static readonly layer: Layer.Layer<Wal, never, EngineState | RotationCoordinator | Manifest> = Layer.effect(
    Wal,
    Effect.suspend(() => makeWal)
  )
}

/** Records that are visible and not yet in the log. */
interface Backlog {
  readonly memtable: Memtable
  readonly firstSequence: number
  readonly ranges: Array<EncodedRange>
  records: number
  bytes: number
}

const makeWal: Effect.Effect<Wal["Service"], never, EngineState | RotationCoordinator | Manifest | Scope.Scope> = Effect
  .gen(
    function*() {
      const engine = yield* EngineState
      const coordinator = yield* RotationCoordinator
      const manifest = yield* Manifest
      const { counters, options } = engine
      const mailbox = new Mailbox(Math.min(mailboxBytes, options.memtableSize))
      const reader = new RecordReader()
      const unsynced = yield* Latch.make(false)
      engine.onWritesStopped.push((error) => mailbox.refuseAll(error))

      /** The segment that took the last group, and those before it that are not durable. */
      let segment: Segment = engine.view.value.active.segment
      const behind: Array<Segment> = []
      let durable = { segment: segment.number, offset: segment.durableOffset }
      let backlog: Backlog | undefined
      const backlogBuffer = new Uint8Array(backlogBytes)
      let backlogUsed = 0
      /** A write is under way. It stays so after a failure: nothing is to be taken while writes are being stopped. */
      let isCommitting = false
      let group: CommitGroup | undefined

      // ---- the memtable's side

      const insertRange = (
        memtable: Memtable,
        range: EncodedRange,
        from: number,
        sequence: number,
        maxRecords: number
      ): { readonly at: number; readonly sequence: number } => {
        const { index } = memtable
        const { buffer, end } = range
        const stop = Math.min(end, from + bytesPerSlice)
        let at = from
        let next = sequence
        for (let left = maxRecords; at < stop && left > 0; left--) {
          at = reader.read(buffer, at, end)
          if (at < 0) throw new Error("A queued write is not a record.")
          index.insert(
            reader.kind,
            buffer,
            reader.keyOffset,
            reader.keyLength,
            reader.valueOffset,
            reader.valueLength,
            next++
          )
        }
        return { at, sequence: next }
      }

      const insertSlowly = (memtable: Memtable, ranges: ReadonlyArray<EncodedRange>, firstSequence: number) =>
        Effect.gen(function*() {
          let sequence = firstSequence
          for (const range of ranges) {
            for (let at = range.start; at < range.end;) {
              const done = insertRange(memtable, range, at, sequence, recordsPerSlice)
              at = done.at
              sequence = done.sequence
              if (at < range.end) yield* Effect.yieldNow
            }
          }
        })

      const insert = (
        memtable: Memtable,
        ranges: ReadonlyArray<EncodedRange>,
        firstSequence: number,
        records: number,
        bytes: number
      ): Effect.Effect<void> | undefined => {
        if (records > recordsPerSlice || bytes > bytesPerSlice) return insertSlowly(memtable, ranges, firstSequence)
        let sequence = firstSequence
        for (const range of ranges) sequence = insertRange(memtable, range, range.start, sequence, records).sequence
        return undefined
      }

      const afterInsert = (memtable: Memtable): void => {
        const { index } = memtable
        if (index.isFull) coordinator.request(memtable)
        else if (index.usedBytes * 2 > index.limit) coordinator.prepare(memtable)
      }

      // ---- the log's side

      const append = (
        memtable: Memtable,
        ranges: ReadonlyArray<EncodedRange>,
        firstSequence: number,
        records: number,
        bytes: number
      ) =>
        Effect.suspend(() => {
          if (memtable.segment !== segment) {
            if (!segment.isDurable) behind.push(segment)
            segment = memtable.segment
          }
          const { writer } = segment
          const input = {
            firstSequence,
            count: records,
            payload: ranges.map((range) => range.buffer.subarray(range.start, range.end)),
            payloadLength: bytes,
            durableSegment: durable.segment,
            durableOffset: durable.offset
          }
          counters.groups++
          counters.records += records
          counters.logBytes += bytes
          if (records > counters.largestGroup) counters.largestGroup = records
          const written = bytes <= largeGroupLength
            ? writer.file.append(writer.encodeGroup(input))
            : Effect.flatMap(writer.encodeLargeGroup(input), (chunks) => writer.file.append(chunks))
          return Effect.map(written, () => writer.advance())
        })

      /** Older segments first: a durable record in one implies that all before it are durable (I6). */
      const syncAll: Effect.Effect<void, DiskError> = Effect.suspend(() => {
        if (behind.length === 0 && segment.isDurable) return Effect.void
        return Effect.gen(function*() {
          counters.syncs++
          while (behind.length > 0) {
            yield* behind[0]!.sync
            behind.shift()
          }
          yield* segment.sync
          durable = { segment: segment.number, offset: segment.durableOffset }
          unsynced.closeUnsafe()
        })
      })

      const acknowledge = (requests: ReadonlyArray<CommitRequest>, firstSequence: number): void => {
        let sequence = firstSequence - 1
        for (const request of requests) {
          sequence += request.records
          request.acknowledge(sequence)
        }
      }

      const rangesOf = (requests: ReadonlyArray<CommitRequest>): Array<EncodedRange> => {
        const ranges: Array<EncodedRange> = []
        let buffer: Uint8Array | undefined
        let start = 0
        let end = 0
        for (const { content } of requests) {
          if ("buffer" in content) {
            if (content.buffer === buffer && content.start === end) {
              end = content.end
              continue
            }
            if (buffer !== undefined) ranges.push({ buffer, start, end })
            buffer = content.buffer
            start = content.start
            end = content.end
          } else {
            if (buffer !== undefined) ranges.push({ buffer, start, end })
            buffer = undefined
            for (const range of content) ranges.push(range)
          }
        }
        if (buffer !== undefined) ranges.push({ buffer, start, end })
        return ranges
      }

      const commit = Effect.fnUntraced(function*(memtable: Memtable, taken: CommitGroup) {
        const { bytes, records, requests } = taken
        if (engine.assigned + records > Number.MAX_SAFE_INTEGER) throw new Error("there are no sequences left")
        const first = engine.assigned + 1
        engine.assigned += records
        const ranges = rangesOf(requests)
        const isEarly = taken.level === levelOf.async && records > 0

        const showGroup = () => {
          engine.visible = first + records - 1
          acknowledge(requests, first)
        }
        if (isEarly) {
          const slow = insert(memtable, ranges, first, records, bytes)
          if (slow !== undefined) yield* slow
          group = undefined
          showGroup()
        }
        if (records > 0) yield* append(memtable, ranges, first, records, bytes)
        if (!isEarly) {
          const isLarge = records >= insertDuringSync
          const syncing = taken.level !== levelOf.sync
            ? undefined
            : isLarge
            ? yield* Effect.forkChild(syncAll, { startImmediately: true, uninterruptible: true })
            : yield* syncAll
          const slow = records > 0 ? insert(memtable, ranges, first, records, bytes) : undefined
          if (slow !== undefined) yield* slow
          if (syncing !== undefined) yield* Fiber.join(syncing)
          group = undefined
          showGroup()
        }
        if (taken.hasAsync && !segment.isDurable) unsynced.openUnsafe()
        if (records > 0) afterInsert(memtable)
        mailbox.recycle(taken)
      })

      const commitNext: Effect.Effect<void, DiskError> = Effect.suspend(() => {
        const memtable = engine.view.value.active
        const { gate } = coordinator
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
        isCommitting = true
        return Effect.onExit(commit(memtable, taken), (exit) =>
          Effect.sync(() => {
            isCommitting = Exit.isFailure(exit)
            gate.release()
          }))
      })

      const makeRoom = (memtable: Memtable): Effect.Effect<void> =>
        Effect.catch(coordinator.rotate(memtable, mailbox.firstNeeds()), (error) =>
          Effect.sync(() => {
            // A stop of writes has emptied the mailbox already.
            if (error._tag === "InvalidArgument") mailbox.refuseFirst(error)
          }))

      const commitBacklog: Effect.Effect<void, DiskError> = Effect.suspend(() => {
        const pending = backlog
        if (pending === undefined) return Effect.void
        backlog = undefined
        isCommitting = true
        const { bytes, firstSequence, memtable, ranges, records } = pending
        return Effect.onExit(append(memtable, ranges, firstSequence, records, bytes), (exit) =>
          Effect.sync(() => {
            isCommitting = Exit.isFailure(exit)
            unsynced.openUnsafe()
            afterInsert(memtable)
            coordinator.gate.release()
          }))
      })

      /** The backlog that can take so much now, or undefined. */
      const openBacklog = (records: number, bytes: number): Backlog | undefined => {
        const memtable = engine.view.value.active
        const { index } = memtable
        if (
          isCommitting || !mailbox.isEmpty || mailbox.refusal !== undefined || records > recordsPerSlice
          || bytes > bytesPerSlice || index.usedBytes + bytes > index.limit || !index.fits(records, bytes)
          || (backlog !== undefined && backlog.bytes + bytes > backlogBytes)
          || engine.assigned + records > Number.MAX_SAFE_INTEGER
        ) return undefined
        if (backlog === undefined) {
          if (!coordinator.gate.tryAcquire()) return undefined
          backlog = { memtable, firstSequence: engine.assigned + 1, ranges: [], records: 0, bytes: 0 }
          backlogUsed = 0
        }
        return backlog
      }

      const apply = (pending: Backlog, range: EncodedRange, records: number): void => {
        const first = engine.assigned + 1
        insertRange(pending.memtable, range, range.start, first, records)
        engine.assigned += records
        pending.records += records
        pending.bytes += range.end - range.start
        const last = pending.ranges.at(-1)
        if (last !== undefined && last.buffer === range.buffer && last.end === range.start) {
          pending.ranges[pending.ranges.length - 1] = { buffer: last.buffer, start: last.start, end: range.end }
        } else {
          pending.ranges.push(range)
        }
      }

      const show = (): void => {
        engine.visible = engine.assigned
        mailbox.wake()
      }

      const placeInBacklog = (size: number): EncodedRange => {
        const start = backlogUsed
        backlogUsed += size
        return { buffer: backlogBuffer, start, end: backlogUsed }
      }

      const putNow = (key: Uint8Array, value: Uint8Array): boolean => {
        const size = putSize(key.length, value.length)
        const pending = openBacklog(1, size)
        if (pending === undefined) return false
        const range = placeInBacklog(size)
        writePut(range.buffer, range.start, key, value)
        apply(pending, range, 1)
        show()
        return true
      }

      const deleteNow = (key: Uint8Array): boolean => {
        const size = deleteSize(key.length)
        const pending = openBacklog(1, size)
        if (pending === undefined) return false
        const range = placeInBacklog(size)
        writeDelete(range.buffer, range.start, key)
        apply(pending, range, 1)
        show()
        return true
      }

      const writeNow = ({ bytes, ranges, records }: BatchContent): number => {
        const pending = openBacklog(records, bytes)
        if (pending === undefined) return -1
        const placed = placeInBacklog(bytes)
        let at = placed.start
        for (const range of ranges) {
          copyRange(range.buffer, range.start, placed.buffer, at, range.end - range.start)
          at += range.end - range.start
        }
        apply(pending, placed, records)
        show()
        return engine.visible
      }

      // ---- the actor

      const loop = Effect.gen(function*() {
        for (;;) {
          mailbox.clearSignal()
          if (backlog !== undefined) yield* commitBacklog
          else if (!mailbox.isEmpty) yield* commitNext
          else if (mailbox.refusal !== undefined) return yield* syncAll
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
              const error: StoreReadOnly = yield* engine.stopWrites(`the log was not written: ${describeCause(cause)}`)
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
        if (!segment.isDurable || behind.length > 0) requestSync({ _tag: "Nobody" })
        yield* unsynced.close
      })))

      yield* Effect.addFinalizer(() =>
        Effect.gen(function*() {
          mailbox.refuseLater(yield* engine.close)
          yield* coordinator.liftBound
          yield* Fiber.await(fiber)
          if (state === "failed") return
          yield* Effect.ignore(
            manifest.append({ _tag: "CleanlyClosed", segment: segment.number, offset: segment.durableOffset })
          )
        })
      )

      return Wal.of({
        mailbox,
        putNow,
        deleteNow,
        writeNow,
        sync: Effect.callback<void, WriteError>((resume) => {
          const { refusal } = mailbox
          if (refusal !== undefined) return resume(Exit.fail(refusal))
          const request = requestSync({ _tag: "Put", reply: resume })
          return Effect.sync(() => mailbox.withdraw(request))
        })
      })
    }
  )
