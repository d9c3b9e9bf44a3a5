/**
 * What was done to a store and what it answered, in the order in which calls
 * began and ended. The clock counts these beginnings and ends: of two calls one
 * came before the other if it had ended when that began.
 */
import type { Snapshot } from "../../Snapshot.ts"
import type { Durability } from "../../StoreOptions.ts"
import type { Problem } from "../Problem.ts"
import type { Finding, Key, Value } from "./Content.ts"
import type { KeySpan } from "./KeySpan.ts"

/**
 * - `"pending"`: has not ended yet.
 * - `"acknowledged"`: is in force.
 * - `"unknown"`: may come into force at any time, or never.
 * - `"failed"`: is not in force until the store is opened again, and perhaps then.
 * - `"refused"`: nothing was written, nor will be.
 */
export type Outcome = "pending" | "acknowledged" | "unknown" | "failed" | "refused"

/** One write: a put, a delete or a batch. */
export interface RecordedWrite {
  readonly id: number
  readonly begun: number
  /** When it ended; `Infinity` while it is pending. */
  ended: number
  outcome: Outcome
  readonly level: Durability
  /** What each of its keys becomes. */
  readonly changes: ReadonlyMap<Key, Value>
  /** How many sequences it takes; the last one is `sequence`. */
  readonly records: number
  sequence: number | undefined
}

/** What one read found: of keys by name, and of a stretch of keys, in which those that it did not find are absent. */
export interface Part {
  readonly found: Map<Key, Finding>
  covered: KeySpan | undefined
}

/** Takes down what a read found that began then. */
export type Report = (begun: number, part: Part) => void

/** Which read it was. */
export type ReadName = "get" | "has" | "getMany" | "scan" | "snapshot" | "stats"

/** Reads of one state, which was that of the store at some time between `begun` and `ended`. */
export interface Observation {
  readonly name: ReadName
  readonly begun: number
  readonly ended: number
  /** The state's sequence, where it is known. */
  readonly sequence: number | undefined
  readonly parts: Array<Part>
}

/** All that was acknowledged before `begun` was durable when it ended. */
export interface Barrier {
  readonly begun: number
  readonly ended: number
}

export class HistoryLog {
  readonly initial: ReadonlyMap<Key, Value>
  readonly writes: Array<RecordedWrite> = []
  readonly observations: Array<Observation> = []
  readonly barriers: Array<Barrier> = []
  /** Answers that were wrong whatever had been written. */
  readonly problems: Array<Problem> = []
  /** The snapshots that this history gave out, and what each stands for. */
  readonly snapshots = new WeakMap<Snapshot, { readonly inner: Snapshot; readonly observation: Observation }>()
  /** When stores were given to be observed: a later one may be the same, opened again. */
  readonly #openings: Array<number> = []
  #clock = 0

  constructor(initial: ReadonlyMap<Key, Value>) {
    this.initial = initial
  }

  /** The time of the last thing that happened. */
  get now(): number {
    return this.#clock
  }

  /** The time of something that happens now: above all times before it. */
  tick(): number {
    return ++this.#clock
  }

  opened(): void {
    this.#openings.push(this.tick())
  }

  begin(changes: ReadonlyMap<Key, Value>, records: number, level: Durability): RecordedWrite {
    const write: RecordedWrite = {
      id: this.writes.length + 1,
      begun: this.tick(),
      ended: Number.POSITIVE_INFINITY,
      outcome: "pending",
      level,
      changes,
      records,
      sequence: undefined
    }
    this.writes.push(write)
    return write
  }

  end(write: RecordedWrite, outcome: Outcome, sequence?: number): void {
    write.ended = this.tick()
    write.outcome = outcome
    write.sequence = sequence
  }

  /** Reads of one state, which was that of the store at some time since then. */
  open(name: ReadName, begun: number, sequence: number | undefined): Observation {
    const observation: Observation = { name, begun, ended: this.tick(), sequence, parts: [] }
    this.observations.push(observation)
    return observation
  }

  /** A read by itself. */
  saw(name: ReadName, begun: number, part: Part, sequence: number | undefined): void {
    this.open(name, begun, sequence).parts.push(part)
  }

  /** A read of a state of which there may be others. */
  sawMore(observation: Observation, part: Part): void {
    this.tick()
    observation.parts.push(part)
  }

  /** The time from which on a write may be in force. */
  visibleFrom({ begun, ended, outcome }: RecordedWrite): number {
    if (outcome !== "failed") return begun
    return this.#openings.find((time) => time > ended) ?? Number.POSITIVE_INFINITY
  }

  /** The time at which it was surely in force; `Infinity` if it need not be. */
  acknowledgedAt({ ended, outcome }: RecordedWrite): number {
    return outcome === "acknowledged" ? ended : Number.POSITIVE_INFINITY
  }
}
