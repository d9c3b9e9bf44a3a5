/**
 * Whether there is one order of commits in which every state that was observed
 * is that after some first part of it (I1, I3, I4, I5, I8).
 *
 * A key that shows a write's value says that the write is in the state, that
 * those in the state which write the key too came before it, and that those which
 * overwrote it are not in the state. Each conclusion is an edge; where there is a
 * cycle, or nobody left who may have written what was found, the history is wrong.
 * Where several writes may have written it, only what follows for all of them is
 * concluded: there are no false alarms.
 */
import type { Problem } from "../Problem.ts"
import type { CommitGraph, Reason, Step } from "./CommitGraph.ts"
import { shownKey } from "./Content.ts"
import type { HistoryGraph } from "./HistoryGraph.ts"
import type { ShownKey, ShownState } from "./ShownState.ts"

interface NewEdge {
  readonly from: number
  readonly to: number
  readonly reason: Reason
}

const found = ({ finding, key }: ShownKey): string => `shows ${finding} for ${shownKey(key)}`

const shows = (shown: ShownKey): Reason => ({
  text: (describe, from, to) => `${describe(to)} ${found(shown)}, by ${describe(from)}`
})
const showsLater = (shown: ShownKey): Reason => ({
  text: (describe, from, to) => `${describe(to)} ${found(shown)}, by ${describe(from)} or later`
})
const leavesOut = (shown: ShownKey): Reason => ({
  text: (describe, from, to) => `${describe(from)} ${found(shown)}, which ${describe(to)} overwrote`
})
const overwrote = (shown: ShownKey, state: number): Reason => ({
  text: (describe, from, to) => `${describe(state)} has ${describe(from)}, and ${found(shown)}, by ${describe(to)}`
})

/** At most so many new edges are tried for the shortest contradiction. */
const triedEdges = 100

export class CutCheck {
  readonly problems: Array<Problem> = []
  readonly #history: HistoryGraph
  readonly #graph: CommitGraph
  readonly #states: ReadonlyArray<ShownState>
  /** What may yet tell something, once more is known. */
  #open: ReadonlyArray<{ readonly state: ShownState; readonly shown: ShownKey }>

  constructor(history: HistoryGraph, graph: CommitGraph, states: ReadonlyArray<ShownState>) {
    this.#history = history
    this.#graph = graph
    this.#states = states
    this.#open = states.flatMap((state) => state.keys.map((shown) => ({ state, shown })))
  }

  /** What may yet tell something, for another check with more states. */
  get open(): ReadonlyArray<ShownState> {
    return this.#open.map(({ shown, state }) => ({ ...state, keys: [{ ...shown }] }))
  }

  /** Draws conclusions until there are no more. False if they contradict each other. */
  run(): boolean {
    if (!this.#settle([])) return false
    for (;;) {
      const edges: Array<NewEdge> = []
      this.#open = this.#open.filter(({ shown, state }) => {
        if (!shown.isWrong) this.#conclude(state, shown, edges)
        return !shown.isWrong && shown.others.length > 0
      })
      if (edges.length === 0) return true
      for (const { from, reason, to } of edges) this.#graph.add(from, to, reason)
      if (!this.#settle(edges)) return false
    }
  }

  #conclude(state: ShownState, shown: ShownKey, edges: Array<NewEdge>): void {
    const graph = this.#graph
    const { node } = state
    const mayShow = (writer: number): boolean =>
      !graph.precedes(node, writer)
      && !shown.others.some((other) => graph.precedes(writer, other) && graph.precedes(other, node))
    const writers = shown.writers.filter(mayShow)
    const [first, second] = writers
    if (first === undefined) {
      shown.isWrong = true
      this.problems.push(this.#impossible(state, shown))
      return
    }
    shown.writers = writers
    const add = (from: number, to: number, reason: Reason) => {
      if (!graph.precedes(from, to)) edges.push({ from, to, reason })
    }
    if (second === undefined) {
      add(first, node, shows(shown))
      shown.others = shown.others.filter((other) => {
        if (other === first || graph.precedes(other, first) || graph.precedes(node, other)) return false
        if (graph.precedes(other, node)) add(other, first, overwrote(shown, node))
        else if (graph.precedes(first, other)) add(node, other, leavesOut(shown))
        else return true
        return false
      })
      return
    }
    const earliest = writers.find((writer) =>
      writers.every((other) => other === writer || graph.precedes(writer, other))
    )
    if (earliest !== undefined) add(earliest, node, showsLater(shown))
    const waypoint = this.#history.waypointBefore(writers)
    if (waypoint !== undefined) add(waypoint, node, showsLater(shown))
    for (const other of shown.others) {
      if (writers.every((writer) => graph.precedes(writer, other))) add(node, other, leavesOut(shown))
    }
  }

  /** Takes the new edges in. */
  #settle(edges: ReadonlyArray<NewEdge>): boolean {
    if (this.#graph.settle()) return true
    this.problems.push(this.#contradiction(edges))
    return false
  }

  #impossible(state: ShownState, shown: ShownKey): Problem {
    const graph = this.#graph
    const { describe } = this.#history
    const what = `${describe(state.node)} ${found(shown)}`
    const steps: Array<Step> = []
    for (const writer of shown.writers) {
      const other = shown.others.find((each) => graph.precedes(writer, each) && graph.precedes(each, state.node))
      const paths = other === undefined
        ? [graph.path(state.node, writer)]
        : [graph.path(writer, other), graph.path(other, state.node)]
      for (const path of paths) steps.push(...path ?? [])
    }
    const why = steps.length === 0 ? "which nobody wrote" : `though ${this.#inWords(steps)}`
    return {
      invariant: steps.find(({ reason }) => reason.invariant)?.reason.invariant ?? state.invariant,
      message: `${what}, ${why}`
    }
  }

  /** The shortest cycle that one of the new edges closes, or any that was there. */
  #contradiction(edges: ReadonlyArray<NewEdge>): Problem {
    let cycle: ReadonlyArray<Step> = []
    const take = (steps: ReadonlyArray<Step> | undefined) => {
      if (steps !== undefined && (cycle.length === 0 || steps.length < cycle.length)) cycle = steps
    }
    for (const { from, reason, to } of edges.slice(0, triedEdges)) {
      const back = this.#graph.path(to, from)
      if (back !== undefined) take([{ from, to, reason }, ...back])
    }
    for (let node = 0; node < this.#graph.nodes && cycle.length === 0; node++) take(this.#graph.path(node, node))
    const nodes = new Set(cycle.map(({ from }) => from))
    const invariants = this.#states.filter(({ node }) => nodes.has(node)).map(({ invariant }) => invariant)
    const invariant = cycle.find(({ reason }) => reason.invariant)?.reason.invariant
      ?? invariants.find((each) => each !== "I1") ?? invariants[0] ?? "I3"
    return { invariant, message: `no order of commits is possible: ${this.#inWords(cycle)}` }
  }

  #inWords(steps: ReadonlyArray<Step>): string {
    return steps.map(({ from, reason, to }) => reason.text(this.#history.describe, from, to)).join("; ")
  }
}
