/**
 * Replaces the active pair, memtable and segment together (I2, I3, I6, I13).
 *
 * Writers hold a permit of the gate while they put a group into the active pair.
 * To rotate, the coordinator has the next segment ready, closes the gate, waits
 * for the permits, looks again whether the rotation is still wanted, and in one
 * transaction publishes a view with the new pair as active and the old one at
 * the head of the immutables. A batch larger than a memtable gets a pair sized
 * to it. While `maxImmutables` memtables wait for their flush, no rotation is
 * begun: that is the hard bound on memory.
 */
import { Context, Deferred, Effect, Exit, Layer, TxRef } from "effect"
import type { Scope } from "effect"
import { Disk } from "../disk/Disk.ts"
import { removeFiles } from "../disk/removeFiles.ts"
import type { DiskError, InvalidArgument, StoreFenced, StoreReadOnly } from "../StoreError.ts"
import { makeActor } from "./Actor.ts"
import type { Room } from "./ArenaPool.ts"
import { EngineState } from "./EngineState.ts"
import { Flusher } from "./Flusher.ts"
import { Gate } from "./Gate.ts"
import { Manifest } from "./Manifest.ts"
import { Memtable } from "./Memtable.ts"
import { publishView, ReadView } from "./ReadView.ts"
import { createSegment } from "./Segment.ts"
import type { Segment } from "./Segment.ts"

type Reply = Deferred.Deferred<void, StoreReadOnly | InvalidArgument>

type Message =
  | { readonly _tag: "Prepare" }
  | {
    readonly _tag: "Rotate"
    /** The pair to be replaced; if another is active, it has been. */
    readonly memtable: Memtable
    readonly room: Room | undefined
    readonly reply: Reply | undefined
  }

export class RotationCoordinator extends Context.Service<RotationCoordinator, {
  /** Permits to write into the active pair. */
  readonly gate: Gate
  /** Has the next segment made ready, in the background: the memtable is filling up. */
  readonly prepare: (memtable: Memtable) => void
  /** Asks for a rotation in the background: the memtable is full. */
  readonly request: (memtable: Memtable) => void
  /**
   * Returns when the pair is no longer the active one, and the one that is has
   * `room` if it was empty then. Not to be called with a permit in hand.
   */
  readonly rotate: (memtable: Memtable, room?: Room) => Effect.Effect<void, StoreReadOnly | InvalidArgument>
  /** From now on a rotation waits for no flush: the store is closing. */
  readonly liftBound: Effect.Effect<void>
}>()("effect-lsm/engine/RotationCoordinator") {
  static readonly layer: Layer.Layer<RotationCoordinator, never, EngineState | Disk | Manifest | Flusher> = Layer
    .effect(
      RotationCoordinator,
      Effect.suspend(() => makeCoordinator)
    )
}

const makeCoordinator: Effect.Effect<
  RotationCoordinator["Service"],
  never,
  EngineState | Disk | Manifest | Flusher | Scope.Scope
