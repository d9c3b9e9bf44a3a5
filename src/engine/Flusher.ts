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
import { Disk } from "../disk/Disk.ts"
import { Jobs } from "../jobs/Jobs.ts"
import { makeActor } from "./Actor.ts"
import { EngineState } from "./EngineState.ts"
import { tableName } from "./FileNames.ts"
import { Manifest } from "./Manifest.ts"
import type { Memtable } from "./Memtable.ts"
import { openTable } from "./OpenTable.ts"
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

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

const makeFlusher: Effect.Effect<
  Flusher["Service"],
  never,
  EngineState | Disk | Jobs | Manifest | Retirement | Scope.Scope
> = Effect.gen(function*() {
  const engine = yield* EngineState
  const disk = yield* Disk
  const jobs = yield* Jobs
  const manifest = yield* Manifest
  const retirement = yield* Retirement
  const { options } = engine

  const writeTable = Effect.fnUntraced(function*(memtable: Memtable, restore: Restore) {
    if (memtable.index.isEmpty) return undefined
    const file = manifest.nextTable()
    const path = `${options.directory}/${tableName(file)}`
    const write = Effect.gen(function*() {
      const meta = yield* restore(jobs.flush({
        memtable: memtable.index.handle,
        target: {
          path,
          file,
          level: 0,
          blockSize: options.blockSize,
          filterBitsPerKey: options.filterBitsPerKey,
          pinned: engine.snapshots.sequences()
        }
      }))
      yield* disk.syncDirectory(options.directory)
      return yield* openTable({ disk, retirement, cache: engine.cache, policy: engine.readPolicy }, path, meta)
    })
    return yield* Effect.onError(write, () => Effect.ignore(disk.remove(path)))
  })

  /** Only the job itself can be interrupted: the table that it leaves is opened, published and let go of in one piece. */
  const flush = (memtable: Memtable) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        const since = engine.milliseconds()
        const table = yield* writeTable(memtable, restore)
        yield* Effect.onError(
          manifest.append({
            _tag: "MemtableFlushed",
            segment: memtable.segment.number,
            lastSequence: memtable.index.isEmpty ? 0 : memtable.index.lastSequence,
            ...(table === undefined ? undefined : { table: table.reader.meta })
          }),
          // Whether the event is durable is not known: the file stays for the next recovery to judge.
          () => Effect.sync(() => table?.release())
        )
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
          segment: memtable.segment.number,
          bytes: table === undefined ? 0 : table.reader.meta.size,
          milliseconds: engine.milliseconds() - since,
          ...(table === undefined ? undefined : { table: table.reader.meta.file })
        })
        yield* memtable.segment.retire
        yield* retirement.removeFile(memtable.segment.path)
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
