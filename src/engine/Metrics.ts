/**
 * The store's figures as Effect `Metric`s.
 *
 * They are pulled: a series is a function that is called when somebody takes a
 * snapshot of the metrics, so a store that nobody watches pays nothing, and a get
 * or a write never does. The series are there from when the store opens until it
 * closes, each with the attribute `store`: the directory, and where several open
 * stores have the same (in memory, or read-only) a number behind it.
 */
import { Context, Effect, Metric } from "effect"
import type { Scope } from "effect"
import type { Writer } from "./Engine.ts"
import type { EngineStateShape } from "./EngineState.ts"
import { compactionDebt, memtableBytes, queuedBytes, tableBytes } from "./Stats.ts"

type Attributes = Readonly<Record<string, string>>

interface Series {
  readonly type: "counter" | "gauge"
  /** Behind `effect_lsm_`. */
  readonly name: string
  readonly description: string
  readonly attributes: Attributes
  readonly read: () => number
}

const restarts = ({ actors }: EngineStateShape): number => actors.reduce((sum, figures) => sum + figures().restarts, 0)

const counter = (name: string, description: string, read: () => number, attributes: Attributes = {}): Series => ({
  type: "counter",
  name,
  description,
  attributes,
  read
})
const gauge = (name: string, description: string, read: () => number, attributes: Attributes = {}): Series => ({
  type: "gauge",
  name,
  description,
  attributes,
  read
})

const seriesOf = (state: EngineStateShape, writer: Writer | undefined): ReadonlyArray<Series> => {
  const { cache, counters, files, readPolicy, snapshots } = state
  const view = () => state.view.value
  const perLevel = view().tables.levels.flatMap((_, level): ReadonlyArray<Series> => {
    const tables = () => view().tables.levels[level]!
    const attributes = { level: String(level) }
    return [
      gauge("tables", "Tables, by level", () => tables().length, attributes),
      gauge("table_bytes", "Bytes of tables, by level", () => tableBytes(tables()), attributes),
      counter(
        "table_written_bytes",
        "Bytes of tables that flushes and compactions wrote, by level",
        () => counters.levelBytesWritten[level]!,
        attributes
      ),
      counter(
        "table_reads",
        "Lookups that looked into a block of a table, by level",
        () => counters.levelReads[level]!,
        attributes
      )
    ]
  })
  return [
    counter("gets", "Keys looked up", () => counters.gets),
    counter("groups", "Group commits", () => counters.groups),
    counter("records", "Records in the log", () => counters.records),
    counter("record_bytes", "Bytes of records in the log", () => counters.logBytes),
    counter("log_bytes", "Bytes of groups in the log's files", () => counters.logFileBytes),
    counter("log_syncs", "Syncs of the log", () => counters.syncs),
    counter("flushes", "Memtables that became tables", () => counters.flushes),
    counter("compactions", "Merges of tables", () => counters.compactions),
    counter("compaction_read_bytes", "Bytes of tables merged", () => counters.compactionBytesRead),
    counter("compaction_written_bytes", "Bytes of tables that came of merges", () => counters.compactionBytesWritten),
    counter("tables_moved", "Tables that went to a deeper level as they are", () => counters.tablesMoved),
    counter("tables_dropped", "Tables that the strategy gave up", () => counters.tablesDropped),
    counter("stalls", "Times that writers waited at a bound", () => counters.stalls),
    counter("stall_milliseconds", "Time for which writers waited at a bound", () => counters.stallMilliseconds),
    counter("slowdowns", "Times that writers were slowed", () => counters.slowdowns),
    counter("slowdown_milliseconds", "Time for which writers were slowed", () => counters.slowdownMilliseconds),
    counter("cache_hits", "Blocks found in the cache", () => cache.hits),
    counter("cache_misses", "Blocks not found in the cache", () => cache.misses),
    counter("cache_evictions", "Blocks that left the cache to make room", () => cache.evictions),
    counter("synchronous_reads", "Reads of tables at once on the event loop", () => readPolicy.synchronous),
    counter("asynchronous_reads", "Reads of tables through the pool of threads", () => readPolicy.asynchronous),
    counter("file_reopens", "Table files opened again", () => files.reopened),
    counter("actor_restarts", "Failures after which an actor began again", () => restarts(state)),
    counter("worker_restarts", "Worker threads that died and were replaced", () => counters.workerRestarts),
    gauge("memtable_bytes", "Bytes in the active memtable", () => view().active.index.usedBytes),
    gauge("immutables", "Memtables that wait for their flush", () => view().rotated),
    gauge(
      "immutable_bytes",
      "Bytes in memtables that wait for their flush",
      () => memtableBytes(view().immutables.slice(0, view().rotated))
    ),
    gauge(
      "replayed_bytes",
      "Bytes in memtables that were replayed from a log that is kept",
      () => memtableBytes(view().immutables.slice(view().rotated))
    ),
    gauge(
      "compaction_debt_bytes",
      "About what is to be merged until the tree is in shape",
      () => compactionDebt(state)
    ),
    gauge("queued_bytes", "Bytes of writes that wait for the log", () => queuedBytes(writer)),
    gauge("cache_bytes", "Bytes of cached blocks", () => cache.bytes),
    gauge("index_bytes", "Bytes of indexes and filters", () => cache.pinnedBytes),
    gauge("open_files", "Table files that are open", () => files.descriptors),
    gauge("snapshots", "Snapshots and scans that pin a sequence", () => snapshots.count),
    ...perLevel
  ]
}

const ignore = (): void => {}

const register = (
  { attributes, description, name, read, type }: Series,
  store: string,
  context: Context.Context<never>
): Metric.Registration => {
  const options = { description, attributes: { ...attributes, store } }
  const hooks = { update: ignore, modify: ignore }
  const id = `effect_lsm_${name}`
  return type === "counter"
    ? Metric.registerUnsafe(Metric.counter(id, { ...options, incremental: true }), context, {
      ...hooks,
      get: () => ({ count: read(), incremental: true })
    })
    : Metric.registerUnsafe(Metric.gauge(id, options), context, { ...hooks, get: () => ({ value: read() }) })
}

/** What open stores call themselves, by the registry that their metrics are in. */
const namesInUse = new WeakMap<object, Set<string>>()

/** Takes the first name that no open store has. */
const takeName = (names: Set<string>, directory: string): string => {
  let name = directory
  for (let number = 2; names.has(name); number++) name = `${directory} (${number})`
  names.add(name)
  return name
}

/** Has the store's metrics in the registry of the context until the scope closes. */
export const registerMetrics = (
  state: EngineStateShape,
  writer: Writer | undefined
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.flatMap(Effect.context(), (context) => {
    const registry = Context.get(context, Metric.MetricRegistry)
    const names = namesInUse.get(registry) ?? new Set<string>()
    namesInUse.set(registry, names)
    return Effect.asVoid(Effect.acquireRelease(
      Effect.sync(() => {
        const name = takeName(names, state.options.directory)
        return { name, series: seriesOf(state, writer).map((series) => register(series, name, context)) }
      }),
      ({ name, series }) =>
        Effect.sync(() => {
          for (const registration of series) registration.remove()
          names.delete(name)
        })
    ))
  })
