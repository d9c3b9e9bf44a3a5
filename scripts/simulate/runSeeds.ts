/** Runs the seeds of a range, in several processes if there are many, and gives each outcome as it comes. */
import { Effect, Queue, Schema, Stream } from "effect"
import { startChild } from "../support/ChildProcess.ts"
import { runSeed, SeedOutcomeLine } from "./SeedOutcome.ts"
import type { SeedOutcome } from "./SeedOutcome.ts"

export interface SeedRange {
  readonly first: number
  readonly last: number
}

/** A process of the simulation ended otherwise than by coming to its end. */
export class ChildFailed extends Schema.TaggedError<ChildFailed>()("ChildFailed", { output: Schema.String }) {
  override get message(): string {
    return `A process that ran simulations has failed: ${this.output}`
  }
}

const inThisProcess = ({ first, last }: SeedRange): Stream.Stream<SeedOutcome> =>
  // A yield lets an interrupt through.
  Stream.mapEffect(
    Stream.range(first, last),
    (seed) => Effect.andThen(Effect.yieldNow, Effect.sync(() => runSeed(seed)))
  )

const decodeLine = Schema.decodeSync(SeedOutcomeLine)

const inChildren = ({ first, last }: SeedRange, processes: number): Stream.Stream<SeedOutcome, ChildFailed> =>
  Stream.callback<SeedOutcome, ChildFailed>((queue) =>
    Effect.gen(function*() {
      const children = yield* Effect.forEach(Array.from({ length: processes }, (_, each) => each), (each) =>
        startChild(
          new URL("./child.ts", import.meta.url),
          [first + each, last, processes].map(String),
          (line) => void Queue.offerUnsafe(queue, decodeLine(line))
        ))
      const endings = yield* Effect.forEach(children, ({ ended }) => ended, { concurrency: "unbounded" })
      const failed = endings.find(({ code }) => code !== 0)
      if (failed !== undefined) return yield* Queue.fail(queue, new ChildFailed({ output: failed.errors }))
      return yield* Queue.end(queue)
    })
  )

/** Fewer are done sooner than a process starts. */
const manySeeds = 20

export const runSeeds = (range: SeedRange, processes: number): Stream.Stream<SeedOutcome, ChildFailed> =>
  processes === 1 || range.last - range.first < manySeeds ? inThisProcess(range) : inChildren(range, processes)
