/** All that is checked of a history, and of the content that came after it. */
import type { Problem } from "../Problem.ts"
import type { CommitGraph, Reason } from "./CommitGraph.ts"
import { absent, shownKey } from "./Content.ts"
import type { Finding, Key } from "./Content.ts"
import { CutCheck } from "./CutCheck.ts"
import { describeWrite, HistoryGraph, initialNode } from "./HistoryGraph.ts"
import type { HistoryLog, RecordedWrite } from "./HistoryLog.ts"
import { keyVerdict } from "./KeyLinearizability.ts"
import type { KeyOperation } from "./KeyLinearizability.ts"
import { shownKeyOf, shownState } from "./ShownState.ts"
import type { ShownKey, ShownState } from "./ShownState.ts"

/** How a store came to its end. */
export type StoreEnd = "power cut" | "kill" | "close"

/** A read of a key in a state. */
interface KeyRead extends KeyOperation {
  readonly invariant: string
  readonly shown: ShownKey
}

/** All that is known of the order of commits, and does not contradict itself. */
interface Known {
  readonly graph: CommitGraph
  /** What may tell more, together with what is found later. */
  readonly states: () => ReadonlyArray<ShownState>
}

const notBegun: Reason = {
  text: (describe, from, to) => `${describe(to)} had not begun when the store of ${describe(from)} ended`
}
const isLasting = (why: string): Reason => ({ text: (describe, from) => `${describe(from)} ${why}`, invariant: "I5" })
const isSynced = isLasting("was acknowledged before a sync or a flush that has succeeded")

/** The latest writes that a message tells of. */
const shownWrites = 4

const last = ({ sequence }: RecordedWrite): number => sequence ?? 0

export class HistoryCheck {
  readonly problems: Array<Problem> = []
  /** Keys whose operations could not all be looked at. */
  givenUp = 0
  readonly #log: HistoryLog
  readonly #history: HistoryGraph
  readonly #states: ReadonlyArray<ShownState>
  readonly #known: Known

