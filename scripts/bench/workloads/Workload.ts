/** What a workload is: what it does to an open store, and what the store must hold afterwards. */
import { Schema } from "effect"
import type { Effect } from "effect"
import type { KeyOrder } from "../records.ts"
import type { Manner, Store, Unsupported } from "../stores/Store.ts"
import type { Phase } from "./measured.ts"

/** What a store must hold: the first so many records, and no others. */
export interface Content {
  readonly records: number
  readonly order: KeyOrder
  readonly isRight: (record: number, found: Uint8Array | undefined) => boolean
}

/** What a workload works on. */
export interface Bench<M extends Manner> {
  readonly store: Store<M>
  /** How many there are in the store, or are to be put into it. */
  readonly records: number
  /** How long those workloads run that go on for a time. */
  readonly milliseconds: number
  /** Of fibers that write beside reads. */
  readonly fibers: number
}

export interface Outcome {
  readonly phase: Phase
  readonly content: Content
  /** Figures of this workload alone. */
  readonly figures?: Readonly<Record<string, number>>
}

/**
 * What a store has when its process begins: nothing, all records and settled
 * (in files of its own if the workload changes them), all and a log of as many
 * more as a memtable holds after a kill, or the records of `big-fillrandom`.
 */
export type Start = "empty" | "loaded" | "loaded copy" | "killed" | "big"

export interface Workload {
  readonly name: string
  readonly title: string
  readonly durability: "sync" | "buffered"
  readonly start: Start
  /** What an operation is, in the plural. */
  readonly operations: string
  /** The figure that stores are compared by, of those in `comparison/metrics.ts`. */
  readonly metric: string
  /** Further figures that the table shows. */
  readonly shows?: ReadonlyArray<string>
  /** Whether background work is waited for before bytes on disk and processor time are taken. */
  readonly settles?: boolean
  /** Whether the process stays as it is at the end, to be killed. */
  readonly staysOpen?: boolean
  /** Records by those of other workloads. */
  readonly scale?: number
  /** The cache by the bytes of all records; else it is the same for all workloads. */
  readonly cacheShare?: number
  /** Runs in the first round only, and for log-structured stores alone. */
  readonly isBig?: boolean
  readonly run: <M extends Manner>(bench: Bench<M>) => Effect.Effect<Outcome, Unsupported | WrongContent>
}

/** A cache that holds all records, with what a store needs beside their bytes. */
export const wholeCache = 1.5

/** Whether a workload changes nothing in the store. */
export const onlyReads = ({ start }: Workload): boolean => start === "loaded" || start === "big"

export class WrongContent extends Schema.TaggedError<WrongContent>()("WrongContent", { reason: Schema.String }) {
  override get message(): string {
    return this.reason
  }
}
