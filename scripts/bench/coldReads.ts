/**
 * coldreads: gets of random keys from files that the page cache holds, from
 * files that it does not, and from a disk that takes a millisecond for what is
 * cold, each under every read mode. Prints how many a second there were, how many
 * reads were made at once, and how long those held the event loop.
 *
 * A synchronous read of what is cold holds the loop, and a read through the pool
 * of what is warm costs many times the read: "adaptive" is to be near the better
 * of the two in each state.
 */
import { Console, Effect, Layer } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import * as NodeDisk from "../../src/disk/NodeDisk.ts"
import { LsmStore, WriteBatch } from "../../src/index.ts"
import { layerInlineJobs } from "../../src/jobs/InlineJobs.ts"
import { StoreReadMode } from "../../src/table/ReadPolicy.ts"
import type { ReadMode } from "../../src/table/ReadPolicy.ts"
import { grouped } from "../support/table.ts"
import { benchDirectory } from "./benchDirectory.ts"
import { dropPages } from "./dropPages.ts"
import { measuredReads } from "./measuredReads.ts"
import { columnLines } from "./medians.ts"
import { makeKey, makeValues, randomNumbers } from "./records.ts"
import type { Settings } from "./settings.ts"

const modes: ReadonlyArray<ReadMode> = ["adaptive", "sync", "async"]
const fiberCounts = [1, 32]
const slowDisk = 1
/** Next to nothing, so that nearly every get reads the file. */
const blockCacheSize = 1024 * 1024
const batchSize = 1000

type State = "warm" | "cold" | "slow"

const load = (directory: string, count: number) =>
  Effect.gen(function*() {
    const store = yield* LsmStore
    const values = makeValues()
    for (let from = 0; from < count; from += batchSize) {
      const batch = WriteBatch.make()
      for (let at = from; at < Math.min(count, from + batchSize); at++) {
        batch.put(makeKey(at), values[at % values.length]!)
      }
      yield* store.write(batch, { durability: "async" })
    }
    yield* store.compact()
  }).pipe(
    Effect.provide(
      LsmStore.layer({ directory }).pipe(
        Layer.provide(layerInlineJobs),
        Layer.provide(NodeDisk.layer)
      )
    )
  )

/** Has the page cache hold every file of a directory. */
const warmUp = (directory: string): Effect.Effect<void> =>
  Effect.sync(() => {
    for (const name of readdirSync(directory)) readFileSync(join(directory, name))
  })

interface Run {
  readonly directory: string
  readonly count: number
  readonly mode: ReadMode
  readonly state: State
  readonly fibers: number
  readonly milliseconds: number
}

const run = ({ count, directory, fibers, milliseconds, mode, state }: Run) =>
  Effect.suspend(() => {
    const reads = measuredReads(state === "slow" ? slowDisk : 0)
    return Effect.gen(function*() {
      const store = yield* LsmStore
      if (state !== "cold") yield* warmUp(directory)
      reads.begin()
      const random = randomNumbers(1)
      const started = performance.now()
      const deadline = started + milliseconds
      let gets = 0
      const reader = Effect.whileLoop({
        while: () => performance.now() < deadline,
        body: () => store.get(makeKey(random(count))),
        step: () => {
          gets++
        }
      })
      yield* Effect.all(Array.from({ length: fibers }, () => reader), { concurrency: "unbounded", discard: true })
      const took = performance.now() - started
      const { atOnce, inPool, longestHold, slowHolds } = reads.figures
      return [
        `${state}, ${fibers} at a time, ${mode}`,
        grouped(gets / took * 1000),
        `${(100 * atOnce / Math.max(1, atOnce + inPool)).toFixed(1)} %`,
        `${longestHold.toFixed(2)} ms`,
        `${(100 * slowHolds / took).toFixed(1)} %`
      ]
    }).pipe(
      Effect.provide(
        LsmStore.layer({ directory, blockCacheSize }).pipe(
          Layer.provide(layerInlineJobs),
          Layer.provide(reads.layer)
        )
      ),
      Effect.provideService(StoreReadMode, mode)
    )
  })

export const runColdReads = Effect.fnUntraced(
  function*(settings: Settings) {
    const count = settings.records ?? 1_000_000
    const milliseconds = (settings.seconds ?? 2) * 1000
    const directory = yield* benchDirectory(settings.directory)
    yield* load(directory, count)
    const rows = [["coldreads", "gets/s", "at once", "longest hold", "loop held by slow reads"]]
    let way: string | undefined
    for (const state of ["warm", "cold", "slow"] as const) {
      for (const fibers of fiberCounts) {
        for (const mode of modes) {
          if (state === "cold") way = yield* dropPages(directory)
          if (state === "cold" && way === undefined) continue
          rows.push(yield* run({ directory, count, mode, state, fibers, milliseconds }))
        }
      }
    }
    for (const line of columnLines(rows)) yield* Console.log(line)
    yield* Console.log(
      way === undefined
        ? "The pages of files could not be dropped here: the cold rows are missing."
        : `Cold: the pages of all files were dropped before the store opened (${way}).`
    )
    yield* Console.log(`Slow: on a disk that takes ${slowDisk} ms longer for a page that was not read before.`)
  },
  Effect.scoped
)
