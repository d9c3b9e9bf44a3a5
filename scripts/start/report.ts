/** The figures of the main job as a table. */
import type { LevelStats, StoreStats } from "../../src/index.ts"
import { grouped, tableLines } from "../support/table.ts"
import type { Cities } from "./Cities.ts"
import type { Comparison } from "./compareCities.ts"
import type { KillFigures } from "./killedLoad.ts"
import type { Latencies } from "./Latencies.ts"
import { readerCount, writerCount } from "./loadCities.ts"
import type { LoadFigures, ReadTimes } from "./loadCities.ts"

export interface MainFigures {
  readonly source: Cities
  readonly load: LoadFigures
  /** After the load, a flush, and the comparison. */
  readonly stats: StoreStats
  readonly idle: ReadTimes
  readonly comparison: Comparison
  readonly reopened: { readonly recovery: StoreStats["recovery"]; readonly stats: StoreStats }
  readonly kill: KillFigures
  readonly milliseconds: number
}

const MB = 1_000_000
const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1)} s`
const megabytes = (bytes: number): string => `${(bytes / MB).toFixed(1)} MB`
const percentiles = (all: Latencies): string =>
  `p50 ${all.percentile(0.5).toFixed(3)} ms, p99 ${all.percentile(0.99).toFixed(3)} ms`
const readTimes = ({ alone, withTurn }: ReadTimes): string =>
  `${percentiles(withTurn)}; the get alone ${percentiles(alone)}; ${grouped(alone.count)} gets`

const levelRow = (level: LevelStats): readonly [name: string, value: string] => [
  `level ${level.level}`,
  `${grouped(level.tables)} tables of ${megabytes(level.bytes)}, ${grouped(level.entries)} entries; `
  + `looked into ${grouped(level.reads)} times; ${megabytes(level.bytesWritten)} written`
]

export const reportLines = (figures: MainFigures): ReadonlyArray<string> => {
  const { comparison, idle, kill, load, reopened, source, stats } = figures
  const { amplification, cache, compaction, levels, log, reads, slowdowns, stalls, tables } = stats
  const bytes = source.values.reduce((sum, value, number) => sum + value.length + (source.keys[number]?.length ?? 0), 0)
  const rate = source.count / (load.milliseconds / 1000)
  return tableLines([
    ["records", `${grouped(source.count)}, ${megabytes(bytes)}, in ${source.byPrefix.size} countries`],
    [
      "load",
      `${seconds(load.milliseconds)}, ${grouped(rate)} writes/s from ${writerCount} fibers; `
      + `${grouped(load.syncWrites)} "sync", the others "buffered"`
    ],
    [
      "checked meanwhile",
      `${grouped(load.gets)} gets from ${readerCount} fibers, ${grouped(load.scans)} scans of a country`
    ],
    ["rotations, flushes", `${stats.rotations}, ${stats.flushes}`],
    [
      "groups",
      `${grouped(log.groups)}; records in one: ${(log.records / log.groups).toFixed(1)} on average, `
      + `${grouped(log.largestGroup)} at most; ${grouped(log.syncs)} syncs`
    ],
    ["read latency while idle", readTimes(idle)],
    ["read latency while flushing", readTimes(load.whileFlushing)],
    ...levels.filter((level) => level.tables > 0 || level.bytesWritten > 0).map(levelRow),
    [
      "compactions",
      `${grouped(compaction.count)} merged ${megabytes(compaction.bytesRead)} into ${
        megabytes(compaction.bytesWritten)
      }; ${grouped(compaction.moved)} tables moved as they were`
    ],
    [
      "amplification",
      `${amplification.write.toFixed(1)} bytes written a byte, ${
        amplification.space.toFixed(2)
      } bytes kept a byte of the `
      + `last level, ${amplification.read.toFixed(2)} tables looked into a get`
    ],
    [
      "block cache",
      `${(cache.hitRate * 100).toFixed(1)} % hits; ${megabytes(cache.bytes)} of blocks; tables read `
      + `${grouped(reads.synchronous)} times at once, ${grouped(reads.asynchronous)} times through the pool`
    ],
    [
      "writers held up",
      `stopped: ${grouped(stalls.count)}, ${seconds(stalls.milliseconds)} in all; `
      + `slowed: ${grouped(slowdowns.count)}, ${seconds(slowdowns.milliseconds)} in all`
    ],
    ["workers restarted", grouped(stats.workerRestarts)],
    [
      "tables",
      `${tables.count} of ${megabytes(tables.bytes)}; after a compaction ${reopened.stats.tables.count} `
      + `of ${megabytes(reopened.stats.tables.bytes)}`
    ],
    ["recovery after a close", `${Math.round(reopened.recovery.milliseconds)} ms`],
    [
      "recovery after a kill",
      `${Math.round(kill.recovery.milliseconds)} ms; ${grouped(kill.recovery.records)} records from `
      + `${kill.recovery.segments} segments, ${grouped(kill.recovery.discardedBytes)} bytes discarded`
    ],
    [
      "found after the kill",
      `all ${grouped(kill.acknowledged)} acknowledged, and ${grouped(kill.inFlight)} that were in flight`
    ],
    [
      "compared at the end",
      `${grouped(comparison.scanned)} records by a scan and by ${comparison.prefixes} prefixes, `
      + `${grouped(comparison.gets)} by gets`
    ],
    ["altogether", seconds(figures.milliseconds)]
  ])
}
