/**
 * `npm run simulate -- --seeds 1..2000`: draws a plan from each seed, runs it
 * under a seeded scheduler, a virtual clock and a simulated disk, and fails at
 * the first seed under which anything is not as it must be.
 *
 * `npm run simulate -- --exhaustive`: a small workload, with each thing that can go
 * wrong at each point at which it can.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Effect, Option, Schema, Stream } from "effect"
import { Command, Flag } from "effect/cli"
import { readFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import type { Problem } from "../src/testing/index.ts"
import { Counts } from "./simulate/Counts.ts"
import { drawPlan } from "./simulate/drawPlan.ts"
import { parts } from "./simulate/exhaustive/parts.ts"
import { runParts } from "./simulate/exhaustive/runParts.ts"
import { PlanJson } from "./simulate/Plan.ts"
import { keepPlan, problemLines, smallestPlan } from "./simulate/report.ts"
import { runPlan } from "./simulate/runPlan.ts"
import { runSeeds } from "./simulate/runSeeds.ts"
import type { SeedRange } from "./simulate/runSeeds.ts"
import { summaryLines } from "./simulate/summary.ts"
import { makeProgress } from "./support/Progress.ts"

/** What is wrong is printed before. */
class SimulationFailed extends Schema.TaggedError<SimulationFailed>()("SimulationFailed", { seed: Schema.Number }) {
  override get message(): string {
    return `Seed ${this.seed} fails`
  }
}

const seedRange = /^(\d+)(?:\.\.(\d+))?$/u

const Seeds = Schema.String.check(
  Schema.makeFilter((text) => seedRange.test(text) || "must be two seeds, such as 1..2000, or one")
)

const parseSeeds = (text: string): SeedRange => {
  const [, first = "1", last = first] = seedRange.exec(text) ?? []
  return { first: Number(first), last: Number(last) }
}

const Positive = Schema.Int.check(Schema.isGreaterThan(0))

const flags = {
  seeds: Flag.String("seeds").pipe(
    Flag.withDescription("The seeds to run, as first..last"),
    Flag.withSchema(Seeds),
    Flag.withDefault("1..200")
  ),
  minutes: Flag.Int("minutes").pipe(
    Flag.withDescription("End after so many minutes, whether or not all seeds were run"),
    Flag.withSchema(Positive),
    Flag.optional
  ),
  processes: Flag.Int("processes").pipe(
    Flag.withDescription("How many processes to run seeds in"),
    Flag.withSchema(Positive),
    // What this process was started with, a loader for one, others would not have.
    Flag.withDefault(process.execArgv.length > 0 ? 1 : Math.min(4, availableParallelism()))
  ),
  replay: Flag.String("replay").pipe(
    Flag.withDescription("Run the plan in this file instead, as it was printed for a seed that failed"),
    Flag.optional
  ),
  exhaustive: Flag.Boolean("exhaustive").pipe(
    Flag.withDescription("Run no seeds, but everything that can go wrong at each point of a small workload"),
    Flag.withDefault(false)
  ),
  part: Flag.Literals("part", parts.map(({ name }) => name)).pipe(
    Flag.withDescription("Of the exhaustive runs only this part"),
    Flag.optional
  ),
  shrink: Flag.Boolean("shrink").pipe(
    Flag.withDescription("Look for a smaller plan that fails like one that has failed"),
    Flag.withDefault(true)
  )
}

const patience = { runs: 3_000, milliseconds: 90_000 }

const print = (line: string) => Effect.sync(() => process.stdout.write(`${line}\n`))
const printAll = (lines: ReadonlyArray<string>) => Effect.forEach(lines, print, { discard: true })

const replay = Effect.fnUntraced(function*(file: string) {
  const plan = yield* Schema.decodeEffect(PlanJson)(readFileSync(file, "utf8"))
  const { problems } = runPlan(plan)
  yield* printAll(problems.length === 0 ? ["The plan runs without a problem."] : problemLines(problems))
  if (problems.length > 0) return yield* new SimulationFailed({ seed: plan.seed })
})

const tellOfFailure = Effect.fnUntraced(function*(seed: number, problems: ReadonlyArray<Problem>, shrinks: boolean) {
  yield* printAll([`Seed ${seed}:`, ...problemLines(problems)])
  yield* print(`Again: npm run simulate -- --seeds ${seed}..${seed}`)
  if (shrinks && problems[0]?.invariant !== "determinism") {
    yield* print("Looking for a smaller plan ...")
    const plan = smallestPlan(drawPlan(seed), problems, patience)
    const file = keepPlan(plan)
    yield* printAll([readFileSync(file, "utf8"), ...problemLines(runPlan(plan).problems)])
    yield* print(`Again: npm run simulate -- --replay ${file}`)
  }
  return yield* new SimulationFailed({ seed })
})

const simulate = Command.make(
  "simulate",
  flags,
  Effect.fnUntraced(function*({ exhaustive, minutes, part, processes, replay: file, seeds, shrink }) {
    if (Option.isSome(file)) return yield* replay(file.value)
    const progress = makeProgress(process.stdout)
    if (exhaustive) {
      return yield* runParts(parts.filter(({ name }) => Option.getOrElse(part, () => name) === name), progress)
    }
    const range = parseSeeds(seeds)
    const since = performance.now()
    const until = since + 60_000 * Option.getOrElse(minutes, () => Infinity)
    const counts = new Counts()
    const interleavings = new Set<string>()
    let done = 0
    yield* runSeeds(range, processes).pipe(
      Stream.takeUntil(() => performance.now() > until),
      Stream.runForEach(Effect.fnUntraced(function*(outcome) {
        done++
        counts.addAll(outcome.counts)
        interleavings.add(outcome.digest)
        progress.show(() =>
          `${done} of ${range.last - range.first + 1} seeds: ${counts.total("operations")} operations, `
          + `${counts.total("crashes")} crashes, nothing wrong`
        )
        if (outcome.problems.length > 0) return yield* tellOfFailure(outcome.seed, outcome.problems, shrink)
      }))
    )
    const milliseconds = performance.now() - since
    for (const line of summaryLines({ seeds: done, counts, interleavings: interleavings.size, milliseconds })) {
      progress.print(line)
    }
  })
).pipe(
  Command.withDescription("Runs stores through random lives on a simulated disk, and checks every invariant")
)

simulate.pipe(
  Command.run({ version: "1" }),
  Effect.scoped,
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain
)
