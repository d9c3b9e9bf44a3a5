/** A child process of the benchmark: `child.ts MEASUREMENT JSON`. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect } from "effect"
import { runMeasurement } from "./childProtocol.ts"
import { idleMeasurement, idleRun } from "./idle.ts"
import { loadMeasurement, loadRun } from "./loadChild.ts"
import { priceMeasurement, priceRun } from "./priceChild.ts"
import { workloadMeasurement, workloadRun } from "./workloads/runWorkload.ts"

const [name, argument = ""] = process.argv.slice(2)

const run = Effect.gen(function*() {
  switch (name) {
    case workloadMeasurement.name:
      return yield* runMeasurement(workloadMeasurement, argument, workloadRun)
    case idleMeasurement.name:
      return yield* runMeasurement(idleMeasurement, argument, idleRun)
    case priceMeasurement.name:
      return yield* runMeasurement(priceMeasurement, argument, priceRun)
    case loadMeasurement.name:
      return yield* runMeasurement(loadMeasurement, argument, loadRun)
    default:
      return yield* Effect.die(new Error(`There is no measurement ${name}.`))
  }
})

NodeRuntime.runMain(run)
