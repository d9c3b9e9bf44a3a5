/**
 * Decides whether what a reopened store holds can have come from what its killed
 * writers did (I3, I4, I5).
 *
 * Every operation has a start, and an end if it took place: the acknowledgement,
 * or for one in flight the kill. They are counted in acknowledgements, so that an
 * operation whose end is not after the start of another is before it. Then
 * - every key holds what one of its writes left, or what it held at the last check;
 * - no operation that is acknowledged, or that shows at any other key, began
 *   after what is found there had ended.
 * The second catches a lost write, an old version that came back, and a torn
 * batch alike.
 */
import { compareBytes } from "../../src/record/Bytes.ts"
import type { CrashedChild } from "./CrashedChild.ts"
import type { Plan } from "./Plan.ts"
import { isSameIdentity, makeValue, operation, readIdentity } from "./Workload.ts"
import type { Identity, Operation } from "./Workload.ts"

interface Performed {
  readonly operation: Operation
  readonly identity: Omit<Identity, "place">
  readonly start: number
  readonly end: number
  readonly isAcknowledged: boolean
  isSeen: boolean
}

interface Candidate {
  readonly performed: Performed
  readonly place: number
}

/** A value that is known to be right, as one can make it again. */
interface Known extends Identity {
  readonly length: number
}

export interface Verdict {
  /** What is wrong, a line each; empty if nothing is. */
  readonly violations: ReadonlyArray<string>
  /** Acknowledged writes that were held against what was found. A batch is one. */
  readonly checked: { readonly sync: number; readonly buffered: number }
  /** Those among them that still show: nothing later hides them. */
  readonly showing: number
  /** Unacknowledged writes that took place nevertheless. */
  readonly inFlight: number
}

const mostViolations = 20

const describeIdentity = ({ count, fiber, incarnation }: Omit<Identity, "place">): string =>
  `write ${count} of fiber ${fiber} in child ${incarnation}`

export class History {
  /** What the store holds, as of the last check. */
  readonly #known = new Map<string, Known>()
  readonly #performed = new Map<string, Performed>()
  readonly #candidates = new Map<string, Array<Candidate>>()
  #clock = 0

  /** Adds what a child did after those that were added before. */
  add({ acks, phase, plan }: CrashedChild): void {
    const counts = new Uint32Array(plan.fibers)
    const starts = new Float64Array(plan.fibers).fill(this.#clock)
    for (const fiber of acks) {
      this.#perform(plan, fiber, counts[fiber]!++, starts[fiber]!, ++this.#clock, true)
      starts[fiber] = this.#clock
    }
    this.#clock++
    // Until it is open, nothing can be in flight.
    if (phase === undefined || phase === "opening") return
    for (const [fiber, count] of counts.entries()) {
      this.#perform(plan, fiber, count, starts[fiber]!, this.#clock, false)
    }
  }

  #perform(plan: Plan, fiber: number, count: number, start: number, end: number, isAcknowledged: boolean): void {
    const { incarnation } = plan
    const identity = { incarnation, fiber, count }
    const performed = { operation: operation(plan, fiber, count), identity, start, end, isAcknowledged, isSeen: false }
    this.#performed.set(describeIdentity(identity), performed)
    for (const [place, { key }] of performed.operation.writes.entries()) {
      const candidates = this.#candidates.get(key)
      if (candidates === undefined) this.#candidates.set(key, [{ performed, place }])
      else candidates.push({ performed, place })
    }
  }

  /** Checks all that the store holds. Later checks start from it. */
  check(found: ReadonlyMap<string, Uint8Array>): Verdict {
    const violations: Array<string> = []
    const checked = { sync: 0, buffered: 0 }
    let showing = 0
    let inFlight = 0

    const identified = new Map<string, Known>()
    for (const [key, value] of found) {
      const known = this.#identify(key, value)
      if (known === undefined) violations.push(`${key} holds bytes that nobody wrote to it.`)
      else identified.set(key, known)
    }
    for (const key of new Set([...this.#known.keys(), ...this.#candidates.keys()])) {
      // What holds bytes that nobody wrote has been told of already.
      if (found.has(key) && !identified.has(key)) continue
      const problem = this.#problem(key, identified.get(key))
      if (problem !== undefined) violations.push(problem)
    }
    for (const { isAcknowledged, isSeen, operation: { level } } of this.#performed.values()) {
      if (isAcknowledged) {
        checked[level]++
        if (isSeen) showing++
      } else if (isSeen) {
        inFlight++
      }
    }

    this.#performed.clear()
    this.#candidates.clear()
    this.#known.clear()
    for (const [key, known] of identified) this.#known.set(key, known)
    return { violations: violations.slice(0, mostViolations), checked, showing, inFlight }
  }

  /** Finds the write that a value comes from, and marks it as seen. */
  #identify(key: string, value: Uint8Array): Known | undefined {
    const identity = readIdentity(value)
    if (identity === undefined) return undefined
    const known = this.#known.get(key)
    const performed = this.#performed.get(describeIdentity(identity))
    const write = performed?.operation.writes[identity.place]
    const length = write?.key === key
      ? write.length
      : known !== undefined && isSameIdentity(known, identity)
      ? known.length
      : undefined
    if (length === undefined || compareBytes(value, makeValue(identity, length)) !== 0) return undefined
    if (performed !== undefined) performed.isSeen = true
    return { ...identity, length }
  }

  /** What is wrong with a key that holds what is known, or nothing. */
  #problem(key: string, known: Known | undefined): string | undefined {
    const candidates = this.#candidates.get(key) ?? []
    let latest: Performed | undefined
    for (const { performed } of candidates) {
      const tookPlace = performed.isAcknowledged || performed.isSeen
      if (tookPlace && (latest === undefined || performed.start > latest.start)) latest = performed
    }
    const isPossible = ({ end }: Performed) => latest === undefined || end > latest.start

    const before = this.#known.get(key)
    const isUnchanged = known === undefined
      ? before === undefined
      : before !== undefined && isSameIdentity(known, before)
    if (isUnchanged && latest === undefined) return undefined

    const isExplained = candidates.some(({ performed, place }) =>
      isPossible(performed) && (known === undefined
        ? performed.operation.writes[place]?.length === undefined
        : isSameIdentity(known, { ...performed.identity, place }))
    )
    if (isExplained) return undefined
    const holds = known === undefined ? "holds nothing" : `holds ${describeIdentity(known)}`
    if (latest === undefined) return `${key} ${holds}, though nothing was written to it since the last check.`
    const why = latest.isAcknowledged ? `acknowledged at "${latest.operation.level}"` : "which shows at another key"
    return `${key} ${holds}, and not ${describeIdentity(latest.identity)}, ${why}, nor anything later.`
  }
}
