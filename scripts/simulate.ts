/**
 * `npm run simulate -- --seeds 1..2000`: draws a plan from each seed, runs it
 * under a seeded scheduler, a virtual clock and a simulated disk, and fails at
 * the first seed under which anything is not as it must be.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Effect, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { readFileSync } from "node:fs"
import type { Problem } from "../src/testing/index.ts"
import { Counts } from "./simulate/Counts.ts"
import { drawPlan } from "./simulate/drawPlan.ts"
import { PlanJson } from "./simulate/Plan.ts"
import type { Plan } from "./simulate/Plan.ts"
import { runPlan } from "./simulate/runPlan.ts"
import { summaryLines } from "./simulate/summary.ts"
import { makeProgress } from "./support/Progress.ts"

class SimulationFailed extends Schema.TaggedError<SimulationFailed>()("SimulationFailed", {
  seed: Schema.Number,
  problems: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `Seed ${this.seed} found:\n${this.problems.join("\n")}`
  }
}

const failed = (plan: Plan, problems: ReadonlyArray<Problem>): SimulationFailed =>
  new SimulationFailed({
    seed: plan.seed,
    problems: problems.map(({ invariant, message }) => `${invariant}: ${message}`)
  })

const seedRange = /^(\d+)(?:\.\.(\d+))?$/u

/** "1..2000", or one seed. */
const Seeds = Schema.String.check(
  Schema.makeFilter((text) => seedRange.test(text) || "must be two seeds, such as 1..2000, or one")
)

const parseSeeds = (text: string): readonly [first: number, last: number] => {
  const [, first = "1", last = first] = seedRange.exec(text) ?? []
  return [Number(first), Number(last)]
}

const flags = {
  seeds: Flag.String("seeds").pipe(
    Flag.withDescription("The seeds to run, as first..last"),
    Flag.withSchema(Seeds),
    Flag.withDefault("1..200")
  ),
  minutes: Flag.Int("minutes").pipe(
    Flag.withDescription("Stop after so many minutes although seeds are left"),
    Flag.withSchema(Schema.Int.check(Schema.isGreaterThan(0))),
    Flag.optional
  ),
  replay: Flag.String("replay").pipe(
    Flag.withDescription("Run the plan in this file instead"),
    Flag.optional
  )
}

const replay = Effect.fnUntraced(function*(file: string) {
  const plan = yield* Schema.decodeEffect(PlanJson)(readFileSync(file, "utf8"))
  const { problems } = runPlan(plan)
  if (problems.length > 0) return yield* failed(plan, problems)
  process.stdout.write("The plan runs without a problem.\n")
})

const simulate = Command.make(
  "simulate",
  flags,
  Effect.fnUntraced(function*({ minutes, replay: file, seeds }) {
    if (Option.isSome(file)) return yield* replay(file.value)
    const progress = makeProgress(process.stdout)
    const [first, last] = parseSeeds(seeds)
    const since = performance.now()
    const until = since + 60_000 * Option.getOrElse(minutes, () => Infinity)
    const counts = new Counts()
    const interleavings = new Set<string>()
    let seed = first
    for (; seed <= last && performance.now() < until; seed++) {
      const plan = drawPlan(seed)
      const outcome = runPlan(plan)
      counts.addAll(outcome.counts)
      interleavings.add(outcome.digests.join())
      if (outcome.problems.length > 0) return yield* failed(plan, outcome.problems)
      progress.show(() => `seed ${seed} of ${first}..${last}: ${counts.total("operations")} operations`)
      // Lets an interrupt through.
      yield* Effect.yieldNow
    }
    for (
      const line of summaryLines({
        seeds: seed - first,
        counts,
        interleavings: interleavings.size,
        milliseconds: performance.now() - since
      })
    ) {
      progress.print(line)
    }
  })
).pipe(
  Command.withDescription("Runs stores through random lives on a simulated disk, and checks every invariant")
)

simulate.pipe(
  Command.run({ version: "1" }),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain
)
