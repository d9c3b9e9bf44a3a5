/**
 * One write on its way to the log: its records, already encoded, and whom to
 * tell.
 */
import { Exit } from "effect"
import type { Effect } from "effect"
import type { WriteError } from "../StoreError.ts"
import type { Durability } from "../StoreOptions.ts"
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

/** Whom to tell: a put or a delete wants no more than the end, a batch its commit. */
export type Waiter =
  | { readonly _tag: "Put"; readonly reply: Reply<void> }
  | { readonly _tag: "Batch"; readonly reply: Reply<Commit>; readonly batch: WriteBatch }
  | { readonly _tag: "Nobody" }

/** The records of a request: one stretch of a shared buffer, or the stretches of a batch. */
export type Content = EncodedRange | ReadonlyArray<EncodedRange>

export class CommitRequest {
  state: RequestState = RequestState.waiting
  readonly content: Content
  readonly records: number
  readonly bytes: number
  readonly level: number
  readonly waiter: Waiter

  constructor(content: Content, records: number, bytes: number, level: number, waiter: Waiter) {
    this.content = content
    this.records = records
    this.bytes = bytes
    this.level = level
    this.waiter = waiter
  }

  /** Wakes the writer, which may run at once. */
  acknowledge(sequence: number): void {
    const { waiter } = this
    try {
      if (waiter._tag === "Put") waiter.reply(Exit.void)
      else if (waiter._tag === "Batch") waiter.reply(Exit.succeed({ sequence }))
    } catch (thrown) {
      throwLater(thrown)
    }
  }

  refuse(error: WriteError): void {
    const { waiter } = this
    try {
      if (waiter._tag !== "Nobody") waiter.reply(Exit.fail(error))
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
  for (const { content } of requests) {
    if ("buffer" in content) {
      if (content.buffer === buffer && content.start === end) {
        end = content.end
        continue
      }
      if (buffer !== undefined) ranges.push({ buffer, start, end })
      buffer = content.buffer
      start = content.start
      end = content.end
    } else {
      if (buffer !== undefined) ranges.push({ buffer, start, end })
      buffer = undefined
      for (const range of content) ranges.push(range)
    }
  }
  if (buffer !== undefined) ranges.push({ buffer, start, end })
  return ranges
}