  constructor(log: HistoryLog) {
    this.#log = log
    this.#history = new HistoryGraph(log)
    this.problems.push(...log.problems)
    this.#states = this.#history.observations.map((observation, at) => {
      const node = this.#history.nodeOfObservation(at)
      const { contradictions, state } = shownState(this.#history, node, observation)
      for (const each of contradictions) this.#problem(state.invariant, `${this.#history.describe(node)} ${each}`)
      return state
    })
    this.#checkSequences()
    this.#checkKeys()
    this.#known = this.#checkCuts()
  }

  /** Sequences are given once, and no state lies within a batch. */
  #checkSequences(): void {
    const { observations, writes } = this.#history
    const sequenced = writes.filter(({ sequence }) => sequence !== undefined).sort((a, b) => last(a) - last(b))
    for (const [at, write] of sequenced.entries()) {
      const next = sequenced[at + 1]
      if (next !== undefined && last(write) > last(next) - next.records) {
        this.#problem("I3", `${describeWrite(write)} and ${describeWrite(next)} share sequences`)
      }
    }
    for (const [at, { sequence }] of observations.entries()) {
      if (sequence === undefined) continue
      const torn = sequenced.find((write) => last(write) > sequence && last(write) - write.records < sequence)
      if (torn === undefined) continue
      this.#problem(
        "I3",
        `${this.#history.describe(this.#history.nodeOfObservation(at))} lies within ${describeWrite(torn)}`
      )
    }
  }

  /** Each key by itself. */
  #checkKeys(): void {
    const reads = new Map<Key, Array<KeyRead>>()
    for (const [at, { begun, ended }] of this.#history.observations.entries()) {
      const state = this.#states[at]
      for (const shown of state?.keys ?? []) {
        const read: KeyRead = { begun, ended, read: shown.finding, invariant: state?.invariant ?? "I1", shown }
        const known = reads.get(shown.key)
        if (known === undefined) reads.set(shown.key, [read])
        else known.push(read)
      }
    }
    for (const [key, all] of reads) this.#checkKey(key, all)
  }

  #checkKey(key: Key, reads: ReadonlyArray<KeyRead>): void {
    const history = this.#history
    const writes: Array<KeyOperation> = []
    for (const node of history.writersOf(key)) {
      const write = history.writeAt(node)
      if (write === undefined) continue
      const begun = this.#log.visibleFrom(write)
      if (begun === Number.POSITIVE_INFINITY) continue
      writes.push({ begun, ended: this.#log.acknowledgedAt(write), write: history.valueOf(node, key) })
    }
    const verdict = keyVerdict(history.valueOf(initialNode, key), [...writes, ...reads])
    if (verdict._tag === "GivenUp") this.givenUp++
    const wrong = verdict._tag === "Impossible" ? reads.find((read) => read === verdict.read) : undefined
    if (wrong === undefined) return
    wrong.shown.isWrong = true
    const written = history.writersOf(key)
      .filter((node) => (history.writeAt(node)?.begun ?? 0) < wrong.ended)
      .slice(-shownWrites)
      .map((node) => `${history.valueOf(node, key)} by ${history.describe(node)}`)
    this.#problem(
      wrong.invariant,
      `a read of time ${wrong.begun} to ${wrong.ended} shows ${wrong.read} for ${shownKey(key)}, which no order of its `
        + `reads and writes allows; last written were ${written.join(", ")}`
    )
  }

  /** All keys together. */
  #checkCuts(): Known {
    const before = this.#history.graph.copy()
    const cuts = new CutCheck(this.#history, this.#history.graph, this.#states)
    const isPossible = cuts.run()
    this.problems.push(...cuts.problems)
    return isPossible ? { graph: this.#history.graph, states: () => cuts.open } : { graph: before, states: () => [] }
  }

  /**
   * What is wrong with a content that was found after the store had come to its end at that time. What had begun by
   * `latest` may be in it.
   */
  contentProblems(
    content: ReadonlyMap<Key, Finding>,
    time: number,
    end: StoreEnd,
    latest: number = time
  ): ReadonlyArray<Problem> {
    const history = this.#history
    const graph = this.#known.graph.copy()
    const node = history.freeNode
    for (const [at, write] of history.writes.entries()) {
      const writer = history.nodeOfWrite(at)
      if (write.begun > latest) graph.add(node, writer, notBegun)
      const reason = this.#lasting(write, writer, time, end)
      if (reason !== undefined) graph.add(writer, node, reason)
    }
    const keys = new Set([...content.keys(), ...history.keys])
    const shown = Array.from(keys, (key) => shownKeyOf(history, key, content.get(key) ?? absent))
    const cuts = new CutCheck(history, graph, [{ node, invariant: "I4", keys: shown }, ...this.#known.states()])
    cuts.run()
    return cuts.problems
  }

  /** Why the write must outlast such an end, or undefined if it need not. */
  #lasting(write: RecordedWrite, node: number, time: number, end: StoreEnd): Reason | undefined {
    const acknowledged = this.#log.acknowledgedAt(write)
    const synced = this.#log.barriers.find(({ begun, ended }) => ended <= time && acknowledged < begun)
    if (synced !== undefined) return isSynced
    const lasts = end === "close" || write.level === "sync" || (end === "kill" && write.level === "buffered")
    if (!lasts) return undefined
    if (acknowledged <= time) return isLasting(`was acknowledged at "${write.level}"`)
    const wasSeen = this.#history.observations.some(({ ended }, at) =>
      ended <= time && this.#known.graph.precedes(node, this.#history.nodeOfObservation(at))
    )
    return wasSeen ? isLasting(`was seen, at "${write.level}"`) : undefined
  }

  #problem(invariant: string, message: string): void {
    this.problems.push({ invariant, message })
  }
}
