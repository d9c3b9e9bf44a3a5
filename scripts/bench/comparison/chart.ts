/**
 * Where the store stands, as an SVG: a bar for each workload from 1, where the
 * best peer is, to how many times better or worse the store is, on a logarithmic
 * axis. A tick is the ratio to reach; a dot is the ratio to each peer.
 */
import { contenders } from "../stores/contenders.ts"
import { ours } from "./bars.ts"
import type { Standing } from "./bars.ts"
import { metricNamed } from "./metrics.ts"
import { machine } from "./report.ts"
import { shownRatio } from "./tables.ts"

const labelWidth = 290
const plotWidth = 560
const valueWidth = 400
const margin = 28
const rowHeight = 30
const barHeight = 14
const headHeight = 128
const footHeight = 44
const width = labelWidth + plotWidth + valueWidth + 2 * margin
const left = margin + labelWidth

const colours = {
  ground: "#ffffff",
  stripe: "#f6f7f9",
  text: "#1d2433",
  faint: "#69728a",
  grid: "#dfe3ea",
  one: "#1d2433",
  met: "#2f9e78",
  notMet: "#d2504b",
  shown: "#6f8fc0"
}
/** By the peer that a store is, or is a variant of. */
const peerColours: Readonly<Record<string, string>> = {
  "classic-level": "#e08a1e",
  rocksdb: "#7a4fbf",
  lmdb: "#1782b8",
  sqlite: "#8a8f3c"
}
const otherPeer = "#555555"

const colourOf = (store: string): string =>
  peerColours[contenders.find(({ name }) => name === store)?.peer ?? ""] ?? otherPeer

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll("\"", "&quot;")

interface Text {
  readonly size?: number
  readonly weight?: number
  readonly colour?: string
  readonly anchor?: "start" | "middle" | "end"
}

const text = (x: number, y: number, content: string, style: Text = {}): string => {
  const { anchor = "start", colour = colours.text, size = 13, weight = 400 } = style
  return `<text x="${x}" y="${y}" font-size="${size}" font-weight="${weight}" fill="${colour}" text-anchor="${anchor}">`
    + `${escaped(content)}</text>`
}

const rectangle = (x: number, y: number, wide: number, high: number, colour: string, radius = 0): string =>
  `<rect x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${
    wide.toFixed(1)
  }" height="${high}" rx="${radius}" fill="${colour}"/>`

const line = (x: number, from: number, to: number, colour: string, thickness: number): string =>
  `<line x1="${x.toFixed(1)}" y1="${from}" x2="${
    x.toFixed(1)
  }" y2="${to}" stroke="${colour}" stroke-width="${thickness}"/>`

/** From one power of two to another, so that every bar's end and every tick is within. */
interface Axis {
  readonly from: number
  readonly to: number
  readonly at: (ratio: number) => number
}

const axisFor = (standings: ReadonlyArray<Standing>): Axis => {
  const ratios = standings.flatMap(({ least = 1, ratio }) => [ratio, least]).filter((ratio) => ratio > 0)
  const from = Math.min(-1, Math.floor(Math.log2(Math.min(1, ...ratios))))
  const to = Math.max(3, Math.ceil(Math.log2(Math.max(1, ...ratios))))
  return {
    from,
    to,
    at: (ratio) => left + plotWidth * (Math.min(to, Math.max(from, Math.log2(ratio))) - from) / (to - from)
  }
}

const gridLines = (axis: Axis, bottom: number): ReadonlyArray<string> =>
  Array.from({ length: axis.to - axis.from + 1 }, (_, n) => axis.from + n).flatMap((power) => {
    const x = axis.at(2 ** power)
    const label = power < 0 ? `1/${2 ** -power}` : `${2 ** power}×`
    return [
      line(x, headHeight - 8, bottom, power === 0 ? colours.one : colours.grid, power === 0 ? 1.5 : 1),
      text(x, headHeight - 16, power === 0 ? "best peer" : label, {
        size: 12,
        anchor: "middle",
        colour: power === 0 ? colours.text : colours.faint
      })
    ]
  })

