/** What many simulations came to, in a few lines. */
import { grouped, tableLines } from "../support/table.ts"
import type { Counts } from "./Counts.ts"

export interface Totals {
  readonly seeds: number
  readonly counts: Counts
  /** Runs that differed in any choice. */
  readonly interleavings: number
  readonly milliseconds: number
}

const listed = (counts: Counts, group: string): string =>
  [...counts.names(group)]
    .sort(([, one], [, other]) => other - one)
    .map(([name, count]) => `${name} ${grouped(count)}`)
    .join(", ") || "none"

const invariants = (counts: Counts): string =>
  [...counts.names("invariants")]
    .sort(([one], [other]) => Number(one.slice(1)) - Number(other.slice(1)))
    .map(([name, count]) => `${name} ${grouped(count)}`)
    .join(", ")

export const summaryLines = ({ counts, interleavings, milliseconds, seeds }: Totals): ReadonlyArray<string> => {
  const virtualHours = counts.get("run", "milliseconds") / 3_600_000
  return tableLines([
    ["seeds", `${grouped(seeds)} in ${(milliseconds / 1000).toFixed(1)} s`],
    [
      "simulated",
      `${grouped(counts.get("run", "simulations"))} openings, ${grouped(counts.get("run", "steps"))} steps, `
      + `${virtualHours.toFixed(1)} hours on the clock, ${grouped(counts.get("run", "disk calls"))} disk calls`
    ],
    ["interleavings", `${grouped(interleavings)} distinct`],
    ["operations", `${grouped(counts.total("operations"))}: ${listed(counts, "operations")}`],
    ["crashes", listed(counts, "crashes")],
    ["takeovers", listed(counts, "takeovers")],
    ["crashes of copies", listed(counts, "glimpses")],
    ["crashes within recovery", listed(counts, "crashes within recovery")],
    ["faults", listed(counts, "faults")],
    ["faults within recovery", listed(counts, "faults within recovery")],
    ["damage", listed(counts, "damage")],
    ["defects", listed(counts, "defects")],
    ["interrupts", listed(counts, "interrupts")],
    ["refusals", listed(counts, "refusals")],
    ["engine", listed(counts, "engine")],
    ["checked", invariants(counts)]
  ])
}
