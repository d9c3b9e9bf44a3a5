/**
 * `npm start`: the main job on real data. Loads the cities of the world while
 * every answer is checked, kills a process that does the same and looks for all
 * that it had acknowledged, compares everything with the source at the end, and
 * prints what it took. Any difference is a failure.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect } from "effect"
import { join } from "node:path"
import { LsmStore } from "../src/index.ts"
import { SeededRandom } from "../src/testing/SeededRandom.ts"
import { readCities, shuffledNumbers } from "./start/Cities.ts"
import type { Cities } from "./start/Cities.ts"
import { compareCities } from "./start/compareCities.ts"
import { loadAcrossKill } from "./start/killedLoad.ts"
import { Ledger } from "./start/Ledger.ts"
import { checkedGet, loadCities, ReadTimes } from "./start/loadCities.ts"
import { reportLines } from "./start/report.ts"
import { storeLayer } from "./start/storeLayer.ts"
import { makeProgress } from "./support/Progress.ts"
import { grouped } from "./support/table.ts"
import { temporaryDirectory } from "./support/temporaryDirectory.ts"

const seed = 1
const idleGets = 20_000
const progress = makeProgress(process.stdout)

const measureIdle = Effect.fnUntraced(function*(ledger: Ledger) {
  const random = new SeededRandom(seed)
  const times = new ReadTimes()
  for (let get = 0; get < idleGets; get++) yield* checkedGet(ledger, random, times)
  return times
})

/** Loads everything into a fresh store, and compares it. */
const loadAll = Effect.fnUntraced(function*(source: Cities, ledger: Ledger) {
  const store = yield* LsmStore
  const load = yield* loadCities({
    ledger,
    numbers: shuffledNumbers(source.count, seed),
    seed,
    onAcknowledged: () => {
      progress.show(() => `${grouped(ledger.acknowledged)} of ${grouped(source.count)} records loaded`)
    }
  })
  yield* store.flush
  progress.print(`loaded ${grouped(source.count)} records`)
  const idle = yield* measureIdle(ledger)
  const comparison = yield* compareCities(ledger)
  progress.print("compared every record with the source")
  return { load, stats: yield* store.stats, idle, comparison }
})

/** Opens the store again, merges its tables, and compares it once more. */
const reopenAndCompare = Effect.fnUntraced(function*(ledger: Ledger) {
  const store = yield* LsmStore
  const { recovery } = yield* store.stats
  yield* compareCities(ledger)
  yield* store.compact()
  yield* compareCities(ledger)
  progress.print("compared every record after reopening, and after a compaction")
  return { recovery, stats: yield* store.stats }
})

const main = Effect.gen(function*() {
  const since = performance.now()
  const directory = yield* temporaryDirectory
  const source = yield* Effect.sync(readCities)
  const ledger = new Ledger(source)
  const loaded = yield* Effect.provide(loadAll(source, ledger), storeLayer(join(directory, "loaded")))
  const reopened = yield* Effect.provide(reopenAndCompare(ledger), storeLayer(join(directory, "loaded")))
  const kill = yield* loadAcrossKill(source, join(directory, "killed"), progress)
  progress.print("loaded the rest, and compared every record again")
  const milliseconds = performance.now() - since
  for (const line of reportLines({ source, ...loaded, reopened, kill, milliseconds })) progress.print(line)
})

NodeRuntime.runMain(Effect.scoped(main))
