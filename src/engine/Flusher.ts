/**
 * Drains immutable memtables to tables, oldest first (I7, I12, I13, I16).
 *
 * What is true after each step, so that a crash between any two loses nothing:
 *   1. table written and synced, its directory entry too   an orphan
 *   2. manifest event durable                              the table counts, the segment does not
 *   3. view swapped: immutable out, table in, in one step  no reader misses a record
 *   4. segments closed and removed
 * No table is added to a level 0 that is full: the memtables wait, and with them
 * in the end the writers. A failure before 2 is retried with backoff under a new number, and loses
 * nothing; the half-written file is removed, at the latest by the next recovery.
 */
import { Context, Effect, Layer, TxRef } from "effect"
import type { Scope } from "effect"
import type { Disk } from "../disk/Disk.ts"
import { Jobs } from "../jobs/Jobs.ts"
import { makeActor } from "./Actor.ts"
import { Compactor } from "./Compactor.ts"
import { EngineState } from "./EngineState.ts"
import type { LiveTable } from "./LiveTable.ts"
import type { Manifest } from "./Manifest.ts"
import type { Memtable } from "./Memtable.ts"
import { makeNewTables } from "./NewTable.ts"
import { publishView, ReadView } from "./ReadView.ts"
import { Retirement } from "./Retirement.ts"
import { inSpan } from "./Spans.ts"
import type { EngineSpan } from "./Spans.ts"

export class Flusher extends Context.Service<Flusher, {
  /** There are immutables to flush. */
  readonly wake: () => void
  /** What was replayed is to be flushed as well. */
  readonly drain: () => void
}>()("effect-lsm/engine/Flusher") {
  static readonly layer: Layer.Layer<Flusher, never, EngineState | Compactor | Disk | Jobs | Manifest | Retirement> =
    Layer.effect(
      Flusher,
      Effect.suspend(() => makeFlusher)
    )
}

const makeFlusher: Effect.Effect<
  Flusher["Service"],
  never,
  EngineState | Compactor | Disk | Jobs | Manifest | Retirement | Scope.Scope
> = Effect.gen(function*() {
  const engine = yield* EngineState
  const jobs = yield* Jobs
  const retirement = yield* Retirement
  const compactor = yield* Compactor
  const newTables = yield* makeNewTables
  const { stopTables } = engine.options.compaction
  const nothing: ReadonlySet<LiveTable> = new Set()

  let isDraining = false

  /** Waits until one more table is within the bound of level 0. */
  const awaitRoom = Effect.suspend(() =>
    engine.view.value.tables.level0.length < stopTables
      ? Effect.void
      : Effect.tx(Effect.gen(function*() {
        const view = yield* TxRef.get(engine.view)
        if (view.tables.level0.length >= stopTables) return yield* Effect.txRetry
      }))
  )

  const flush = (memtable: Memtable, span: EngineSpan | undefined) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        const since = engine.milliseconds()
        const { index, segments } = memtable
        const tables = index.isEmpty
          ? []
          : yield* newTables.write(
            { count: 1, level: 0, keys: index.count, removed: [] },
            ([target], shape) =>
              Effect.map(jobs.flush({ memtable: index.handle, target: target!, shape }), (meta) => [meta]),
            restore
          )
        const table = tables[0]
        yield* newTables.journal(tables, {
          _tag: "MemtableFlushed",
          segments: segments.map(({ number }) => number),
          lastSequence: index.isEmpty ? 0 : index.lastSequence,
          ...(table === undefined ? undefined : { table: table.reader.meta })
        })
        yield* publishView(engine.view, (view) =>
          new ReadView(
            view.active,
            view.immutables.filter((immutable) => immutable !== memtable),
            view.tables.with(nothing, tables.map((each) => ({ table: each, level: 0 })))
          ))
        table?.release()
        engine.counters.flushes++
        engine.counters.levelBytesWritten[0]! += table?.reader.meta.size ?? 0
        engine.intake.flush.note(index.usedBytes, engine.milliseconds() - since)
        compactor.wake()
        for (const relieve of engine.onRelief) relieve()
        span?.note({ bytes_written: table?.reader.meta.size ?? 0 })
        engine.emit({
          _tag: "MemtableFlushed",
          segment: segments.at(-1)!.number,
          bytes: table === undefined ? 0 : table.reader.meta.size,
          milliseconds: engine.milliseconds() - since,
          ...(table === undefined ? undefined : { table: table.reader.meta.file })
        })
        yield* memtable.retireSegments
        for (const { path } of segments) yield* retirement.removeFile(path)
      })
    )

  const actor = yield* makeActor<"wake", unknown>(engine, "Flusher", { restart: true }, () =>
    Effect.gen(function*() {
      for (;;) {
        const { immutables } = engine.view.value
        const oldest = immutables.at(-1)
        // What was replayed waits until a rotated one comes, or more of it than one memtable: it is in the log already.
        if (oldest === undefined || (immutables.length === 1 && oldest.isReplayed && !isDraining)) return
        yield* awaitRoom
        const { index, segments } = oldest
        const attributes = {
          store: engine.options.directory,
          segment: segments.at(-1)!.number,
          records: index.count,
          bytes: index.usedBytes
        }
        yield* inSpan("flush", { root: true, attributes }, (span) => flush(oldest, span))
      }
    }))

  // More than one memtable may have been replayed.
  if (engine.view.value.immutables.length > 0) actor.tell("wake")

  return Flusher.of({
    wake: () => actor.tell("wake"),
    drain: () => {
      isDraining = true
      actor.tell("wake")
    }
  })
})
