/**
 * Puts an open store together: examines and locks the directory, recovers it,
 * and starts the actors over what was found.
 *
 * Scopes close in the opposite order: first the Wal drains, then the actors
 * that it needs stop, then the manifest and the tables close, and the lock goes
 * last.
 */
import { Context, Effect, Layer, Option } from "effect"
import type { Scope } from "effect"
import { Disk } from "../disk/Disk.ts"
import { makeInlineJobs } from "../jobs/InlineJobs.ts"
import { Jobs } from "../jobs/Jobs.ts"
import type { ArenaMemtable } from "../memtable/ArenaMemtable.ts"
import { UnsupportedFormat } from "../StoreError.ts"
import type { StoreOpenError } from "../StoreError.ts"
import type { ResolvedOptions } from "../StoreOptions.ts"
import { BlockCache } from "../table/BlockCache.ts"
import { ReadPolicy, StoreReadMode } from "../table/ReadPolicy.ts"
import { ArenaPool } from "./ArenaPool.ts"
import { Compactor } from "./Compactor.ts"
import { examineDirectory, syncEntry } from "./Directory.ts"
import { EngineState, makeEngineState } from "./EngineState.ts"
import type { EngineStateShape } from "./EngineState.ts"
import { Flusher } from "./Flusher.ts"
import { Manifest } from "./Manifest.ts"
import { Memtable } from "./Memtable.ts"
import { registerMetrics } from "./Metrics.ts"
import { OpenFiles } from "./OpenFiles.ts"
import { ReadView } from "./ReadView.ts"
import { recover, startWriting } from "./Recovery.ts"
import type { Recovered, Writable } from "./Recovery.ts"
import { makeRetirement, Retirement } from "./Retirement.ts"
import { RotationCoordinator } from "./RotationCoordinator.ts"
import { inSpan } from "./Spans.ts"
import type { EngineSpan } from "./Spans.ts"
import { SyncedDirectory } from "./SyncedDirectory.ts"
import { TableTree } from "./TableTree.ts"
import { Wal } from "./Wal.ts"

/** The writing half of a store. */
export interface Writer {
  readonly wal: Wal["Service"]
  readonly coordinator: RotationCoordinator["Service"]
  readonly compactor: Compactor["Service"]
  readonly manifest: Manifest["Service"]
}

export interface Engine {
  readonly state: EngineStateShape
  /** Undefined in a store that is opened read-only. */
  readonly writer: Writer | undefined
}

/** The first view: an empty active memtable over what recovery found. */
const firstView = (
  recovered: Recovered,
  active: ArenaMemtable,
  writable: Writable | undefined,
  arenas: ArenaPool
): ReadView => {
  const ignore = (): void => {}
  return new ReadView(
    new Memtable(active, writable?.segment, arenas.recycle),
    recovered.memtables.map((index) => new Memtable(index, undefined, ignore)),
    TableTree.of(recovered.tables.map((table) => ({ table, level: table.reader.meta.level })))
  )
}

/** Starts the actors, each on those that it needs; they stop in the opposite order. */
const startActors = (writable: Writable) =>
  Effect.map(
    Layer.build(
      Wal.layer.pipe(
        Layer.provideMerge(RotationCoordinator.layer),
        Layer.provideMerge(Flusher.layer),
        Layer.provideMerge(Compactor.layer),
        Layer.provideMerge(Manifest.layer(writable.manifest, writable.state))
      )
    ),
    (context): Writer => ({
      wal: Context.get(context, Wal),
      coordinator: Context.get(context, RotationCoordinator),
      compactor: Context.get(context, Compactor),
      manifest: Context.get(context, Manifest)
    })
  )

const open = Effect.fnUntraced(function*(
  options: ResolvedOptions,
  span: EngineSpan | undefined
): Effect.fn.Return<Engine, StoreOpenError, Disk | Scope.Scope> {
  const disk = yield* Disk
  const jobs = Option.getOrElse(yield* Effect.serviceOption(Jobs), () => makeInlineJobs(disk))
  const clock = yield* Effect.clockWith(Effect.succeed)
  const since = clock.currentTimeMillisUnsafe()

  yield* examineDirectory(disk, options)
  yield* Effect.mapError(
    disk.lock(options.directory, options.readOnly ? "shared" : "exclusive"),
    (error) =>
      error._tag === "DiskError" && error.code === "EFTYPE"
        ? new UnsupportedFormat({
          file: error.path,
          reason: "it is not the empty file that a store locks; choose another directory"
        })
        : error
  )
  // Another process may have had the directory until now.
  const exists = yield* examineDirectory(disk, options)
  if (!exists) yield* syncEntry(disk, options.directory)

  const cache = new BlockCache(options.blockCacheSize, options.blockSize)
  const files = new OpenFiles(disk, options.maxOpenFiles)
  const policy = new ReadPolicy(yield* StoreReadMode)
  const arenas = new ArenaPool(options.memtableSize, options.maxImmutables)
  const retirement = yield* makeRetirement(cache)
  const directory = new SyncedDirectory(disk, options.directory)
  // What a log holds is written in less time than a thread takes to start.
  const recoveryJobs = makeInlineJobs(disk)
  const access = { disk, directory, jobs: recoveryJobs, retirement, cache, files, policy, arenas, options }

  return yield* Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const { plan, recovered } = yield* inSpan(
        "recovery",
        { parent: span?.span, attributes: { store: options.directory } },
        (recovering) =>
          Effect.map(restore(recover(access, exists)), (outcome) => {
            const { discardedBytes, records, segments } = outcome.recovered.figures
            recovering?.note({ segments, records, discarded_bytes: discardedBytes })
            return outcome
          })
      )
      const active = yield* arenas.acquire(recovered.highestSequence + 1)
      const writable = options.readOnly ? undefined : yield* startWriting(access, plan)
      const state = yield* makeEngineState({
        options,
        directory,
        view: firstView(recovered, active, writable, arenas),
        arenas,
        cache,
        files,
        readPolicy: policy,
        recovery: { ...recovered.figures, milliseconds: clock.currentTimeMillisUnsafe() - since },
        lastSequence: recovered.lastSequence,
        highestSequence: recovered.highestSequence
      })
      for (const table of recovered.tables) table.release()
      yield* Effect.addFinalizer(() =>
        Effect.gen(function*() {
          const view = state.view.value
          if (writable !== undefined) {
            for (const memtable of [view.active, ...view.immutables]) yield* memtable.segment.retire
          }
          view.release()
          yield* retirement.drained
          yield* state.endEvents
        })
      )
      yield* jobs.observe((event) => {
        state.counters.workerRestarts++
        state.emit({ _tag: "WorkerRestarted", ...event })
      })
      const writer = writable === undefined ? undefined : yield* startActors(writable).pipe(
        Effect.provideService(EngineState, state),
        Effect.provideService(Retirement, retirement),
        Effect.provideService(Jobs, jobs)
      )
      yield* registerMetrics(state, writer)
      yield* Effect.addFinalizer(() => Effect.asVoid(state.close))
      return { state, writer }
    })
  )
})

/** Opens the store for the scope. */
export const openEngine = (options: ResolvedOptions): Effect.Effect<Engine, StoreOpenError, Disk | Scope.Scope> =>
  inSpan("open", { attributes: { store: options.directory } }, (span) => open(options, span))
