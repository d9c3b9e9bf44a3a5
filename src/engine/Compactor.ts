/**
 * Keeps the tree in shape (I7, I9, I10, I11): carries out what the strategy
 * picks, and the compactions that are asked for, one at a time and in turn.
 *
 * The order of steps is the Flusher's: tables durable, manifest event durable,
 * view swapped, inputs retired when no reader holds them. A merge that fails has
 * changed nothing and is picked again; one that is interrupted is abandoned.
 */
import { Cause, Context, Deferred, Effect, Exit, Layer } from "effect"
import type { Scope } from "effect"
import type { CompactionPick, TreeShape } from "../compaction/Strategy.ts"
import type { Disk } from "../disk/Disk.ts"
import { isLostWithWorker, Jobs } from "../jobs/Jobs.ts"
import { inWords } from "../StoreError.ts"
import type { StoreReadOnly, TableError, WriteError } from "../StoreError.ts"
import { keysOf } from "../table/FilterBits.ts"
import type { TableMeta } from "../table/TableMeta.ts"
import { describeCause, makeActor } from "./Actor.ts"
import { planMerge } from "./CompactionPlan.ts"
import type { MergePlan } from "./CompactionPlan.ts"
import { EngineState } from "./EngineState.ts"
import type { LiveTable } from "./LiveTable.ts"
import { Manifest } from "./Manifest.ts"
import { makeNewTables } from "./NewTable.ts"
import { RangeCompaction } from "./RangeCompaction.ts"
import { publishView } from "./ReadView.ts"
import type { Retirement } from "./Retirement.ts"
import { isSameRange } from "./ScanRange.ts"
import type { ScanRange } from "./ScanRange.ts"
import { inSpan } from "./Spans.ts"
import type { EngineSpan } from "./Spans.ts"
import type { PlacedTable } from "./TableTree.ts"

export class Compactor extends Context.Service<Compactor, {
  /** The tree may have gone out of shape. */
  readonly wake: () => void
  /** Compacts what lies in the range when the turn comes, and returns when the result is in force. */
  readonly compact: (range: ScanRange) => Effect.Effect<void, WriteError>
}>()("effect-lsm/engine/Compactor") {
  static readonly layer: Layer.Layer<Compactor, never, EngineState | Disk | Jobs | Manifest | Retirement> = Layer
    .effect(
      Compactor,
      Effect.suspend(() => makeCompactor)
    )
}

type MergeError = TableError | StoreReadOnly

/** Names are taken for as many tables as if what is read were so many times as large when it is written: it may be compressed. */
const mostGrowth = 4
/** How often a piece of a compaction that is asked for is begun again after its worker has died. */
const mostRetries = 3

const isLostJob = (error: MergeError): boolean => error._tag === "DiskError" && isLostWithWorker(error)

/** How often damage is met in a row before it is taken for lasting. */
const patienceWithDamage = 3

interface Request {
  readonly range: ScanRange
  readonly reply: Deferred.Deferred<void, WriteError>
  progress: RangeCompaction | undefined
}

const makeCompactor: Effect.Effect<
  Compactor["Service"],
  never,
  EngineState | Disk | Jobs | Manifest | Retirement | Scope.Scope
