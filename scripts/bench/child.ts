/** A child process of the benchmark: `child.ts MEASUREMENT JSON`. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect } from "effect"
import { runMeasurement } from "./childProtocol.ts"
import { readWhileWritingMeasurement, readWhileWritingRun } from "./readWhileWritingChild.ts"

const [name, argument = ""] = process.argv.slice(2)

const run = Effect.suspend(() => {
  switch (name) {
    case readWhileWritingMeasurement.name:
      return runMeasurement(readWhileWritingMeasurement, argument, readWhileWritingRun)
    default:
      return Effect.die(new Error(`There is no measurement ${name}.`))
  }
})

NodeRuntime.runMain(run)
