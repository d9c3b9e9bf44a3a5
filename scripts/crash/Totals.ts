/** Adds up what the rounds of a crash loop found. */
import { grouped, tableLines } from "../support/table.ts"
import type { CrashRound } from "./crashLoop.ts"
import { Ending } from "./Plan.ts"
import { roundKinds } from "./rounds.ts"
import type { RoundKind } from "./rounds.ts"

export interface Totals {
  readonly rounds: number
  readonly kinds: Readonly<Record<RoundKind, number>>
  /** Takeovers in which the second process came so far as to write. */
  readonly takenOver: number
  readonly children: number
  /** Children by what they were doing at their end; those that had closed their store by then too. */
  readonly phases: Readonly<Record<"starting" | "opening" | "writing" | "closing" | "closed", number>>
  /** Children by how they ended, the latter apart. */
  readonly endings: Readonly<Record<Ending, number>>
  /** Merges begun, and ends that struck one half done. */
  readonly merges: number
  readonly endedInMerge: number
  /** Worker threads that died before their process. */
  readonly threadDeaths: number
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

const noEndings: Readonly<Record<Ending, number>> = {
  SIGKILL: 0,
  SIGTERM: 0,
  "exit in a timer": 0,
  "exit in a writer": 0,
  "exit in an exit handler": 0,
  "uncaught exception": 0
}

export const emptyTotals: Totals = {
  rounds: 0,
  kinds: { "one process": 0, "short lives": 0, takeover: 0 },
  takenOver: 0,
  children: 0,
  phases: { starting: 0, opening: 0, writing: 0, closing: 0, closed: 0 },
  endings: noEndings,
  merges: 0,
  endedInMerge: 0,
  threadDeaths: 0,
  checked: { sync: 0, buffered: 0 },
  showing: 0,
  inFlight: 0,
  replayedRecords: 0,
  mostSegments: 0,
  unflushed: 0,
  discardedBytes: 0,
  longestRecovery: 0
}

const hasWritten = (child: CrashRound["children"][number] | undefined): boolean =>
  child !== undefined && child.phase !== undefined && child.phase !== "opening"

export const addRound = (totals: Totals, round: CrashRound): Totals => {
  const phases = { ...totals.phases }
  const endings = { ...totals.endings }
  for (const { ending, phase } of round.children) {
    phases[phase ?? "starting"]++
    if (ending !== undefined) endings[ending]++
  }
  const { recovery } = round
  return {
    rounds: totals.rounds + 1,
    kinds: { ...totals.kinds, [round.kind]: totals.kinds[round.kind] + 1 },
    takenOver: totals.takenOver + (round.kind === "takeover" && hasWritten(round.children[1]) ? 1 : 0),
    children: totals.children + round.children.length,
    phases,
    endings,
    merges: totals.merges + round.children.reduce((sum, { merges }) => sum + merges, 0),
    endedInMerge: totals.endedInMerge + round.children.filter(({ isMerging }) => isMerging).length,
    threadDeaths: totals.threadDeaths + round.children.reduce((sum, { threadDeaths }) => sum + threadDeaths, 0),
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
  const { checked, endings, kinds, phases } = totals
  return tableLines([
    ["rounds", `${totals.rounds} in ${(milliseconds / 1000).toFixed(1)} s, ${totals.children} child processes`],
    [
      "what happened in them",
      `${roundKinds.map((kind) => `${kind} ${kinds[kind]}`).join(", ")}; the second wrote in ${totals.takenOver}`
    ],
    ["ended by", Ending.literals.map((ending) => `${ending} ${endings[ending]}`).join(", ")],
    [
      "ended while",
      `opening ${phases.starting + phases.opening}, writing ${phases.writing}, closing ${phases.closing}; `
      + `closed before that ${phases.closed}`
    ],
    [
      "ended in the middle of a merge",
      `${grouped(totals.endedInMerge)} times; ${grouped(totals.merges)} merges begun`
    ],
    ["worker threads died", grouped(totals.threadDeaths)],
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