> = Effect.gen(function*() {
  const engine = yield* EngineState
  const jobs = yield* Jobs
  const manifest = yield* Manifest
  const newTables = yield* makeNewTables
  const { counters, options } = engine
  const { compaction: strategy } = options
  /** Of what readers see: a table that is only in the manifest yet has no place in it. */
  const currentShape = (): TreeShape => ({
    ...engine.view.value.tables.shape(options.memtableSize),
    oldestSnapshot: engine.snapshots.oldest()?.sequence ?? engine.visible
  })

  let isWoken = false
  const wake = (): void => {
    if (isWoken) return
    isWoken = true
    actor.tell("wake")
  }
  const wakeWhenUnpinned = (): void => {
    engine.snapshots.onUnpinned = () => {
      engine.snapshots.onUnpinned = undefined
      wake()
    }
  }

  const liveTables = (metas: ReadonlyArray<{ readonly file: number }>): ReadonlyArray<LiveTable> => {
    const files = new Set(metas.map(({ file }) => file))
    return engine.view.value.tables.all().filter((table) => files.has(table.reader.meta.file))
  }

  /** What the manifest says now becomes what readers see. */
  const publish = (removed: ReadonlyArray<LiveTable>, added: ReadonlyArray<PlacedTable>) => {
    const moved = new Set(added.map(({ table }) => table))
    for (const table of removed) {
      if (!moved.has(table)) table.markObsolete()
    }
    return Effect.map(
      publishView(engine.view, (view) => view.withTables(view.tables.with(new Set(removed), added))),
      () => {
        for (const relieve of engine.onRelief) relieve()
      }
    )
  }

  const move = (plan: MergePlan) =>
    Effect.uninterruptible(Effect.gen(function*() {
      const since = engine.milliseconds()
      const inputs = plan.sources.flat()
      const level = plan.outputLevel
      const removed = inputs.map(({ file }) => file)
      yield* manifest.append({
        _tag: "TablesCompacted",
        removed,
        added: inputs.map((table) => ({ ...table, level }))
      })
      const tables = liveTables(inputs)
      yield* publish(tables, tables.map((table) => ({ table, level })))
      counters.tablesMoved += inputs.length
      engine.emit({ _tag: "TablesMoved", tables: removed, level, milliseconds: engine.milliseconds() - since })
    }))

  /** Since when the tables have been waiting that level 0 is rid of next. */
  let level0Since = engine.milliseconds()
  const noteLevel0 = (inputs: ReadonlyArray<TableMeta>): void => {
    const bytes = inputs.reduce((sum, table) => table.level === 0 ? sum + table.size : sum, 0)
    if (bytes === 0) return
    const now = engine.milliseconds()
    engine.intake.level0.note(bytes, now - level0Since)
    level0Since = now
  }

  const merge = (plan: MergePlan, span: EngineSpan | undefined) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        const since = engine.milliseconds()
        // What is kept for them may go when they are gone.
        if (engine.snapshots.count > 0) wakeWhenUnpinned()
        const level = plan.outputLevel
        const inputs = plan.sources.flat()
        const sources = liveTables(inputs)
        const bytesRead = inputs.reduce((bytes, { size }) => bytes + size, 0)
        const belowBytes = plan.below.reduce((bytes, { size }) => bytes + size, 0)
        const pathOf = new Map(sources.map((table) => [table.reader.meta.file, table.path]))
        const tables = yield* newTables.write(
          {
            count: Math.ceil(mostGrowth * bytesRead / plan.tableSize) + Math.ceil(belowBytes / plan.largestOverlap) + 1,
            level,
            keys: keysOf(inputs),
            removed: inputs
          },
          (targets, shape) =>
            jobs.merge({
              sources: plan.sources.map((run) => run.map((meta) => ({ meta, path: pathOf.get(meta.file)! }))),
              targets,
              shape,
              tableSize: plan.tableSize,
              below: plan.below,
              largestOverlap: plan.largestOverlap,
              older: plan.older
            }),
          restore
        )
        const removed = inputs.map(({ file }) => file)
        const added = tables.map((table) => table.reader.meta)
        yield* newTables.journal(tables, { _tag: "TablesCompacted", removed, added })
        yield* publish(sources, tables.map((table) => ({ table, level })))
        for (const table of tables) table.release()
        noteLevel0(inputs)
        const bytesWritten = added.reduce((bytes, { size }) => bytes + size, 0)
        counters.compactions++
        counters.compactionBytesRead += bytesRead
        counters.compactionBytesWritten += bytesWritten
        counters.levelBytesWritten[level]! += bytesWritten
        span?.note({ outputs: added.length, bytes_written: bytesWritten })
        engine.emit({
          _tag: "TablesCompacted",
          removed,
          added: added.map(({ file }) => file),
          level,
          bytesRead,
          bytesWritten,
          milliseconds: engine.milliseconds() - since
        })
      })
    )

  const tracedMerge = (plan: MergePlan) => {
    const inputs = plan.sources.flat()
    const attributes = {
      store: options.directory,
      strategy: strategy.name,
      level: plan.outputLevel,
      inputs: inputs.length,
      bytes_read: inputs.reduce((bytes, { size }) => bytes + size, 0)
    }
    return inSpan("compaction", { root: true, attributes }, (span) => merge(plan, span))
  }

  /** Whoever takes a snapshot between the look at the pins and the new view keeps the view that it has found (I8). */
  const drop = (inputs: ReadonlyArray<TableMeta>) =>
    Effect.uninterruptible(Effect.suspend(() => {
      const { snapshots } = engine
      if (inputs.some((table) => snapshots.sees(table.smallestSequence))) {
        wakeWhenUnpinned()
        return Effect.void
      }
      snapshots.isDropping = true
      return Effect.ensuring(
        Effect.gen(function*() {
          const removed = inputs.map(({ file }) => file)
          yield* manifest.append({ _tag: "TablesDropped", removed })
          yield* publish(liveTables(inputs), [])
          counters.tablesDropped += removed.length
          engine.emit({ _tag: "TablesDropped", removed })
        }),
        Effect.sync(() => {
          snapshots.isDropping = false
        })
      )
    }))

  const mayMove = (from: number, to: number): boolean => options.compression[from] === options.compression[to]

  /** What carries out the pick, or why it can't be. */
  const carryOut = (shape: TreeShape, pick: CompactionPick): Effect.Effect<void, MergeError> | string => {
    if (pick._tag === "Drop") {
      const present = new Set(shape.levels.flat())
      if (pick.tables.length === 0 || !pick.tables.every((table) => present.has(table))) {
        return "it dropped no tables, or some that are not there"
      }
      return drop(pick.tables)
    }
    const plan = planMerge(shape, pick, mayMove)
    return typeof plan === "string" ? plan : plan.isMove ? move(plan) : tracedMerge(plan)
  }

  /** What the strategy wants, or why that can't be. */
  const wanted = (shape: TreeShape): Effect.Effect<void, MergeError> | string | undefined => {
    try {
      const pick = strategy.pick(shape)
      if (pick === undefined) {
        // What only a snapshot stands in the way of is for later.
        const isHeldUp = engine.snapshots.count > 0
          && strategy.pick({ ...shape, oldestSnapshot: engine.visible }) !== undefined
        if (isHeldUp) wakeWhenUnpinned()
        return undefined
      }
      if (pick._tag === "Drop" && pick.tables.some((table) => engine.snapshots.sees(table.smallestSequence))) {
        // A snapshot reads on in them (I8).
        wakeWhenUnpinned()
        return undefined
      }
      return carryOut(shape, pick)
    } catch (thrown) {
      return `it threw ${thrown instanceof Error ? thrown.message : inWords(thrown)}`
    }
  }

  /** What to do next. Where the strategy is at a loss and flushes wait for it, level 0 goes down in any case (I13). */
  let isBadPickTold = false
  const nextPick = (): Effect.Effect<void, MergeError> | undefined => {
    const shape = currentShape()
    const picked = wanted(shape)
    if (typeof picked !== "string") {
      if (picked !== undefined) return picked
    } else if (!isBadPickTold) {
      isBadPickTold = true
      return Effect.logWarning(`The compaction strategy "${strategy.name}" was not followed: ${picked}.`)
    }
    const level0 = shape.levels[0]!
    if (level0.length < strategy.stopTables) return undefined
    const outputLevel = Math.max(1, shape.levels.findIndex((tables, level) => level > 0 && tables.length > 0))
    const work = carryOut(shape, { _tag: "Merge", inputs: level0, outputLevel, tableSize: strategy.tableSize })
    return typeof work === "string" ? undefined : work
  }

  const requests: Array<Request> = []

  const settle = (request: Request, exit: Exit.Exit<void, WriteError>): void => {
    const at = requests.indexOf(request)
    if (at >= 0) requests.splice(at, 1)
    Deferred.doneUnsafe(request.reply, exit)
  }

  /** One piece of the first request; a failure is the caller's to learn of, and changes nothing. */
  const requested = (request: Request): Effect.Effect<void> =>
    Effect.suspend(() => {
      const shape = currentShape()
      request.progress ??= new RangeCompaction(request.range, strategy, manifest.nextTable())
      const piece = request.progress.next(shape)
      if (piece === undefined) return Effect.sync(() => settle(request, Exit.void))
      const work = carryOut(shape, piece)
      if (typeof work === "string") {
        return Effect.sync(() => settle(request, Exit.die(new Error(`A piece of a compaction can't be: ${work}.`))))
      }
      const patient = Effect.retry(work, { while: isLostJob, times: mostRetries })
      return Effect.catchCause(patient, (cause) =>
        Cause.hasInterruptsOnly(cause) ? Effect.interrupt : Effect.sync(() =>
          settle(request, Exit.failCause(cause))
        ))
    })

  /** There was something to do when it was last looked. */
  let isBehind = false
  let damageMet = 0
  /** Damage that stays keeps level 0 from going down: once flushes wait for that, writes must not wait for ever. */
  const noteDamage = (cause: Cause.Cause<MergeError>): Effect.Effect<void> => {
    const error = Cause.squash(cause)
    const isDamage = typeof error === "object" && error !== null && "_tag" in error
      && (error._tag === "StoreCorrupted" || error._tag === "UnsupportedFormat")
    damageMet = isDamage ? damageMet + 1 : 0
    return damageMet >= patienceWithDamage && engine.view.value.tables.level0.length >= strategy.stopTables
      ? Effect.asVoid(engine.stopWrites(`compaction can't go on: ${describeCause(cause)}`))
      : Effect.void
  }

  const actor = yield* makeActor<"wake", MergeError>(
    engine,
    "Compactor",
    { restart: true },
    () =>
      Effect.gen(function*() {
        isWoken = false
        if (!isBehind) level0Since = engine.milliseconds()
        for (;;) {
          if (engine.status.value.readOnly !== undefined) return
          const exit = yield* Effect.exit(Effect.suspend(() => {
            const work = nextPick()
            isBehind = work !== undefined
            return work ?? Effect.void
          }))
          if (Exit.isSuccess(exit)) damageMet = 0
          else if (Cause.hasInterruptsOnly(exit.cause)) return yield* Effect.interrupt
          else yield* noteDamage(exit.cause)
          const request = requests[0]
          if (request !== undefined) yield* requested(request)
          if (Exit.isFailure(exit)) return yield* exit
          if (!isBehind && request === undefined) return
        }
      })
  )

  engine.onWritesStopped.push((error) => {
    for (const request of requests.splice(0)) Deferred.doneUnsafe(request.reply, Exit.fail(error))
  })
  wake()

  return Compactor.of({
    wake,
    compact: (range) =>
      Effect.suspend(() => {
        const { closed, readOnly } = engine.status.value
        if (closed !== undefined) return Effect.fail(closed)
        if (readOnly !== undefined) return Effect.fail(readOnly)
        // One that has not begun serves all who ask for the same meanwhile.
        const waiting = requests.find((request) => request.progress === undefined && isSameRange(request.range, range))
        if (waiting !== undefined) return Deferred.await(waiting.reply)
        const request: Request = { range, reply: Deferred.makeUnsafe(), progress: undefined }
        requests.push(request)
        wake()
        return Deferred.await(request.reply)
      })
  })
})
