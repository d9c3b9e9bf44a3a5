/**
 * Puts an open store together: examines and locks the directory, becomes its
 * owner, recovers it, and starts the actors over what was found.
 *
 * Scopes close in the opposite order: first the Wal drains, then the actors
 * that it needs stop, then the manifest and the tables close, and the lock goes
 * last.
 */
import { Context, Effect, Exit, Layer, Option, Scope } from "effect"
import { Disk } from "../disk/Disk.ts"
import { makeInlineJobs } from "../jobs/InlineJobs.ts"
import { Jobs } from "../jobs/Jobs.ts"
import type { ArenaMemtable } from "../memtable/ArenaMemtable.ts"
import { StoreLocked, UnsupportedFormat } from "../StoreError.ts"
import type { StoreFenced, StoreOpenError } from "../StoreError.ts"
import type { ResolvedOptions } from "../StoreOptions.ts"
import { BlockCache } from "../table/BlockCache.ts"
import { ReadPolicy, StoreReadMode } from "../table/ReadPolicy.ts"
import { ArenaPool } from "./ArenaPool.ts"
import { Compactor } from "./Compactor.ts"
import { examineDirectory, syncEntry } from "./Directory.ts"
import { EngineState, makeEngineState } from "./EngineState.ts"
import type { EngineStateShape } from "./EngineState.ts"
import { giveUp, ownersWatch, readersWatch, takeOwnership } from "./Fence.ts"
import type { Fence, FileWatch } from "./Fence.ts"
import { highestGeneration, segmentName, storeFiles } from "./FileNames.ts"
import { Flusher } from "./Flusher.ts"
import { Manifest } from "./Manifest.ts"
import { Memtable } from "./Memtable.ts"
import { registerMetrics } from "./Metrics.ts"
import { OpenFiles } from "./OpenFiles.ts"
import { ReadView } from "./ReadView.ts"
import { isNamedTable, recover, startWriting } from "./Recovery.ts"
import type { Plan, Recovered, Writable } from "./Recovery.ts"
import type { RecoveryAccess, RecoveryError } from "./RecoveryAccess.ts"
import type { ReplayedMemtable } from "./Replay.ts"
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
  readonly flusher: Flusher["Service"]
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
  { memtables, tables }: Recovered,
  active: ArenaMemtable,
  writable: Writable | undefined,
  { arenas, options: { directory } }: RecoveryAccess
): ReadView => {
  const ignore = (): void => {}
  const inWriter = ({ index, segments }: ReplayedMemtable): Memtable => {
    const replayed = segments.map(({ generation, segment }) => ({
      number: segment,
      path: `${directory}/${segmentName(segment, generation)}`
    }))
    return new Memtable(index, replayed, arenas.recycle)
  }
  return new ReadView(
    new Memtable(active, writable?.segment ?? [], arenas.recycle),
    memtables.map((memtable) => writable === undefined ? new Memtable(memtable.index, [], ignore) : inWriter(memtable)),
    TableTree.of(tables.map((table) => ({ table, level: table.reader.meta.level })))
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
      flusher: Context.get(context, Flusher),
      compactor: Context.get(context, Compactor),
      manifest: Context.get(context, Manifest)
    })
  )

const lockDirectory = (disk: Disk["Service"], { directory, readOnly }: ResolvedOptions) =>
  Effect.mapError(
    disk.lock(directory, readOnly ? "shared" : "exclusive"),
    (error) =>
      error._tag === "DiskError" && error.code === "EFTYPE"
        ? new UnsupportedFormat({
          file: error.path,
          reason: "it is not the empty file that a store locks; choose another directory"
        })
        : error
  )

const makeAccess = Effect.fnUntraced(function*(
  options: ResolvedOptions,
  fence: Fence | undefined,
  watch: FileWatch
): Effect.fn.Return<RecoveryAccess, never, Disk | Scope.Scope> {
  const disk = yield* Disk
  const cache = new BlockCache(options.blockCacheSize, options.blockSize)
  return {
    disk,
    directory: new SyncedDirectory(disk, options.directory),
    fence,
    // What a log holds is written in less time than a thread takes to start.
    jobs: makeInlineJobs(disk),
    retirement: yield* makeRetirement(cache, fence),
    cache,
    files: new OpenFiles(disk, options.maxOpenFiles, watch),
    policy: new ReadPolicy(yield* StoreReadMode),
    arenas: new ArenaPool(options.memtableSize, options.maxImmutables),
    options
  }
})

/** How often a reader begins again while a writer, whom no lock has kept out, takes away what it was about to read. */
const readAttempts = 8

const haveSameNames = (a: ReadonlyArray<string>, b: ReadonlyArray<string>): boolean =>
  a.length === b.length && new Set([...a, ...b]).size === a.length

