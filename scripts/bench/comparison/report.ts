/** Everything that was found and how, for a machine to read. */
import { availableParallelism, cpus, totalmem } from "node:os"
import type { Price } from "../priceChild.ts"
import type { Settings } from "../settings.ts"
import { contenders } from "../stores/contenders.ts"
import { isInstalled, versionOf } from "../stores/peerModule.ts"
import type { Workload } from "../workloads/Workload.ts"
import type { Standing } from "./bars.ts"
import type { Results } from "./Results.ts"
import { differenceOf } from "./tables.ts"

export const machine = (): string => `${availableParallelism()} × ${cpus()[0]?.model.trim() ?? "processor"}`

/** Sizes are bytes, times milliseconds, processor time an operation microseconds, prices nanoseconds. */
export const reportOf = (
  workloads: ReadonlyArray<Workload>,
  results: Results,
  standings: ReadonlyArray<Standing>,
  prices: ReadonlyArray<Price>,
  settings: Settings,
  began: number
) => ({
  began: new Date(began).toISOString(),
  milliseconds: Date.now() - began,
  machine: { processors: machine(), memory: totalmem(), platform: process.platform, node: process.version },
  settings,
  stores: contenders.map(({ about, budgets, durability, family, name, package: npm, peer }) => ({
    name,
    about,
    peer,
    family,
    budgets,
    ...(durability === undefined ? undefined : { durability }),
    ...(npm === undefined || !isInstalled(npm) ? undefined : { package: `${npm}@${versionOf(npm)}` })
  })),
  workloads: workloads.map((workload) => ({
    name: workload.name,
    title: workload.title,
    durability: workload.durability,
    start: workload.start,
    operations: workload.operations,
    metric: workload.metric,
    stores: contenders.flatMap((contender) => {
      const cell = results.cell(workload.name, contender.name)
      return cell === undefined
        ? []
        : [{ store: contender.name, ...cell, differs: differenceOf(contender, workload) }]
    })
  })),
  standings,
  prices
})
