/**
 * What is known of the one order of commits: a directed graph in which an edge
 * says that one thing comes before another. A cycle is a contradiction.
 *
 * Its nodes are numbered from 0 up to `nodes`. Waypoints are nodes beside them, for
 * chains that would take an edge for each pair otherwise; nobody asks about those.
 */

/** Why one thing comes before another. */
export interface Reason {
  readonly text: (describe: (node: number) => string, from: number, to: number) => string
  /** The invariant that says so, where it is not only the order. */
  readonly invariant?: string
}

interface Edge {
  readonly to: number
  readonly reason: Reason
}

/** A step of a path between two nodes, over however many waypoints. */
export interface Step extends Edge {
  readonly from: number
}

export class CommitGraph {
  readonly nodes: number
  readonly #words: number
  #next: Array<Array<Edge>>
  /** For each node and waypoint, as bits, the nodes that come after it. */
  #after = new Uint32Array(0)

  constructor(nodes: number) {
    this.nodes = nodes
    this.#words = Math.ceil(nodes / 32)
    this.#next = Array.from({ length: nodes }, () => [])
  }

  copy(): CommitGraph {
    const copy = new CommitGraph(this.nodes)
    copy.#next = this.#next.map((edges) => [...edges])
    copy.#after = this.#after
    return copy
  }

  waypoint(): number {
    return this.#next.push([]) - 1
  }

  add(from: number, to: number, reason: Reason): void {
    this.#next[from]?.push({ to, reason })
  }

  /** Draws all conclusions from the edges. False if there is a cycle; then the conclusions stay as they were. */
  settle(): boolean {
    const order = this.#inOrder()
    if (order === undefined) return false
    const words = this.#words
    const after = new Uint32Array(order.length * words)
    for (const node of order.reverse()) {
      const row = node * words
      for (const { to } of this.#next[node] ?? []) {
        const other = to * words
        for (let word = 0; word < words; word++) after[row + word]! |= after[other + word]!
        if (to < this.nodes) after[row + (to >>> 5)]! |= 1 << (to & 31)
      }
    }
    this.#after = after
    return true
  }

  /** True if it follows from the edges that were there at the last `settle`. */
  precedes(from: number, to: number): boolean {
    return ((this.#after[from * this.#words + (to >>> 5)] ?? 0) & (1 << (to & 31))) !== 0
  }

  /** All nodes, each before those that come after it; undefined if there is a cycle. */
  #inOrder(): Array<number> | undefined {
    const waits = new Uint32Array(this.#next.length)
    for (const edges of this.#next) for (const { to } of edges) waits[to]!++
    const order: Array<number> = []
    for (let node = 0; node < waits.length; node++) if (waits[node] === 0) order.push(node)
    for (let at = 0; at < order.length; at++) {
      for (const { to } of this.#next[order[at]!]!) if (--waits[to]! === 0) order.push(to)
    }
    return order.length === waits.length ? order : undefined
  }

  /** A shortest path, or undefined. */
  path(from: number, to: number): ReadonlyArray<Step> | undefined {
    const into = new Map<number, Step>()
    let reached = [from]
    while (reached.length > 0 && !into.has(to)) {
      const further: Array<number> = []
      for (const node of reached) {
        for (const { reason, to: next } of this.#next[node]!) {
          if (into.has(next)) continue
          into.set(next, { from: node, to: next, reason })
          further.push(next)
        }
      }
      reached = further
    }
    const steps: Array<Step> = []
    let last = into.get(to)
    if (last === undefined) return undefined
    while (last !== undefined) {
      const { from: node, reason, to: end }: Step = last
      if (node < this.nodes) {
        steps.unshift({ from: node, to: end, reason })
        last = node === from ? undefined : into.get(node)
      } else {
        const before = into.get(node)
        last = before === undefined ? undefined : { from: before.from, to: end, reason }
      }
    }
    return steps
  }
}
