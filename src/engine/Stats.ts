/**
 * Gathers the figures that `store.stats` gives.
 */
import type { StoreStats } from "../StoreStats.ts"
import type { Writer } from "./Engine.ts"
import type { EngineStateShape } from "./EngineState.ts"

const sum = <A>(items: ReadonlyArray<A>, of: (item: A) => number): number =>
  items.reduce((total, item) => total + of(item), 0)

export const storeStats = (state: EngineStateShape, writer: Writer | undefined): StoreStats => {
  const { active, immutables } = state.view.value
  const tables = state.view.value.tables.all()
  const { cache, counters, snapshots } = state
  const oldest = snapshots.oldest()
  return {
    sequence: state.visible,
    readOnly: state.status.value.readOnly !== undefined,
    memtable: {
      segment: writer === undefined ? 0 : active.segment.number,
      records: active.index.count,
      bytes: active.index.usedBytes
    },
    immutables: {
      count: immutables.length,
      records: sum(immutables, ({ index }) => index.count),
      bytes: sum(immutables, ({ index }) => index.usedBytes)
    },
    tables: {
      count: tables.length,
      entries: sum(tables, ({ reader }) => reader.meta.entries),
      bytes: sum(tables, ({ reader }) => reader.meta.size),
      memoryBytes: sum(tables, ({ reader }) => reader.memoryBytes)
    },
    log: {
      segments: writer === undefined ? 0 : writer.manifest.state().segments.length,
      groups: counters.groups,
      records: counters.records,
      bytes: counters.logBytes,
      syncs: counters.syncs,
      largestGroup: counters.largestGroup,
      queuedBytes: writer === undefined ? 0 : writer.wal.mailbox.queuedBytes
    },
    rotations: counters.rotations,
    flushes: counters.flushes,
    compactions: counters.compactions,
    stalls: { count: counters.stalls, milliseconds: counters.stallMilliseconds },
    cache: { hits: cache.hits, misses: cache.misses, bytes: cache.bytes },
    snapshots: {
      count: snapshots.count,
      ...(oldest === undefined
        ? undefined
        : { oldest: { sequence: oldest.sequence, milliseconds: state.milliseconds() - oldest.since } })
    },
    recovery: state.recovery,
    actors: state.actors.map((figures) => figures())
  }
}
