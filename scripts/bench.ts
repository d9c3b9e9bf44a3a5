/**
 * The benchmark: `npm run bench` compares this store with its peers in all
 * workloads, `npm run bench -- NAME ...` in some, or makes a measurement of this
 * store alone. The command line is in `bench/settings.ts`.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect } from "effect"
import { mkdirSync } from "node:fs"
import { runColdReads } from "./bench/coldReads.ts"
import { runComparison } from "./bench/comparison/runComparison.ts"
import { runLives } from "./bench/lives.ts"
import { runLoad } from "./bench/load.ts"
import { runPrice } from "./bench/price.ts"
import { chosenNames, settings } from "./bench/settings.ts"
import { peerNames } from "./bench/stores/contenders.ts"
import { workloads } from "./bench/workloads/workloads.ts"

const price = "price"
/** Of this store alone; they run only if they are named. */
const measurements = [
  { name: "load", run: runLoad },
  { name: "coldreads", run: runColdReads },
  { name: "lives", run: runLives }
]

const isChosen = (name: string): boolean =>
  chosenNames.some((chosen) => name === chosen || name.startsWith(`${chosen}-`))

const program = Effect.gen(function*() {
  const names = [...[...workloads, ...measurements].map(({ name }) => name), price]
  const unknown = chosenNames.find((chosen) => !names.some((name) => name === chosen || name.startsWith(`${chosen}-`)))
  const unknownPeer = settings.peers.find((peer) => !peerNames.includes(peer))
  if (unknown !== undefined || unknownPeer !== undefined) {
    yield* Console.error(
      unknown === undefined
        ? `There is no peer ${unknownPeer}. The peers are ${peerNames.join(", ")}.`
        : `There is no workload ${unknown}. The workloads are ${names.join(", ")}.`
    )
    process.exitCode = 2
    return
  }
  mkdirSync(settings.directory, { recursive: true })
  const isAll = chosenNames.length === 0
  const prices = isAll || isChosen(price) ? yield* runPrice(settings) : []
  const compared = workloads.filter(({ name }) => isAll || isChosen(name))
  if (compared.length > 0) yield* runComparison(compared, prices, settings)
  for (const { name, run } of measurements) {
    if (isChosen(name)) yield* run(settings)
  }
})

NodeRuntime.runMain(program)
