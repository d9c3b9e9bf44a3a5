/**
 * Drains immutable memtables to tables, oldest first (I7, I12, I13).
 *
 * What is true after each step, so that a crash between any two loses nothing:
 *   1. table written and synced, its directory entry too   an orphan
 *   2. manifest event durable                              the table counts, the segment does not
 *   3. view swapped: immutable out, table in, in one step  no reader misses a record
 *   4. segment closed and removed
 * A failure before 2 is retried with backoff under a new number, and loses
 * nothing; the half-written file is removed, at the latest by the next recovery.
 */
import { Context, Effect, Layer } from "effect"
import type { Scope } from "effect"
import type { Disk } from "../disk/Disk.ts"
import { Jobs } from "../jobs/Jobs.ts"
import { makeActor } from "./Actor.ts"
import { EngineState } from "./EngineState.ts"
import type { Manifest } from "./Manifest.ts"
import type { Memtable } from "./Memtable.ts"
import { makeNewTables } from "./NewTable.ts"
import { publishView, ReadView } from "./ReadView.ts"
import { Retirement } from "./Retirement.ts"

export class Flusher extends Context.Service<Flusher, {
  /** There are immutables to flush. */
  readonly wake: () => void
}>()("effect-lsm/engine/Flusher") {
  static readonly layer: Layer.Layer<Flusher, never, EngineState | Disk | Jobs | Manifest | Retirement> = Layer.effect(
    Flusher,
    Effect.suspend(() => makeFlusher)
  )
}

const makeFlusher: Effect.Effect<
  Flusher["Service"],
  never,
  EngineState | Disk | Jobs | Manifest | Retirement | Scope.Scope
> = Effect.gen(function*() {
  const engine = yield* EngineState
  const jobs = yield* Jobs
  const retirement = yield* Retirement
  const newTables = yield* makeNewTables

  const flush = (memtable: Memtable) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        const since = engine.milliseconds()
        const { index, segment } = memtable
        const table = index.isEmpty
          ? undefined
          : yield* newTables.write((target) => jobs.flush({ memtable: index.handle, target }), restore)
        yield* newTables.journal(table, {
          _tag: "MemtableFlushed",
          segment: segment.number,
          lastSequence: index.isEmpty ? 0 : index.lastSequence,
          ...(table === undefined ? undefined : { table: table.reader.meta })
        })
        yield* publishView(engine.view, (view) =>
          new ReadView(
            view.active,
            view.immutables.filter((immutable) => immutable !== memtable),
            table === undefined ? view.tables : [table, ...view.tables]
          ))
        table?.release()
        engine.counters.flushes++
        engine.emit({
          _tag: "MemtableFlushed",
          segment: segment.number,
          bytes: table === undefined ? 0 : table.reader.meta.size,
          milliseconds: engine.milliseconds() - since,
          ...(table === undefined ? undefined : { table: table.reader.meta.file })
        })
        yield* segment.retire
        yield* retirement.removeFile(segment.path)
      })
    )

  const actor = yield* makeActor<"wake", unknown>(engine, "Flusher", { restart: true }, () =>
    Effect.gen(function*() {
      for (;;) {
        const oldest = engine.view.value.immutables.at(-1)
        if (oldest === undefined) return
        yield* flush(oldest)
      }
    }))

  return Flusher.of({ wake: () => actor.tell("wake") })
})
