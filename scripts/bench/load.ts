/**
 * load: 10,000,000 random records into a fresh store. Prints how it goes, and at
 * the end memory, bounds and amplifications; exits with 1 if a bound is broken.
 */
import { Console, Effect } from "effect"
import { startChild } from "../support/ChildProcess.ts"
import { makeProgress } from "../support/Progress.ts"
import { grouped, tableLines } from "../support/table.ts"
import { benchDirectory } from "./benchDirectory.ts"
import { measure } from "./childProtocol.ts"
import { loadMeasurement } from "./loadChild.ts"
import type { LoadResult } from "./loadChild.ts"
import type { Settings } from "./settings.ts"

const MiB = 1024 * 1024
/** Bytes above an idle Node. */
const largestResident = 500 * MiB
const largestSpace = 1.1

const inMiB = (bytes: number): string => `${grouped(bytes / MiB)} MiB`
const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1)} s`

const idleResident = (workers: number): Effect.Effect<number> =>
  Effect.scoped(Effect.gen(function*() {
    let bytes = Number.NaN
    const child = yield* startChild(new URL("idleNode.ts", import.meta.url), [String(workers)], (line) => {
      bytes = Number(line)
    })
    yield* child.ended
    return bytes
  }))

const showLevels = (levels: LoadResult["levels"]): string =>
  levels.filter(({ tables }) => tables > 0)
    .map(({ bytes, entries, level, tables }) =>
      `L${level}: ${tables} tables, ${inMiB(bytes)}, ${grouped(entries)} entries`
    ).join("; ")

export const runLoad = Effect.fnUntraced(function*(settings: Settings) {
  const records = settings.records ?? 10_000_000
  const { workers } = settings
  const idle = yield* idleResident(workers)
  const progress = makeProgress(process.stdout)
  const result = yield* Effect.scoped(
    Effect.flatMap(
      benchDirectory(settings.directory),
      (directory) =>
        measure(
          loadMeasurement,
          { workers, directory, records, fibers: settings.fibers },
          { onProgress: (line) => progress.show(() => line) }
        )
    )
  )

  const broken: Array<string> = []
  const bounded = (name: string, shown: string, holds: boolean, bound: string): readonly [string, string] => {
    if (!holds) broken.push(name)
    return [name, `${shown} (${holds ? "" : "BROKEN: "}at most ${bound})`]
  }
  const {
    immutables,
    level0,
    peakResident,
    peakResidentWithCompact,
    spaceCompacted,
    spaceSettled,
    userBytes,
    written
  } = result
  const above = peakResident - idle
  const times = (bytes: number): string => (bytes / userBytes).toFixed(2)
  const space = spaceCompacted / userBytes
  const rows: ReadonlyArray<readonly [string, string]> = [
    ["records", `${grouped(records)}, ${inMiB(userBytes)}, workers: ${workers}`],
    ["load", `${seconds(result.loading)}, ${grouped(records / result.loading * 1000)} puts/s`],
    ["background settled after", seconds(result.settling)],
    ["stalls", `${grouped(result.stalls.count)}, ${seconds(result.stalls.milliseconds)}`],
    bounded("peak memory above an idle Node", inMiB(above), above <= largestResident, inMiB(largestResident)),
    ["  with an idle Node's, compact included", `${inMiB(idle)}, ${inMiB(peakResidentWithCompact)}`],
    bounded("immutables", String(immutables.most), immutables.most <= immutables.bound, String(immutables.bound)),
    bounded("tables in level 0", String(level0.most), level0.most <= level0.bound, String(level0.bound)),
    ["levels", showLevels(result.levels)],
    ["write amplification", times(result.logBytes + result.flushedBytes + result.compactedBytes)],
    [
      "  log, flushes, compactions",
      [result.logBytes, result.flushedBytes, result.compactedBytes].map(times).join(" + ")
    ],
    ["  all write calls, the log's zeros ahead included", written === undefined ? "not told" : times(written)],
    ["space amplification", `${(spaceSettled / userBytes).toFixed(3)}, the whole directory`],
    bounded("  after compact", space.toFixed(3), space <= largestSpace, String(largestSpace)),
    ["compact took", seconds(result.compacting)],
    ["levels after compact", showLevels(result.levelsCompacted)],
    ["random records verified", grouped(result.verified)]
  ]
  yield* Console.log("")
  for (const line of tableLines(rows)) yield* Console.log(line)
  if (broken.length > 0) process.exitCode = 1
})
