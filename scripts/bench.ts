/**
 * The store's benchmark: `npm run bench`, or `npm run bench -- NAME` for one workload.
 *
 * Workloads run side by side in one run, each on a fresh store in a directory of
 * its own, several rounds in turn; it prints the median of each and their ratio.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { LsmStore } from "../src/index.ts"
import type { Durability } from "../src/index.ts"
import { NodeLsmStore } from "../src/node/index.ts"
import { fill } from "./bench/fill.ts"
import { makeRecords } from "./bench/records.ts"
import { slowerSyncDisk } from "./bench/slowerSync.ts"

interface Workload {
  readonly name: string
  readonly fibers: number
  readonly durability: Durability
}

const workloads: ReadonlyArray<Workload> = [
  { name: "fillsync-1", fibers: 1, durability: "sync" },
  { name: "fillsync-256", fibers: 256, durability: "sync" },
  { name: "fillrandom", fibers: 256, durability: "buffered" },
  { name: "fillrandom-async", fibers: 256, durability: "async" }
]

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "5" },
    records: { type: "string", default: "1000000" },
    directory: { type: "string", default: tmpdir() },
    "sync-microseconds": { type: "string" }
  }
})

const median = (numbers: ReadonlyArray<number>): number =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN

/** With `--sync-microseconds N` each sync takes at least so long. */
const storeLayer = (directory: string) => {
  const slow = values["sync-microseconds"]
  return slow === undefined
    ? NodeLsmStore.layer({ directory })
    : LsmStore.layer({ directory }).pipe(Layer.provide(slowerSyncDisk(Number(slow))))
}

const run = (workload: Workload) =>
  Effect.acquireUseRelease(
    Effect.sync(() => mkdtempSync(join(values.directory, "effect-lsm-bench-"))),
    (directory) =>
      fill(records, { ...workload, milliseconds: Number(values.seconds) * 1000 }).pipe(
        Effect.provide(storeLayer(directory))
      ),
    (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
  )

const records = makeRecords(Number(values.records))

const program = Effect.gen(function*() {
  const chosen = workloads.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
  if (chosen.length === 0) {
    yield* Console.error(`The workloads are ${workloads.map(({ name }) => name).join(", ")}.`)
    process.exitCode = 2
    return
  }
  const rates = new Map<string, Array<number>>(chosen.map(({ name }) => [name, []]))
  for (let round = 1; round <= Number(values.rounds); round++) {
    for (const workload of chosen) {
      const result = yield* run(workload)
      rates.get(workload.name)?.push(result.perSecond)
      yield* Console.log(
        `round ${round}  ${workload.name.padEnd(18)} ${Math.round(result.perSecond).toLocaleString("en")} puts/s`
          + `  (${result.puts.toLocaleString("en")} puts)`
      )
    }
  }
  yield* Console.log("")
  for (const { name } of chosen) {
    yield* Console.log(
      `median   ${name.padEnd(18)} ${Math.round(median(rates.get(name) ?? [])).toLocaleString("en")} puts/s`
    )
  }
  const one = rates.get("fillsync-1")
  const many = rates.get("fillsync-256")
  if (one !== undefined && many !== undefined) {
    yield* Console.log(`\n"sync" puts, 256 fibers to 1: ${(median(many) / median(one)).toFixed(1)} times`)
  }
})

NodeRuntime.runMain(program)
