/**
 * Where the store stands, as an SVG: a bar for each workload from 1, where the
 * best peer is, to how many times better or worse the store is, on a logarithmic
 * axis. A tick is the ratio to reach; a dot is the ratio to each peer.
 */
import { contenders } from "../stores/contenders.ts"
import type { WorkloadGroup } from "../workloads/workloads.ts"
import { ours } from "./bars.ts"
import type { Standing } from "./bars.ts"
import { metricNamed, ratioOf } from "./metrics.ts"
import { machine } from "./report.ts"
import { dot, rectangle, text, upright } from "./svg.ts"
import { shownRatio } from "./tables.ts"

const margin = 28
const labelWidth = 300
const plotWidth = 540
const left = margin + labelWidth
const right = left + plotWidth
/** Columns of figures, by their ends. */
const ratioAt = right + 80
const oursAt = ratioAt + 120
const bestAt = oursAt + 120
const width = bestAt + 180 + margin
const rowHeight = 27
const groupHeight = 38
const barHeight = 13
const headHeight = 122
const footHeight = 46
/** Powers of two between which ratios are drawn; one beyond them ends at the edge. */
const widest = { from: -4, to: 6 }
const narrowest = { from: -1, to: 3 }

const colours = {
  ground: "#ffffff",
  stripe: "#f6f7f9",
  text: "#1d2433",
  faint: "#69728a",
  grid: "#e1e5ec",
  met: "#2f9e78",
  ahead: "#dba32b",
  behind: "#d2504b",
  shown: "#6f8fc0"
}
/** By the peer that a store is, or is a variant of. */
const peerColours: Readonly<Record<string, string>> = {
  "classic-level": "#b5651d",
  rocksdb: "#7a4fbf",
  lmdb: "#1273a8",
  sqlite: "#3d4657"
}

const peerOf = (store: string): string => contenders.find(({ name }) => name === store)?.peer ?? ""

/** Where ratios lie between the edges. */
interface Axis {
  readonly from: number
  readonly to: number
  readonly at: (ratio: number) => number
}

const axisFor = (standings: ReadonlyArray<Standing>): Axis => {
  const powers = standings.flatMap(({ least = 1, ratio }) => [ratio, least]).filter((ratio) => ratio > 0)
    .map((ratio) => Math.log2(ratio))
  const from = Math.max(widest.from, Math.min(narrowest.from, Math.floor(Math.min(0, ...powers))))
  const to = Math.min(widest.to, Math.max(narrowest.to, Math.ceil(Math.max(0, ...powers))))
  return {
    from,
    to,
    at: (ratio) => left + plotWidth * (Math.min(to, Math.max(from, Math.log2(ratio))) - from) / (to - from)
  }
}

const powerLabel = (power: number): string =>
  power === 0 ? "best peer" : power < 0 ? `1/${2 ** -power}` : `${2 ** power}×`

const heads = (axis: Axis): ReadonlyArray<string> => {
  const y = headHeight - 14
  const small = { size: 12, colour: colours.faint } as const
  return [
    ...Array.from({ length: axis.to - axis.from + 1 }, (_, n) => axis.from + n).map((power) =>
      text(axis.at(2 ** power), y, powerLabel(power), {
        ...small,
        anchor: "middle",
        colour: power === 0 ? colours.text : colours.faint
      })
    ),
    text(ratioAt, y, "ratio", { ...small, anchor: "end" }),
    text(oursAt, y, ours, { ...small, anchor: "end" }),
    text(bestAt, y, "best peer", { ...small, anchor: "end" })
  ]
}

const gridLines = (axis: Axis, top: number, bottom: number): ReadonlyArray<string> =>
  Array.from({ length: axis.to - axis.from + 1 }, (_, n) => axis.from + n).map((power) =>
    upright(axis.at(2 ** power), top, bottom, power === 0 ? colours.text : colours.grid, power === 0 ? 1.5 : 1)
  )

const colourOf = ({ isMet, ratio }: Standing): string =>
  isMet === undefined ? colours.shown : isMet ? colours.met : ratio >= 1 ? colours.ahead : colours.behind

