/** Results as tables of text. */
import { tableLines } from "../../support/table.ts"
import { columnLines } from "../medians.ts"
import { contenders } from "../stores/contenders.ts"
import type { Contender } from "../stores/contenders.ts"
import { onlyReads } from "../workloads/Workload.ts"
import type { Workload } from "../workloads/Workload.ts"
import { ours } from "./bars.ts"
import type { Standing } from "./bars.ts"
import { metricNamed, ratioOf } from "./metrics.ts"
import type { Results } from "./Results.ts"

const absent = "–"

/** 4.86 as "4.9", 12.4 as "12", 0.0031 as "0.003". */
export const shownRatio = (ratio: number): string =>
  ratio < 0.1 ? ratio.toPrecision(1) : ratio < 1 ? ratio.toFixed(2) : ratio.toFixed(ratio < 10 ? 1 : 0)

const titleOf = (metric: string, { operations }: Workload): string =>
  metric === "rate" ? `${operations}/s` : metricNamed(metric).title

const columnsOf = ({ metric, settles, shows = [] }: Workload): ReadonlyArray<string> =>
  [
    ...shows,
    "cpu",
    "memory",
    "resident",
    "disk",
    ...(settles === true ? ["settling"] : [])
  ].filter((name) => name !== metric)

const rowOf = (contender: Contender, workload: Workload, results: Results): ReadonlyArray<string> | undefined => {
  const { metric, name } = workload
  const cell = results.cell(name, contender.name)
  if (cell === undefined) return undefined
  const { show } = metricNamed(metric)
  const range = results.range(name, contender.name, metric)
  if (range === undefined) return [contender.name, absent]
  const own = results.median(name, ours, metric)
  return [
    contender.name,
    show(range.median),
    range.least === range.most ? "" : `${show(range.least)} to ${show(range.most)}`,
    own === undefined || contender.name === ours ? "" : shownRatio(ratioOf(metric, own, range.median)),
    ...columnsOf(workload).map((column) => {
      const value = results.median(name, contender.name, column)
      return value === undefined ? absent : metricNamed(column).show(value)
    })
  ]
}

/** How a store's writes differ from what the workload says of them. */
export const differenceOf = (contender: Contender, workload: Workload): string | undefined =>
  onlyReads(workload) ? undefined : contender.differs?.(contender.durability ?? workload.durability)

/** What is to be said of a store's row beside its figures. */
const remarkOf = (contender: Contender, workload: Workload, results: Results): string | undefined => {
  const cell = results.cell(workload.name, contender.name)
  if (cell === undefined) return undefined
  if (cell.failures.length > 0) return `FAILED: ${cell.failures.join("; ")}`
  return cell.absent ?? differenceOf(contender, workload)
}

const durabilities = {
  sync: "on stable storage before it is acknowledged",
  buffered: "a killed process loses nothing, a power cut what came last"
}

/** One workload's table, with its title above and remarks below. */
export const workloadLines = (workload: Workload, results: Results): ReadonlyArray<string> => {
  const { durability, metric, name, title } = workload
  const rows = contenders.map((contender) => rowOf(contender, workload, results)).filter((row) => row !== undefined)
  const head = [
    "",
    titleOf(metric, workload),
    "range",
    `${ours} is`,
    ...columnsOf(workload).map((column) => titleOf(column, workload))
  ]
  const writes = onlyReads(workload) ? "" : `; ${durabilities[durability]}`
  return [
    `${name}: ${title}${writes}`,
    ...columnLines([head, ...rows]).map((line) => `  ${line.trimEnd()}`),
    ...contenders.flatMap((contender) => {
      const remark = remarkOf(contender, workload, results)
      return remark === undefined ? [] : [`  ${contender.name}: ${remark}`]
    })
  ]
}

/** What each store is that ran in any of the workloads. */
export const storeLines = (workloads: ReadonlyArray<Workload>, results: Results): ReadonlyArray<string> =>
  tableLines(
    contenders.filter(({ name }) => workloads.some((workload) => results.cell(workload.name, name) !== undefined))
      .map(({ about, name }) => [name, about])
  )

const verdict = ({ isMet }: Standing): string => isMet === undefined ? "" : isMet ? "met" : "NOT MET"

/** Where the store stands against the best peers, and what it was to reach. */
export const standingLines = (standings: ReadonlyArray<Standing>): ReadonlyArray<string> =>
  columnLines([
    [`${ours} to the best peer`, "ratio", "at least", "", ours, "best peer", ""],
    ...standings.map((standing) => {
      const { best, least, metric, ours: own, ratio, title } = standing
      const { show } = metricNamed(metric)
      return [
        title,
        shownRatio(ratio),
        least === undefined ? "" : least.toFixed(1),
        verdict(standing),
        show(own),
        show(best.value),
        best.store
      ]
    })
  ])
