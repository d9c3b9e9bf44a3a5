/**
 * One write on its way to the log: its records, already encoded, and whom to
 * tell.
 */
import { Effectable, Exit } from "effect"
import type { Effect } from "effect"
import type { WriteError } from "../StoreError.ts"
import type { Durability } from "../StoreOptions.ts"
import { unsealBatch } from "../WriteBatch.ts"
import type { EncodedRange, WriteBatch } from "../WriteBatch.ts"

/** What a written batch is told. */
export interface Commit {
  /** The sequence of the batch's last record: a read at or above it sees the whole batch. */
  readonly sequence: number
}

/**
 * Who is woken runs at once, in the Wal's stretch, up to the observers of a fiber
 * that ends in it. What those throw must not become the Wal's defect, nor keep
 * the other writers asleep: it becomes an uncaught exception.
 */
const throwLater = (thrown: unknown): void =>
  queueMicrotask(() => {
    throw thrown
  })

/** Where a request stands. Only a waiting one can be withdrawn (I14). */
export const RequestState = { waiting: 0, taken: 1, withdrawn: 2 } as const
export type RequestState = typeof RequestState[keyof typeof RequestState]

/** Levels as numbers, weakest first: a group meets the highest of its requests. */
export const levelOf: { readonly [level in Durability]: 0 | 1 | 2 } = { async: 0, buffered: 1, sync: 2 }

/** Their names, by number. */
export const durabilityOf: ReadonlyArray<Durability> = ["async", "buffered", "sync"]

type Reply<A> = (effect: Effect.Effect<A, WriteError>) => void

/** Whom to tell: who wants no more than the end, as of a put or a delete; a batch, which wants its commit; or nobody. */
export type Waiter =
  | Reply<void>
  | { readonly reply: Reply<Commit>; readonly batch: WriteBatch }
  | undefined

/** Whoever has a request that waits, and takes it out. */
interface Holder {
  readonly withdraw: (request: CommitRequest) => void
}

/**
 * A single put or delete is one object: its records are the stretch that it is itself, and as an effect it withdraws
 * itself, which is what the interruption of its writer does.
 */
export class CommitRequest extends Effectable.Class<void> implements EncodedRange {
  state: RequestState = RequestState.waiting
  readonly #holder: Holder
  readonly buffer: Uint8Array
  readonly start: number
  readonly end: number
  /** The stretches of a batch; undefined: the request's own is all. */
  readonly ranges: ReadonlyArray<EncodedRange> | undefined
  readonly records: number
  readonly bytes: number
  readonly level: number
  readonly waiter: Waiter

  constructor(
    holder: Holder,
    buffer: Uint8Array,
    start: number,
    end: number,
    ranges: ReadonlyArray<EncodedRange> | undefined,
    records: number,
    bytes: number,
    level: number,
    waiter: Waiter
  ) {
    super()
    this.#holder = holder
    this.buffer = buffer
    this.start = start
    this.end = end
    this.ranges = ranges
    this.records = records
    this.bytes = bytes
    this.level = level
    this.waiter = waiter
  }

  asEffect(): Effect.Effect<void> {
    this.#holder.withdraw(this)
    return Exit.void
  }

  /** Wakes the writer, which may run at once. */
  acknowledge(sequence: number): void {
    const { waiter } = this
    try {
      if (typeof waiter === "function") waiter(Exit.void)
      else waiter?.reply(Exit.succeed({ sequence }))
    } catch (thrown) {
      throwLater(thrown)
    }
  }

  /** A batch is its owner's again. */
  refuse(error: WriteError): void {
    const { waiter } = this
    if (typeof waiter === "object") unsealBatch(waiter.batch)
    try {
      if (typeof waiter === "function") waiter(Exit.fail(error))
      else waiter?.reply(Exit.fail(error))
    } catch (thrown) {
      throwLater(thrown)
    }
  }
}

/** The stretches that hold the requests' records, in order; neighbours are joined. */
export const rangesOf = (requests: ReadonlyArray<CommitRequest>): Array<EncodedRange> => {
  const ranges: Array<EncodedRange> = []
  let buffer: Uint8Array | undefined
  let start = 0
  let end = 0
  for (const request of requests) {
    if (request.ranges === undefined) {
      if (request.buffer === buffer && request.start === end) {
        end = request.end
        continue
      }
      if (buffer !== undefined) ranges.push({ buffer, start, end })
      buffer = request.buffer
      start = request.start
      end = request.end
    } else {
      if (buffer !== undefined) ranges.push({ buffer, start, end })
      buffer = undefined
      for (const range of request.ranges) ranges.push(range)
    }
  }
  if (buffer !== undefined) ranges.push({ buffer, start, end })
  return ranges
}
