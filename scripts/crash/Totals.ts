/** Adds up what the rounds of a crash loop found. */
import { grouped, tableLines } from "../support/table.ts"
import type { CrashRound } from "./crashLoop.ts"

export interface Totals {
  readonly rounds: number
  readonly children: number
  /** Kills by what the child was doing, and children that came to their end before the kill. */
  readonly endings: Readonly<Record<"starting" | "opening" | "writing" | "closing" | "closed", number>>
  /** Merges begun, and kills that struck one half done. */
  readonly merges: number
  readonly killedInMerge: number
  readonly checked: { readonly sync: number; readonly buffered: number }
  readonly showing: number
  readonly inFlight: number
  readonly replayedRecords: number
  readonly mostSegments: number
  /** Reopenings that found memtables that had waited for their flush. */
  readonly unflushed: number
  readonly discardedBytes: number
  readonly longestRecovery: number
}

export const emptyTotals: Totals = {
  rounds: 0,
  children: 0,
  endings: { starting: 0, opening: 0, writing: 0, closing: 0, closed: 0 },
  merges: 0,
  killedInMerge: 0,
  checked: { sync: 0, buffered: 0 },
  showing: 0,
  inFlight: 0,
  replayedRecords: 0,
  mostSegments: 0,
  unflushed: 0,
  discardedBytes: 0,
  longestRecovery: 0
}

export const addRound = (totals: Totals, round: CrashRound): Totals => {
  const endings = { ...totals.endings }
  for (const { phase } of round.children) endings[phase ?? "starting"]++
  const { recovery } = round
  return {
    rounds: totals.rounds + 1,
    children: totals.children + round.children.length,
    endings,
    merges: totals.merges + round.children.reduce((sum, { merges }) => sum + merges, 0),
    killedInMerge: totals.killedInMerge + round.children.filter(({ isMerging }) => isMerging).length,
    checked: {
      sync: totals.checked.sync + round.checked.sync,
      buffered: totals.checked.buffered + round.checked.buffered
    },
    showing: totals.showing + round.showing,
    inFlight: totals.inFlight + round.inFlight,
    replayedRecords: totals.replayedRecords + recovery.records,
    mostSegments: Math.max(totals.mostSegments, recovery.segments),
    unflushed: totals.unflushed + (recovery.segments > 2 ? 1 : 0),
    discardedBytes: totals.discardedBytes + recovery.discardedBytes,
    longestRecovery: Math.max(totals.longestRecovery, recovery.milliseconds)
  }
}

export const totalLines = (totals: Totals, milliseconds: number): ReadonlyArray<string> => {
  const { checked, endings } = totals
  return tableLines([
    ["rounds", `${totals.rounds} in ${(milliseconds / 1000).toFixed(1)} s, ${totals.children} child processes`],
    [
      "killed while",
      `opening ${endings.starting + endings.opening}, writing ${endings.writing}, closing ${endings.closing}; `
      + `closed before the kill ${endings.closed}`
    ],
    [
      "killed in the middle of a merge",
      `${grouped(totals.killedInMerge)} times; ${grouped(totals.merges)} merges begun`
    ],
    [
      "acknowledged writes checked",
      `${grouped(checked.sync)} at "sync", ${grouped(checked.buffered)} at "buffered"; none lost`
    ],
    ["of these still showing", grouped(totals.showing)],
    ["unacknowledged writes found", `${grouped(totals.inFlight)}, each whole`],
    [
      "recovery",
      `${grouped(totals.replayedRecords)} records replayed, at most ${totals.mostSegments} segments, `
      + `${grouped(totals.discardedBytes)} bytes discarded, ${Math.round(totals.longestRecovery)} ms at most`
    ],
    ["reopened with unflushed memtables", grouped(totals.unflushed)]
  ])
}
