/** What was seen of one state: of each key a value, and of which writers it may be. */
import { absent, agrees, anyValue, isWithin, shownKey } from "./Content.ts"
import type { Finding, Key } from "./Content.ts"
import { initialNode } from "./HistoryGraph.ts"
import type { HistoryGraph } from "./HistoryGraph.ts"
import type { Observation, Part } from "./HistoryLog.ts"

/** A key of a state, and what was found there. */
export interface ShownKey {
  readonly key: Key
  readonly finding: Finding
  /** Everybody who writes the key. */
  readonly all: ReadonlyArray<number>
  /** Who may have written what was found: fewer, the more is known. */
  writers: ReadonlyArray<number>
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

const onlyInitial: ReadonlyArray<number> = [initialNode]

export const shownKeyOf = (history: HistoryGraph, key: Key, finding: Finding): ShownKey => {
  const all = history.writers.get(key) ?? onlyInitial
  return {
    key,
    finding,
    all,
    writers: all.filter((writer) => agrees(finding, history.valueOf(writer, key))),
    isWrong: false
  }
}

/** What a part says of a key, or undefined. */
const findingIn = (part: Part, key: Key): Finding | undefined =>
  part.found.get(key) ?? (part.covered !== undefined && isWithin(part.covered, key) ? absent : undefined)

const invariantOf: { readonly [Name in Observation["name"]]: string } = {
  get: "I1",
  has: "I1",
  getMany: "I3",
  scan: "I8",
  snapshot: "I8",
  stats: "I3"
}

/** The findings of an observation; `contradiction` is told of a key for which its reads gave different answers. */
export const shownState = (
  history: HistoryGraph,
  node: number,
  { name, parts }: Observation,
  contradiction: (message: string) => void
): ShownState => {
  const findings = new Map<Key, Finding>()
  const add = (key: Key, finding: Finding): void => {
    const before = findings.get(key)
    const isVaguer = finding === anyValue && before !== undefined && before !== absent
    if (before === undefined || (before === anyValue && finding !== absent)) findings.set(key, finding)
    else if (before !== finding && !isVaguer) contradiction(`shows ${before} and ${finding} for ${shownKey(key)}`)
  }
  for (const part of parts) {
    for (const [key, finding] of part.found) add(key, finding)
    if (part.covered === undefined) continue
    for (const key of history.writers.keys()) {
      const finding = findingIn(part, key)
      if (finding !== undefined) add(key, finding)
    }
  }
  // A key that is found in one read, and left out by another that was never written: only its absence is new.
  for (const part of parts) {
    if (part.covered === undefined) continue
    for (const key of findings.keys()) {
      const finding = findingIn(part, key)
      if (finding !== undefined) add(key, finding)
    }
  }
  return {
    node,
    invariant: invariantOf[name],
    keys: Array.from(findings, ([key, finding]) => shownKeyOf(history, key, finding))
  }
}
