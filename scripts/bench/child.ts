/** A child process of the benchmark: `child.ts MEASUREMENT JSON`. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect } from "effect"
import { runMeasurement } from "./childProtocol.ts"
import { loadMeasurement, loadRun } from "./loadChild.ts"
import { readWhileWritingMeasurement, readWhileWritingRun } from "./readWhileWritingChild.ts"

const [name, argument = ""] = process.argv.slice(2)

const run = Effect.gen(function*() {
  switch (name) {
    case readWhileWritingMeasurement.name:
      return yield* runMeasurement(readWhileWritingMeasurement, argument, readWhileWritingRun)
    case loadMeasurement.name:
      return yield* runMeasurement(loadMeasurement, argument, loadRun)
    default:
      return yield* Effect.die(new Error(`There is no measurement ${name}.`))
  }
})

NodeRuntime.runMain(run)
