/**
 * Merges tables (I9, I10, I11): all of level 0 into one run, when asked.
 *
 * The order of steps is the Flusher's: table durable, manifest event durable,
 * view swapped, inputs retired when no reader holds them.
 */
import { Context, Deferred, Effect, Layer } from "effect"
import type { Scope } from "effect"
import { Disk } from "../disk/Disk.ts"
import { Jobs } from "../jobs/Jobs.ts"
import type { WriteError } from "../StoreError.ts"
import { makeActor } from "./Actor.ts"
import { EngineState } from "./EngineState.ts"
import { tableName } from "./FileNames.ts"
import { Manifest } from "./Manifest.ts"
import { openTable } from "./OpenTable.ts"
import { publishView, ReadView } from "./ReadView.ts"
import { Retirement } from "./Retirement.ts"

export class Compactor extends Context.Service<Compactor, {
  /** Merges the tables that there are when the turn comes, and returns when the result is in force. */
  readonly compact: Effect.Effect<void, WriteError>
}>()("effect-lsm/engine/Compactor") {
  static readonly layer: Layer.Layer<Compactor, never, EngineState | Disk | Jobs | Manifest | Retirement> = Layer
    .effect(
      Compactor,
      Effect.suspend(() => makeCompactor)
    )
}

const makeCompactor: Effect.Effect<
  Compactor["Service"],
  never,
  EngineState | Disk | Jobs | Manifest | Retirement | Scope.Scope
> = Effect.gen(function*() {
  const engine = yield* EngineState
  const disk = yield* Disk
  const jobs = yield* Jobs
  const manifest = yield* Manifest
  const retirement = yield* Retirement
  const { options } = engine

  /** Only the job itself can be interrupted: the table that it leaves is opened, published and let go of in one piece. */
  const merge = Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const since = engine.milliseconds()
      const sources = engine.view.value.tables
      if (sources.length === 0) return
      const removed = sources.map((table) => table.reader.meta.file)
      const file = manifest.nextTable()
      const path = `${options.directory}/${tableName(file)}`
      const write = Effect.gen(function*() {
        const meta = yield* restore(jobs.merge({
          sources: sources.map((table) => ({ path: table.path, meta: table.reader.meta })),
          target: {
            path,
            file,
            level: 0,
            blockSize: options.blockSize,
            filterBitsPerKey: options.filterBitsPerKey,
            pinned: engine.snapshots.sequences()
          },
          isBottom: true
        }))
        if (meta === undefined) return undefined
        yield* disk.syncDirectory(options.directory)
        return yield* openTable({ disk, retirement, cache: engine.cache, policy: engine.readPolicy }, path, meta)
      })
      const table = yield* Effect.onError(write, () => Effect.ignore(disk.remove(path)))
      yield* Effect.onError(
        manifest.append({
          _tag: "TablesCompacted",
          removed,
          added: table === undefined ? [] : [table.reader.meta]
        }),
        () => Effect.sync(() => table?.release())
      )
      for (const source of sources) source.markObsolete()
      const isSource = new Set(sources)
      yield* publishView(engine.view, (view) => {
        const newer = view.tables.filter((other) => !isSource.has(other))
        return new ReadView(view.active, view.immutables, table === undefined ? newer : [...newer, table])
      })
      table?.release()
      engine.counters.compactions++
      engine.emit({
        _tag: "TablesCompacted",
        removed,
        added: table === undefined ? [] : [table.reader.meta.file],
        milliseconds: engine.milliseconds() - since
      })
    })
  )

  const actor = yield* makeActor<Deferred.Deferred<void, WriteError>, never>(
    engine,
    "Compactor",
    { restart: true },
    // The caller learns of a failure and may ask again; nothing has changed.
    (reply) => Effect.flatMap(Effect.exit(merge), (exit) => Effect.asVoid(Deferred.done(reply, exit)))
  )

  return Compactor.of({
    compact: Effect.suspend(() => {
      const { closed, readOnly } = engine.status.value
      if (closed !== undefined) return Effect.fail(closed)
      if (readOnly !== undefined) return Effect.fail(readOnly)
      const reply = Deferred.makeUnsafe<void, WriteError>()
      actor.tell(reply)
      return Deferred.await(reply)
    })
  })
})