> = Effect.gen(function*() {
  const engine = yield* EngineState
  const disk = yield* Disk
  const manifest = yield* Manifest
  const flusher = yield* Flusher
  const gate = new Gate()
  const fence = engine.ownership
  const boundLifted = TxRef.makeUnsafe(false)
  let prepared: Segment | undefined
  /** The pairs for which a message is on its way already. */
  let preparingFor: Memtable | undefined
  let rotating: Memtable | undefined
  /** Who waits for a rotation. Once writes have stopped nobody does, whatever becomes of the actor. */
  const waiting = new Set<Reply>()
  /** The rotation for which anybody may wait who needs no room of his own. */
  let shared: { readonly memtable: Memtable; readonly reply: Reply } | undefined
  engine.onWritesStopped.push((error) => {
    for (const reply of waiting) Deferred.doneUnsafe(reply, Exit.fail(error))
  })
  yield* Effect.addFinalizer(() => Effect.suspend(() => prepared === undefined ? Effect.void : prepared.retire))

  /** Uninterruptible, so that the file has an owner when it is open. */
  const prepareSegment: Effect.Effect<Segment, StoreReadOnly | StoreFenced | DiskError> = Effect.uninterruptible(
    Effect.gen(function*() {
      if (prepared !== undefined) return prepared
      const number = engine.view.value.active.segment.number + 1
      yield* fence.check
      const { origin } = manifest.state()
      const segment = yield* createSegment(disk, engine.directory, { number, generation: fence.generation, origin })
      yield* Effect.onError(
        manifest.append(segment.creation, removeFiles(disk, [segment.path])),
        () => segment.retire
      )
      prepared = segment
      engine.emit({ _tag: "SegmentCreated", segment: number })
      return segment
    })
  )

  /** Waits until one more immutable is within the bound. */
  const awaitRoom = Effect.gen(function*() {
    const bound = engine.options.maxImmutables
    const isStalled = () =>
      engine.view.value.rotated >= bound && !boundLifted.value && engine.status.value.readOnly === undefined
    if (!isStalled()) return
    const since = engine.milliseconds()
    // A flush itself may wait: for level 0 to have room.
    const isLevel0Full = engine.view.value.tables.level0.length >= engine.options.compaction.stopTables
    const reason = isLevel0Full ? "level0" : "immutables"
    yield* Effect.tx(Effect.gen(function*() {
      const view = yield* TxRef.get(engine.view)
      const status = yield* TxRef.get(engine.status)
      const lifted = yield* TxRef.get(boundLifted)
      if (view.rotated >= bound && !lifted && status.readOnly === undefined) return yield* Effect.txRetry
    }))
    const milliseconds = engine.milliseconds() - since
    engine.counters.stalls++
    engine.counters.stallMilliseconds += milliseconds
    engine.emit({ _tag: "WriteStalled", kind: "stopped", reason, milliseconds })
  })

  /** The swap. The gate is closed and no permit is out. */
  const swap = Effect.fnUntraced(function*(memtable: Memtable, room: Room | undefined, segment: Segment) {
    const { active } = engine.view.value
    const { index: full } = active
    const isWanted = !full.isEmpty || (room !== undefined && !full.fits(room.records, room.bytes))
    if (active !== memtable || !isWanted) return
    const index = yield* engine.arenas.acquire(engine.assigned + 1, room)
    const next = new Memtable(index, segment, engine.arenas.recycle)
    segment.writer.follow(memtable.segment.writer.lastGroupEnd)
    yield* publishView(engine.view, (view) => new ReadView(next, [view.active, ...view.immutables], view.tables))
    prepared = undefined
    engine.counters.rotations++
    engine.emit({
      _tag: "MemtableRotated",
      segment: memtable.segment.number,
      nextSegment: segment.number,
      records: memtable.index.count,
      bytes: memtable.index.usedBytes
    })
    flusher.wake()
  })

  const rotate = Effect.fnUntraced(function*(memtable: Memtable, room: Room | undefined) {
    if (engine.view.value.active !== memtable) return
    yield* awaitRoom
    const stopped = engine.status.value.readOnly
    if (stopped !== undefined) return yield* Effect.fail(stopped)
    const segment = yield* prepareSegment
    yield* Effect.uninterruptible(
      Effect.suspend(() => {
        gate.close()
        return Effect.ensuring(
          Effect.andThen(gate.awaitDrained, swap(memtable, room, segment)),
          Effect.sync(() => gate.open())
        )
      })
    )
  })

  const stop = (error: StoreReadOnly | StoreFenced | DiskError): Effect.Effect<StoreReadOnly> =>
    error._tag === "StoreReadOnly"
      ? Effect.succeed(error)
      : engine.stopWrites(
        error._tag === "StoreFenced" ? error.message : `the next log segment could not be made: ${error.message}`
      )

  const actor = yield* makeActor<Message, never>(engine, "RotationCoordinator", { restart: true }, (message) => {
    if (message._tag === "Prepare") {
      return Effect.catch(Effect.asVoid(prepareSegment), (error) => Effect.asVoid(stop(error)))
    }
    const { memtable, reply, room } = message
    const answer = (exit: Exit.Exit<void, StoreReadOnly | InvalidArgument>): void => {
      if (reply === undefined) return
      waiting.delete(reply)
      if (shared?.reply === reply) shared = undefined
      Deferred.doneUnsafe(reply, exit)
    }
    return Effect.matchEffect(rotate(memtable, room), {
      onFailure: (error) =>
        error._tag === "InvalidArgument"
          ? Effect.sync(() => answer(Exit.fail(error)))
          : Effect.map(stop(error), (reason) => answer(Exit.fail(reason))),
      onSuccess: () => Effect.sync(() => answer(Exit.void))
    })
  })

  return RotationCoordinator.of({
    gate,
    prepare: (memtable) => {
      if (preparingFor === memtable) return
      preparingFor = memtable
      actor.tell({ _tag: "Prepare" })
    },
    request: (memtable) => {
      if (rotating === memtable) return
      rotating = memtable
      actor.tell({ _tag: "Rotate", memtable, room: undefined, reply: undefined })
    },
    rotate: (memtable, room) =>
      Effect.suspend(() => {
        const stopped = engine.status.value.readOnly
        if (stopped !== undefined) return Effect.fail(stopped)
        if (room === undefined && shared?.memtable === memtable) return Deferred.await(shared.reply)
        const reply: Reply = Deferred.makeUnsafe()
        waiting.add(reply)
        if (room === undefined) shared = { memtable, reply }
        actor.tell({ _tag: "Rotate", memtable, room, reply })
        return Deferred.await(reply)
      }),
    liftBound: Effect.tx(TxRef.set(boundLifted, true))
  })
})
