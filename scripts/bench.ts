/**
 * The store's benchmark: `npm run bench`, or `npm run bench -- NAME ...` for some
 * workloads. The command line is in `bench/settings.ts`.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect } from "effect"
import { runColdReads } from "./bench/coldReads.ts"
import { fillWorkloads, runFills } from "./bench/fillWorkloads.ts"
import { runLoad } from "./bench/load.ts"
import { runReadWhileWriting } from "./bench/readWhileWriting.ts"
import { chosenNames, settings } from "./bench/settings.ts"

/** Those that run only if they are named. */
const longWorkloads = [
  { name: "readwhilewriting", run: runReadWhileWriting },
  { name: "load", run: runLoad },
  { name: "coldreads", run: runColdReads }
]

const names = [...fillWorkloads, ...longWorkloads].map(({ name }) => name)

const program = Effect.gen(function*() {
  if (chosenNames.some((name) => !names.includes(name))) {
    yield* Console.error(`The workloads are ${names.join(", ")}.`)
    process.exitCode = 2
    return
  }
  const fills = fillWorkloads.filter(({ name }) => chosenNames.length === 0 || chosenNames.includes(name))
  if (fills.length > 0) yield* runFills(fills, settings)
  for (const { name, run } of longWorkloads) {
    if (chosenNames.includes(name)) yield* run(settings)
  }
})

NodeRuntime.runMain(program)
