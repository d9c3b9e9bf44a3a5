/**
 * A history as a graph of what came before what, from the times of calls and
 * from the sequences that the store told.
 *
 * Writes are nodes, and so are the states that reads observed: a write that comes
 * before a state is in it, and one that comes after it is not.
 */
import { CommitGraph } from "./CommitGraph.ts"
import type { Reason } from "./CommitGraph.ts"
import { absent, agrees, shownKey } from "./Content.ts"
import type { Finding, Key, Value } from "./Content.ts"
import type { HistoryLog, Observation, RecordedWrite } from "./HistoryLog.ts"

/** The node of the content that was there at the beginning. */
export const initialNode = 0

const onlyInitial: ReadonlyArray<number> = [initialNode]

const ended: Reason = {
  text: (describe, from, to) =>
    from === initialNode ? `${describe(to)} came later` : `${describe(from)} had ended when ${describe(to)} began`
}
const sequenced: Reason = {
  text: (describe, from, to) => `${describe(from)} has a lower sequence than ${describe(to)}`
}

const shownKeys = 3

/** A write in a message's words. */
export const describeWrite = ({ changes, id, outcome }: RecordedWrite): string => {
  const keys = [...changes.keys()]
  const names = keys.slice(0, shownKeys).map(shownKey).join(", ") + (keys.length > shownKeys ? ", …" : "")
  return `write ${id} of ${names}${outcome === "acknowledged" ? "" : ` (${outcome})`}`
}

/** A state that was observed in a message's words. */
export const describeObservation = ({ begun, ended: end, name, sequence }: Observation): string =>
  `the ${name}${sequence === undefined ? "" : ` at sequence ${sequence}`} of time ${begun} to ${end}`

export class HistoryGraph {
  readonly graph: CommitGraph
  readonly writes: ReadonlyArray<RecordedWrite>
  readonly observations: ReadonlyArray<Observation>
  /** For each key that is written the nodes that write it, the beginning first. */
  readonly #writers: ReadonlyMap<Key, ReadonlyArray<number>>
  readonly #writersOfFindings = new Map<Key, Map<Finding, ReadonlyArray<number>>>()
  /** For each node that has a beginning in time the waypoint that it comes after. */
  readonly #cameAfter: ReadonlyMap<number, number>
  readonly #initial: ReadonlyMap<Key, Value>

  constructor(log: HistoryLog) {
    this.#initial = log.initial
    this.writes = log.writes.filter(({ outcome }) => outcome !== "refused")
    this.observations = [...log.observations]
    // One more node than there is, for a state to be observed later.
    this.graph = new CommitGraph(this.writes.length + this.observations.length + 2)
    this.#cameAfter = this.#addTimes(log)
    this.#addSequences()
    this.#writers = this.#findWriters()
  }

  /** The node that no write and no observation has taken. */
  get freeNode(): number {
    return this.graph.nodes - 1
  }

  /** The node of a write, by its place. */
  nodeOfWrite(at: number): number {
    return at + 1
  }

  /** The node of an observed state, by its place. */
  nodeOfObservation(at: number): number {
    return this.writes.length + 1 + at
  }

  /** The write of a node, or undefined: the beginning and states have none. */
  writeAt(node: number): RecordedWrite | undefined {
    return this.writes[node - 1]
  }

