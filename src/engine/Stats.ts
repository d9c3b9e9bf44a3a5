/**
 * Gathers the figures that `store.stats` and the metrics give. Nothing is kept up
 * to date for them but counters: the rest is added up when somebody asks.
 */
import type { LevelStats, StoreStats } from "../StoreStats.ts"
import type { Writer } from "./Engine.ts"
import type { Counters, EngineStateShape } from "./EngineState.ts"
import type { LiveTable } from "./LiveTable.ts"
import type { Memtable } from "./Memtable.ts"

const sum = <A>(items: ReadonlyArray<A>, of: (item: A) => number): number =>
  items.reduce((total, item) => total + of(item), 0)

const ratio = (part: number, whole: number): number => whole === 0 ? 0 : part / whole

const levelStats = (counters: Counters, tables: ReadonlyArray<LiveTable>, level: number): LevelStats => ({
  level,
  tables: tables.length,
  bytes: tableBytes(tables),
  entries: sum(tables, ({ reader }) => reader.meta.entries),
  tombstones: sum(tables, ({ reader }) => reader.meta.tombstones),
  memoryBytes: sum(tables, ({ reader }) => reader.memoryBytes),
  reads: counters.levelReads[level]!,
  bytesWritten: counters.levelBytesWritten[level]!
})

export const tableBytes = (tables: ReadonlyArray<LiveTable>): number => sum(tables, ({ reader }) => reader.meta.size)

export const memtableBytes = (memtables: ReadonlyArray<Memtable>): number =>
  sum(memtables, ({ index }) => index.usedBytes)

const memtableStats = (memtables: ReadonlyArray<Memtable>): StoreStats["immutables"] => ({
  count: memtables.length,
  records: sum(memtables, ({ index }) => index.count),
  bytes: memtableBytes(memtables)
})

export const compactionDebt = ({ options, view }: EngineStateShape): number =>
  view.value.tables.debt(options.compaction, options.memtableSize)

/** Of writes that the log has not taken. */
export const queuedBytes = (writer: Writer | undefined): number =>
  writer === undefined ? 0 : writer.wal.mailbox.queuedBytes

export const storeStats = (state: EngineStateShape, writer: Writer | undefined): StoreStats => {
  const { active, immutables, rotated, tables: tree } = state.view.value
  const { cache, counters, files, options, readPolicy, snapshots } = state
  const levels = tree.levels.map((tables, level) => levelStats(counters, tables, level))
  const oldest = snapshots.oldest()
  const bytes = sum(levels, (level) => level.bytes)
  const tablesWritten = sum(levels, (level) => level.bytesWritten)
  const deepest = levels.findLast(({ tables }) => tables > 0)
  return {
    sequence: state.visible,
    readOnly: state.status.value.readOnly !== undefined,
    gets: counters.gets,
    memtable: {
      segment: writer === undefined ? 0 : active.segment.number,
      records: active.index.count,
      bytes: active.index.usedBytes
    },
    immutables: memtableStats(immutables.slice(0, rotated)),
    replayed: {
      ...memtableStats(immutables.slice(rotated)),
      segments: sum(immutables.slice(rotated), ({ segments }) => segments.length)
    },
    tables: {
      count: sum(levels, ({ tables }) => tables),
      entries: sum(levels, ({ entries }) => entries),
      bytes,
      memoryBytes: sum(levels, ({ memoryBytes }) => memoryBytes)
    },
    levels,
    log: {
      segments: writer === undefined ? 0 : writer.manifest.state().segments.length,
      groups: counters.groups,
      records: counters.records,
      bytes: counters.logBytes,
      fileBytes: counters.logFileBytes,
      syncs: counters.syncs,
      largestGroup: counters.largestGroup,
      queuedBytes: queuedBytes(writer)
    },
    rotations: counters.rotations,
    flushes: counters.flushes,
    compaction: {
      strategy: options.compaction.name,
      count: counters.compactions,
      moved: counters.tablesMoved,
      dropped: counters.tablesDropped,
      bytesRead: counters.compactionBytesRead,
      bytesWritten: counters.compactionBytesWritten,
      debt: compactionDebt(state)
    },
    amplification: {
      read: ratio(sum(levels, ({ reads }) => reads), counters.gets),
      write: ratio(counters.logFileBytes + tablesWritten, counters.logBytes),
      space: deepest === undefined ? 1 : bytes / deepest.bytes
    },
    stalls: { count: counters.stalls, milliseconds: counters.stallMilliseconds },
    slowdowns: { count: counters.slowdowns, milliseconds: counters.slowdownMilliseconds },
    cache: {
      hits: cache.hits,
      misses: cache.misses,
      hitRate: cache.hitRate,
      bytes: cache.bytes,
      indexBytes: cache.pinnedBytes,
      evictions: cache.evictions
    },
    reads: { synchronous: readPolicy.synchronous, asynchronous: readPolicy.asynchronous },
    files: { open: files.descriptors, limit: files.limit, reopened: files.reopened },
    snapshots: {
      count: snapshots.count,
      ...(oldest === undefined
        ? undefined
        : { oldest: { sequence: oldest.sequence, milliseconds: state.milliseconds() - oldest.since } })
    },
    recovery: state.recovery,
    actors: state.actors.map((figures) => figures()),
    workerRestarts: counters.workerRestarts
  }
}
