/** The whole comparison: peers are installed, stores run, and tables, a file and a chart made of what they found. */
import { Console, Effect } from "effect"
import { mkdirSync, statfsSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import type { Price } from "../priceChild.ts"
import type { Settings } from "../settings.ts"
import { contenders } from "../stores/contenders.ts"
import { installCommand, installPeers, isInstalled } from "../stores/peerModule.ts"
import type { Workload } from "../workloads/Workload.ts"
import { workloadGroups } from "../workloads/workloads.ts"
import { standings } from "./bars.ts"
import { chartOf } from "./chart.ts"
import { compare, runs } from "./compare.ts"
import { reportOf } from "./report.ts"
import { standingLines, storeLines, workloadLines } from "./tables.ts"

const memoryFileSystem = 0x0102_1994

const writeFile = (path: string, content: string): void => {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
}

/** Installs peers that are asked for and not there. One that can't be is reported in every table. */
const install = (workloads: ReadonlyArray<Workload>, settings: Settings) =>
  Effect.gen(function*() {
    const missing = contenders.filter(({ package: name, ...contender }) =>
      name !== undefined && !isInstalled(name) && workloads.some((workload) => runs(contender, workload, settings))
    )
    if (missing.length === 0) return
    yield* Console.log(`Installing the peers: ${installCommand}`)
    yield* Effect.try({ try: installPeers, catch: String }).pipe(
      Effect.catch((reason) => Console.error(`The peers could not be installed, and are left out: ${reason}`))
    )
  })

/** `prices`: what was measured beside it, for the file. */
export const runComparison = Effect.fnUntraced(function*(
  workloads: ReadonlyArray<Workload>,
  prices: ReadonlyArray<Price>,
  settings: Settings
) {
  yield* install(workloads, settings)
  if (statfsSync(settings.directory).type === memoryFileSystem) {
    yield* Console.error(`${settings.directory} is in memory: choose a directory on a disk with --directory.`)
  }
  const began = Date.now()
  const results = yield* compare(workloads, settings)
  for (const workload of workloads) {
    yield* Console.log("")
    for (const line of workloadLines(workload, results)) yield* Console.log(line)
  }
  yield* Console.log("")
  for (const line of storeLines(workloads, results)) yield* Console.log(line)
  const found = standings(workloads, results)
  yield* Console.log(`\nMedians of ${settings.rounds === 1 ? "one round" : `${settings.rounds} rounds`}.`)
  for (const line of standingLines(found)) yield* Console.log(line)
  writeFile(settings.json, JSON.stringify(reportOf(workloads, results, found, prices, settings, began), undefined, 2))
  writeFile(settings.chart, chartOf(found, workloadGroups, began))
  yield* Console.log(
    `\nTook ${((Date.now() - began) / 60_000).toFixed(1)} minutes.\n${settings.json}\n${settings.chart}`
  )
  if (results.hasFailures) process.exitCode = 1
})