  /** What the writer leaves in one of its keys. */
  valueOf(writer: number, key: Key): Value {
    return (writer === initialNode ? this.#initial : this.writeAt(writer)?.changes)?.get(key) ?? absent
  }

  /** All keys that were there at the beginning or were written. */
  get keys(): Iterable<Key> {
    return this.#writers.keys()
  }

  /** Who writes a key, or who leaves in it what was found. */
  writersOf(key: Key, finding?: Finding): ReadonlyArray<number> {
    const writers = this.#writers.get(key) ?? onlyInitial
    if (finding === undefined) return writers
    let known = this.#writersOfFindings.get(key)
    if (known === undefined) {
      known = new Map()
      this.#writersOfFindings.set(key, known)
    }
    let agreeing = known.get(finding)
    if (agreeing === undefined) {
      agreeing = writers.filter((writer) => agrees(finding, this.valueOf(writer, key)))
      known.set(finding, agreeing)
    }
    return agreeing
  }

  /** The earliest of the waypoints that the nodes come after: all of them come after it. */
  waypointBefore(nodes: ReadonlyArray<number>): number | undefined {
    const waypoints = nodes.map((node) => this.#cameAfter.get(node) ?? -1)
    const earliest = Math.min(...waypoints)
    return earliest < 0 ? undefined : earliest
  }

  readonly describe = (node: number): string => {
    if (node === initialNode) return "the content at the beginning"
    const write = this.writeAt(node)
    if (write !== undefined) return describeWrite(write)
    const observation = this.observations[node - 1 - this.writes.length]
    return observation === undefined ? "the recovered content" : describeObservation(observation)
  }

  /** What ended before something began comes before it. */
  #addTimes(log: HistoryLog): ReadonlyMap<number, number> {
    const events: Array<{ readonly time: number; readonly node: number; readonly isEnd: boolean }> = []
    const add = (node: number, begun: number, end: number) => {
      events.push({ time: begun, node, isEnd: false })
      if (end !== Number.POSITIVE_INFINITY) events.push({ time: end, node, isEnd: true })
    }
    for (const [at, write] of this.writes.entries()) {
      add(this.nodeOfWrite(at), log.visibleFrom(write), log.acknowledgedAt(write))
    }
    for (const [at, { begun, ended: end }] of this.observations.entries()) add(this.nodeOfObservation(at), begun, end)
    events.sort((a, b) => a.time - b.time)

    const cameAfter = new Map<number, number>()
    let waypoint = this.graph.waypoint()
    let isLeft = false
    this.graph.add(initialNode, waypoint, ended)
    for (const { isEnd, node } of events) {
      if (!isEnd) {
        this.graph.add(waypoint, node, ended)
        cameAfter.set(node, waypoint)
        isLeft = true
        continue
      }
      if (isLeft) {
        const next = this.graph.waypoint()
        this.graph.add(waypoint, next, ended)
        waypoint = next
        isLeft = false
      }
      this.graph.add(node, waypoint, ended)
    }
    return cameAfter
  }

  /** A state comes after the writes up to its sequence, and before all others. */
  #addSequences(): void {
    const known: Array<{ readonly sequence: number; readonly rank: number; readonly node: number }> = []
    for (const [at, { records, sequence }] of this.writes.entries()) {
      if (sequence !== undefined && records > 0) known.push({ sequence, rank: 0, node: this.nodeOfWrite(at) })
    }
    for (const [at, { sequence }] of this.observations.entries()) {
      if (sequence !== undefined) known.push({ sequence, rank: 1, node: this.nodeOfObservation(at) })
    }
    known.sort((a, b) => a.sequence - b.sequence || a.rank - b.rank)
    let waypoint: number | undefined
    for (let from = 0; from < known.length;) {
      const first = known[from]
      let to = from
      while (to < known.length && known[to]?.sequence === first?.sequence && known[to]?.rank === first?.rank) to++
      const next = this.graph.waypoint()
      for (const { node } of known.slice(from, to)) {
        if (waypoint !== undefined) this.graph.add(waypoint, node, sequenced)
        this.graph.add(node, next, sequenced)
      }
      waypoint = next
      from = to
    }
  }

  #findWriters(): ReadonlyMap<Key, ReadonlyArray<number>> {
    const writers = new Map<Key, Array<number>>()
    for (const key of this.#initial.keys()) writers.set(key, [initialNode])
    for (const [at, { changes }] of this.writes.entries()) {
      for (const key of changes.keys()) {
        const nodes = writers.get(key)
        if (nodes === undefined) writers.set(key, [initialNode, this.nodeOfWrite(at)])
        else nodes.push(this.nodeOfWrite(at))
      }
    }
    return writers
  }
}