const barColour = ({ isMet }: Standing): string =>
  isMet === undefined ? colours.shown : isMet ? colours.met : colours.notMet

const unitOf = (metric: string): string => metric === "rate" ? "/s" : ` ${metricNamed(metric).title.split(" ").at(-1)}`

const row = (standing: Standing, top: number, axis: Axis): ReadonlyArray<string> => {
  const { best, least, metric, ours: own, peers, ratio, title } = standing
  const { better, show } = metricNamed(metric)
  const middle = top + rowHeight / 2
  const baseline = middle + 4.5
  const [from, to] = [axis.at(Math.min(1, ratio)), axis.at(Math.max(1, ratio))]
  const ratioTo = (value: number): number => better === "more" ? own / value : value / own
  return [
    text(left - 14, baseline, title, { anchor: "end" }),
    rectangle(from, middle - barHeight / 2, Math.max(1.5, to - from), barHeight, barColour(standing), 2),
    ...(least === undefined ? [] : [line(axis.at(least), middle - 11, middle + 11, colours.text, 2.5)]),
    ...peers.map(({ store, value }) =>
      `<circle cx="${axis.at(ratioTo(value)).toFixed(1)}" cy="${middle}" r="4" fill="${colourOf(store)}" `
      + `stroke="${colours.ground}" stroke-width="1.2"><title>${escaped(store)} ${show(value)}</title></circle>`
    ),
    text(left + plotWidth + 66, baseline, `${shownRatio(ratio)}×`, {
      weight: 700,
      anchor: "end",
      colour: barColour(standing)
    }),
    text(
      left + plotWidth + 80,
      baseline,
      `${show(own)}${unitOf(metric)}, ${best.store} ${show(best.value)}`,
      { size: 12, colour: colours.faint }
    )
  ]
}

const legend = (standings: ReadonlyArray<Standing>): ReadonlyArray<string> => {
  const present = new Set(standings.flatMap(({ peers }) => peers.map(({ store }) => store)))
  const peers = Object.entries(peerColours).filter(([peer]) =>
    contenders.some(({ name, peer: its }) => its === peer && present.has(name))
  )
  const y = 82
  const parts: Array<string> = []
  let x = margin
  const add = (mark: string, label: string): void => {
    parts.push(mark, text(x + 20, y + 4.5, label, { size: 12 }))
    x += 36 + label.length * 6.6
  }
  const block = (colour: string): string => rectangle(x, y - 6, 14, 12, colour, 2)
  add(block(colours.met), "reaches what it is to reach")
  add(block(colours.notMet), "does not")
  add(block(colours.shown), "only shown")
  add(line(x + 7, y - 9, y + 9, colours.text, 2.5), "to reach")
  for (const [peer, colour] of peers) add(`<circle cx="${x + 8}" cy="${y}" r="4" fill="${colour}"/>`, peer)
  return parts
}

export const chartOf = (standings: ReadonlyArray<Standing>, began: number): string => {
  const axis = axisFor(standings)
  const bottom = headHeight + standings.length * rowHeight
  const height = bottom + footHeight
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" `
    + `font-family="Inter, 'Helvetica Neue', Helvetica, Arial, 'DejaVu Sans', sans-serif">`,
    rectangle(0, 0, width, height, colours.ground),
    text(margin, 38, `${ours} beside the best peer in each workload`, { size: 22, weight: 700 }),
    text(margin, 60, "How many times better it is: to the right of the line it is ahead. Logarithmic.", {
      colour: colours.faint
    }),
    ...legend(standings),
    ...standings.flatMap((_, at) =>
      at % 2 === 0
        ? [rectangle(margin, headHeight + at * rowHeight, width - 2 * margin, rowHeight, colours.stripe)]
        : []
    ),
    ...gridLines(axis, bottom),
    ...standings.flatMap((standing, at) => row(standing, headHeight + at * rowHeight, axis)),
    text(margin, bottom + 28, `${machine()}, Node ${process.version}, ${new Date(began).toISOString().slice(0, 10)}`, {
      size: 12,
      colour: colours.faint
    }),
    "</svg>\n"
  ].join("\n")
}
