/**
 * A child process of the benchmark: `child.ts MEASUREMENT JSON`. It loads no more
 * than its measurement needs: what it has in memory is measured too.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect } from "effect"
import { runMeasurement } from "./childProtocol.ts"

const [name, argument = ""] = process.argv.slice(2)

const run = Effect.gen(function*() {
  switch (name) {
    case "workload": {
      const { workloadMeasurement, workloadRun } = yield* Effect.promise(() => import("./workloads/runWorkload.ts"))
      return yield* runMeasurement(workloadMeasurement, argument, workloadRun)
    }
    case "idle": {
      // As the processes that it is compared with.
      yield* Effect.promise(() => import("./workloads/runWorkload.ts"))
      const { idleMeasurement, idleRun } = yield* Effect.promise(() => import("./idle.ts"))
      return yield* runMeasurement(idleMeasurement, argument, idleRun)
    }
    case "price": {
      const { priceMeasurement, priceRun } = yield* Effect.promise(() => import("./priceChild.ts"))
      return yield* runMeasurement(priceMeasurement, argument, priceRun)
    }
    case "load": {
      const { loadMeasurement, loadRun } = yield* Effect.promise(() => import("./loadChild.ts"))
      return yield* runMeasurement(loadMeasurement, argument, loadRun)
    }
    default:
      return yield* Effect.die(new Error(`There is no measurement ${name}.`))
  }
})

NodeRuntime.runMain(run)