const row = (standing: Standing, top: number, axis: Axis): ReadonlyArray<string> => {
  const { best, least, metric, ours: own, peers, ratio, title } = standing
  const { show, unit } = metricNamed(metric)
  const colour = colourOf(standing)
  const middle = top + rowHeight / 2
  const baseline = middle + 4.5
  const from = axis.at(Math.min(1, ratio))
  const figure = { size: 12, colour: colours.text, anchor: "end" } as const
  return [
    text(left - 14, baseline, title, { anchor: "end", colour: colours.text }),
    rectangle({
      x: from,
      y: middle - barHeight / 2,
      width: Math.max(2, axis.at(Math.max(1, ratio)) - from),
      height: barHeight,
      colour,
      radius: 2
    }),
    ...(least === undefined ? [] : [upright(axis.at(least), middle - 10, middle + 10, colours.text, 2.5)]),
    ...peers.map(({ store, value }) =>
      dot(
        axis.at(ratioOf(metric, own, value)),
        middle,
        peerColours[peerOf(store)] ?? colours.faint,
        colours.ground,
        `${store} ${show(value)}${unit}`
      )
    ),
    text(ratioAt, baseline, `${shownRatio(ratio)}×`, { weight: 700, anchor: "end", colour }),
    text(oursAt, baseline, `${show(own)}${unit}`, figure),
    text(bestAt, baseline, `${show(best.value)}${unit}`, figure),
    text(bestAt + 12, baseline, best.store, { size: 12, colour: colours.faint })
  ]
}

const legend = (standings: ReadonlyArray<Standing>): ReadonlyArray<string> => {
  const present = new Set(standings.flatMap(({ peers }) => peers.map(({ store }) => peerOf(store))))
  const y = 80
  const parts: Array<string> = []
  let x = margin
  const add = (mark: string, label: string): void => {
    parts.push(mark, text(x + 20, y + 4.5, label, { size: 12, colour: colours.text }))
    x += 38 + label.length * 6.5
  }
  const block = (colour: string): string => rectangle({ x, y: y - 6, width: 14, height: 12, colour, radius: 2 })
  add(block(colours.met), "reaches its mark")
  add(block(colours.ahead), "ahead, not there yet")
  add(block(colours.behind), "behind")
  add(block(colours.shown), "has no mark")
  add(upright(x + 7, y - 9, y + 9, colours.text, 2.5), "mark")
  for (const [peer, colour] of Object.entries(peerColours)) {
    if (present.has(peer)) add(dot(x + 7, y, colour, colours.ground), `to ${peer}`)
  }
  return parts
}

/** The rows of a group with its title above them, and where they end. */
const groupRows = (title: string, standings: ReadonlyArray<Standing>, top: number, axis: Axis) => {
  const first = top + groupHeight
  const bottom = first + standings.length * rowHeight
  const parts = [
    text(margin, first - 11, title, { size: 14, weight: 700, colour: colours.text }),
    ...standings.flatMap((_, at) =>
      at % 2 === 0
        ? [
          rectangle({
            x: margin,
            y: first + at * rowHeight,
            width: width - 2 * margin,
            height: rowHeight,
            colour: colours.stripe
          })
        ]
        : []
    ),
    ...gridLines(axis, first, bottom),
    ...standings.flatMap((standing, at) => row(standing, first + at * rowHeight, axis))
  ]
  return { parts, bottom }
}

export const chartOf = (
  standings: ReadonlyArray<Standing>,
  groups: ReadonlyArray<WorkloadGroup>,
  began: number
): string => {
  const axis = axisFor(standings)
  const rows: Array<string> = []
  let bottom = headHeight - 14
  for (const { title, workloads } of groups) {
    const within = standings.filter(({ workload }) => workloads.some(({ name }) => name === workload))
    if (within.length === 0) continue
    const group = groupRows(title, within, bottom, axis)
    rows.push(...group.parts)
    bottom = group.bottom
  }
  const height = bottom + footHeight
  const foot = `${machine()}, Node ${process.version}, ${new Date(began).toISOString().slice(0, 10)}`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" `
    + `font-family="Inter, 'Helvetica Neue', Helvetica, Arial, 'DejaVu Sans', sans-serif">`,
    rectangle({ x: 0, y: 0, width, height, colour: colours.ground }),
    text(margin, 38, `${ours} beside the best peer in each workload`, { size: 22, weight: 700, colour: colours.text }),
    text(margin, 59, "Bars to the right of the line: so many times better. To the left: worse. Logarithmic.", {
      colour: colours.faint
    }),
    ...legend(standings),
    ...heads(axis),
    ...rows,
    text(margin, bottom + 28, foot, { size: 12, colour: colours.faint }),
    "</svg>\n"
  ].join("\n")
}
