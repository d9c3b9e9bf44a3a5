/**
 * Merges tables (I9, I10, I11): all of level 0 into one run, when asked.
 *
 * The order of steps is the Flusher's: table durable, manifest event durable,
 * view swapped, inputs retired when no reader holds them.
 */
import { Context, Deferred, Effect, Layer } from "effect"
import type { Scope } from "effect"
import type { Disk } from "../disk/Disk.ts"
import { Jobs } from "../jobs/Jobs.ts"
import type { WriteError } from "../StoreError.ts"
import { makeActor } from "./Actor.ts"
import { EngineState } from "./EngineState.ts"
import type { Manifest } from "./Manifest.ts"
import { makeNewTables } from "./NewTable.ts"
import { publishView, ReadView } from "./ReadView.ts"
import type { Retirement } from "./Retirement.ts"

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

type Reply = Deferred.Deferred<void, WriteError>

const makeCompactor: Effect.Effect<
  Compactor["Service"],
  never,
  EngineState | Disk | Jobs | Manifest | Retirement | Scope.Scope
> = Effect.gen(function*() {
  const engine = yield* EngineState
  const jobs = yield* Jobs
  const newTables = yield* makeNewTables

  const merge = Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const since = engine.milliseconds()
      const merged = engine.view.value.tables
      if (merged.length === 0) return
      const sources = merged.map((table) => ({ path: table.path, meta: table.reader.meta }))
      const table = yield* newTables.write((target) => jobs.merge({ sources, target, isBottom: true }), restore)
      const removed = sources.map(({ meta }) => meta.file)
      const added = table === undefined ? [] : [table.reader.meta]
      yield* newTables.journal(table, { _tag: "TablesCompacted", removed, added })
      for (const source of merged) source.markObsolete()
      const isMerged = new Set(merged)
      yield* publishView(engine.view, (view) => {
        const newer = view.tables.filter((other) => !isMerged.has(other))
        return new ReadView(view.active, view.immutables, table === undefined ? newer : [...newer, table])
      })
      table?.release()
      engine.counters.compactions++
      engine.emit({
        _tag: "TablesCompacted",
        removed,
        added: added.map(({ file }) => file),
        milliseconds: engine.milliseconds() - since
      })
    })
  )

  /** A merge that is asked for and has not begun: it serves all who ask meanwhile. */
  let next: Reply | undefined
  const actor = yield* makeActor<Reply, never>(
    engine,
    "Compactor",
    { restart: true },
    // The caller learns of a failure and may ask again; nothing has changed.
    (reply) =>
      Effect.suspend(() => {
        if (next === reply) next = undefined
        return Effect.flatMap(Effect.exit(merge), (exit) => Effect.asVoid(Deferred.done(reply, exit)))
      })
  )

  return Compactor.of({
    compact: Effect.suspend(() => {
      const { closed, readOnly } = engine.status.value
      if (closed !== undefined) return Effect.fail(closed)
      if (readOnly !== undefined) return Effect.fail(readOnly)
      if (next === undefined) {
        next = Deferred.makeUnsafe()
        actor.tell(next)
      }
      return Deferred.await(next)
    })
  })
})
