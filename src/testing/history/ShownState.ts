/** What was seen of one state: of each key a value, and of which writers it may be. */
import { absent, anyValue, shownKey } from "./Content.ts"
import type { Finding, Key } from "./Content.ts"
import type { HistoryGraph } from "./HistoryGraph.ts"
import type { Observation, ReadName } from "./HistoryLog.ts"
import { isWithin } from "./KeySpan.ts"

/** A key of a state, and what was found there. */
export interface ShownKey {
  readonly key: Key
  readonly finding: Finding
  /** Who may have written what was found: fewer, the more is known. */
  writers: ReadonlyArray<number>
  /** Who writes the key, and may yet tell something: fewer, the more is known. */
  others: ReadonlyArray<number>
  /** What was found contradicts the rest, and says no more. */
  isWrong: boolean
}

/** A state that was observed, as a node among the writes. */
export interface ShownState {
  readonly node: number
  /** The invariant that says that it is one state. */
  readonly invariant: string
  readonly keys: ReadonlyArray<ShownKey>
}

export const shownKeyOf = (history: HistoryGraph, key: Key, finding: Finding): ShownKey => ({
  key,
  finding,
  writers: history.writersOf(key, finding),
  others: history.writersOf(key),
  isWrong: false
})

const invariantOf: { readonly [Name in ReadName]: string } = {
  get: "I1",
  has: "I1",
  getMany: "I3",
  scan: "I8",
  snapshot: "I8",
  stats: "I3"
}

/** What an observation found of each key; `contradictions` are the keys of which it found different things. */
export const shownState = (
  history: HistoryGraph,
  node: number,
  { name, parts }: Observation
): { readonly state: ShownState; readonly contradictions: ReadonlyArray<string> } => {
  const findings = new Map<Key, Finding>()
  const contradictions: Array<string> = []
  const add = (key: Key, finding: Finding): void => {
    const before = findings.get(key)
    if (before === undefined || (before === anyValue && finding !== absent)) findings.set(key, finding)
    else if (before !== finding && !(finding === anyValue && before !== absent)) {
      contradictions.push(`shows ${before} and ${finding} for ${shownKey(key)}`)
    }
  }
  for (const { found } of parts) for (const [key, finding] of found) add(key, finding)
  for (const { covered, found } of parts) {
    if (covered === undefined) continue
    for (const key of [...history.keys, ...findings.keys()]) {
      if (isWithin(covered, key)) add(key, found.get(key) ?? absent)
    }
  }
  const keys = Array.from(findings, ([key, finding]) => shownKeyOf(history, key, finding))
  return { state: { node, invariant: invariantOf[name], keys }, contradictions }
}
