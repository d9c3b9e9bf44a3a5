/**
 * Fills a fresh store for some seconds. Workloads run side by side, in turn in
 * each round; their medians and the ratio of two of them are printed.
 */
import { Console, Effect, Layer } from "effect"
import { LsmStore } from "../../src/index.ts"
import type { Durability } from "../../src/index.ts"
import { NodeLsmStore } from "../../src/node/index.ts"
import { grouped } from "../support/table.ts"
import { benchDirectory } from "./benchDirectory.ts"
import { fill } from "./fill.ts"
import { median } from "./medians.ts"
import { makeRecords } from "./records.ts"
import type { Settings } from "./settings.ts"
import { slowerSyncDisk } from "./slowerSync.ts"

export interface FillWorkload {
  readonly name: string
  readonly fibers: number
  readonly durability: Durability
}

export const fillWorkloads: ReadonlyArray<FillWorkload> = [
  { name: "fillsync-1", fibers: 1, durability: "sync" },
  { name: "fillsync-256", fibers: 256, durability: "sync" },
  { name: "fillrandom", fibers: 256, durability: "buffered" },
  { name: "fillrandom-async", fibers: 256, durability: "async" }
]

const storeLayer = (directory: string, { syncMicroseconds }: Settings) =>
  syncMicroseconds === undefined
    ? NodeLsmStore.layer({ directory })
    : LsmStore.layer({ directory }).pipe(Layer.provide(slowerSyncDisk(syncMicroseconds)))

export const runFills = Effect.fnUntraced(function*(chosen: ReadonlyArray<FillWorkload>, settings: Settings) {
  const records = makeRecords(settings.records ?? 1_000_000)
  const milliseconds = (settings.seconds ?? 5) * 1000
  const run = (workload: FillWorkload) =>
    Effect.scoped(
      Effect.flatMap(benchDirectory(settings.directory), (directory) =>
        Effect.provide(fill(records, { ...workload, milliseconds }), storeLayer(directory, settings)))
    )

  const rates = new Map<string, Array<number>>(chosen.map(({ name }) => [name, []]))
  for (let round = 1; round <= settings.rounds; round++) {
    for (const workload of chosen) {
      const { perSecond, puts } = yield* run(workload)
      rates.get(workload.name)?.push(perSecond)
      yield* Console.log(
        `round ${round}  ${workload.name.padEnd(18)} ${grouped(perSecond)} puts/s  (${grouped(puts)} puts)`
      )
    }
  }
  yield* Console.log("")
  for (const { name } of chosen) {
    yield* Console.log(`median   ${name.padEnd(18)} ${grouped(median(rates.get(name) ?? []))} puts/s`)
  }
  const one = rates.get("fillsync-1")
  const many = rates.get("fillsync-256")
  if (one !== undefined && many !== undefined) {
    yield* Console.log(`\n"sync" puts, 256 fibers to 1: ${(median(many) / median(one)).toFixed(1)} times`)
  }
})