interface Found {
  readonly access: RecoveryAccess
  readonly plan: Plan
  readonly recovered: Recovered
}

const recoverOwned = Effect.fnUntraced(function*(
  options: ResolvedOptions,
  fence: Fence,
  exists: boolean
): Effect.fn.Return<Found, RecoveryError, Disk | Scope.Scope> {
  const access = yield* makeAccess(options, fence, ownersWatch(fence))
  const { plan, recovered } = yield* recover(access, exists)
  return { access, plan, recovered }
})

const recoverReading = Effect.fnUntraced(function*(
  options: ResolvedOptions,
  exists: boolean
): Effect.fn.Return<Found, RecoveryError, Disk | Scope.Scope> {
  const disk = yield* Disk
  const { directory } = options
  for (let left = readAttempts;; left--) {
    const names = yield* disk.list(directory)
    const watch = readersWatch(
      disk,
      directory,
      highestGeneration(storeFiles(names)),
      (path) => isNamedTable(disk, directory, path)
    )
    const scope = yield* Scope.fork(yield* Effect.scope)
    const attempt = Effect.flatMap(
      makeAccess(options, undefined, watch),
      (access) => Effect.map(recover(access, exists), ({ plan, recovered }): Found => ({ access, plan, recovered }))
    )
    const exit = yield* Effect.exit(Scope.provide(attempt, scope))
    if (Exit.isSuccess(exit)) return exit.value
    // What the attempt has opened.
    yield* Scope.close(scope, exit)
    if (left === 1 || haveSameNames(names, yield* disk.list(directory))) return yield* Effect.failCause(exit.cause)
  }
})

/** Whoever takes the directory over while it is being opened takes away what the other needs. */
const whyFailed = (fence: Fence) => (error: RecoveryError): RecoveryError => {
  const isGone = error._tag === "StoreCorrupted" || (error._tag === "DiskError" && error.code === "ENOENT")
  return isGone ? fence.look() ?? error : error
}

const open = Effect.fnUntraced(function*(
  options: ResolvedOptions,
  span: EngineSpan | undefined
): Effect.fn.Return<Engine, StoreOpenError | StoreFenced, Disk | Scope.Scope> {
  const disk = yield* Disk
  const { directory } = options
  const jobs = Option.getOrElse(yield* Effect.serviceOption(Jobs), () => makeInlineJobs(disk))
  const clock = yield* Effect.clockWith(Effect.succeed)
  const since = clock.monotonicTimeNanosUnsafe()

  yield* examineDirectory(disk, options)
  yield* lockDirectory(disk, options)
  // Another process may have had the directory until now.
  const exists = yield* examineDirectory(disk, options)
  if (!exists) yield* syncEntry(disk, directory)

  const start = (fence: Fence | undefined) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        const { access, plan, recovered } = yield* inSpan(
          "recovery",
          { parent: span?.span, attributes: { store: directory } },
          (recovering) =>
            Effect.map(
              restore(fence === undefined ? recoverReading(options, exists) : recoverOwned(options, fence, exists)),
              (outcome) => {
                const { discardedBytes, records, segments } = outcome.recovered.figures
                recovering?.note({ segments, records, discarded_bytes: discardedBytes })
                return outcome
              }
            )
        )
        const { arenas, retirement } = access
        const active = yield* arenas.acquire(recovered.highestSequence + 1)
        const writable = fence === undefined ? undefined : yield* startWriting(access, fence, plan)
        const state = yield* makeEngineState({
          options,
          directory: access.directory,
          view: firstView(recovered, active, writable, access),
          arenas,
          cache: access.cache,
          files: access.files,
          readPolicy: access.policy,
          fence,
          recovery: {
            ...recovered.figures,
            milliseconds: Number((clock.monotonicTimeNanosUnsafe() - since) / 1_000_000n)
          },
          lastSequence: recovered.lastSequence,
          highestSequence: recovered.highestSequence
        })
        for (const table of recovered.tables) table.release()
        yield* Effect.addFinalizer(() =>
          Effect.gen(function*() {
            const view = state.view.value
            for (const memtable of [view.active, ...view.immutables]) yield* memtable.retireSegments
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

  if (options.readOnly) return yield* start(undefined)
  const fence = yield* takeOwnership(disk, directory)
  return yield* Effect.onError(Effect.mapError(start(fence), whyFailed(fence)), () => giveUp(disk, fence))
})

/** Opens the store for the scope. */
export const openEngine = (options: ResolvedOptions): Effect.Effect<Engine, StoreOpenError, Disk | Scope.Scope> =>
  inSpan("open", { attributes: { store: options.directory } }, (span) =>
    // Whoever takes the directory while it is being opened has it.
    Effect.catchTag(open(options, span), "StoreFenced", ({ directory }) =>
      Effect.fail(new StoreLocked({ directory, holder: "another process" }))))
