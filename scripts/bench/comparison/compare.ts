/**
 * Runs workloads for stores: each run in a process and with files of its own,
 * and in each round every workload for one store after the other, which takes
 * turns in beginning.
 */
import { Effect } from "effect"
import { makeProgress } from "../../support/Progress.ts"
import { measure } from "../childProtocol.ts"
import type { ChildFailed } from "../childProtocol.ts"
import { idleMeasurement } from "../idle.ts"
import type { IdleResult } from "../idle.ts"
import type { Settings } from "../settings.ts"
import { contenders } from "../stores/contenders.ts"
import type { Contender } from "../stores/contenders.ts"
import { installCommand, isInstalled } from "../stores/peerModule.ts"
import { workloadMeasurement } from "../workloads/runWorkload.ts"
import type { RunResult } from "../workloads/runWorkload.ts"
import type { Workload } from "../workloads/Workload.ts"
import { ours } from "./bars.ts"
import { Datasets } from "./Datasets.ts"
import { metricNamed } from "./metrics.ts"
import { Results } from "./Results.ts"
import type { Figures } from "./Results.ts"

/** Whether a store is asked for, and by this workload. */
export const runs = ({ family, only, peer }: Contender, { isBig, name }: Workload, { peers }: Settings): boolean =>
  (peer === ours || peers.includes(peer))
  && (only?.includes(name) ?? true)
  && (isBig !== true || family === "ours" || family === "lsm")

const absence = ({ package: name }: Contender): string | undefined =>
  name === undefined || isInstalled(name) ? undefined : `not installed: ${installCommand}`

/** Memory that processes without a store have, by their number of idle threads. */
class IdleMemory {
  readonly #found = new Map<number, IdleResult>()

  of(threads: number): Effect.Effect<IdleResult, ChildFailed> {
    const found = this.#found.get(threads)
    if (found !== undefined) return Effect.succeed(found)
    return Effect.tap(measure(idleMeasurement, { threads }), (idle) => {
      this.#found.set(threads, idle)
      return Effect.void
    })
  }

  /** The figures with memory above that of an idle process. */
  above(figures: Figures): Effect.Effect<Figures, ChildFailed> {
    return Effect.map(this.of(figures["threads"] ?? 0), (idle) => {
      const { memory, resident, ...others } = figures
      return {
        ...others,
        ...(resident === undefined ? undefined : { resident: Math.max(0, resident - idle.resident) }),
        ...(memory === undefined || idle.memory === undefined
          ? undefined
          : { memory: Math.max(0, memory - idle.memory) })
      }
    })
  }
}

const inTurn = (chosen: ReadonlyArray<Contender>, round: number): ReadonlyArray<Contender> => {
  const first = (round - 1) % Math.max(1, chosen.length)
  return [...chosen.slice(first), ...chosen.slice(0, first)]
}

const shown = ({ metric, operations, shows = [] }: Workload, figures: Figures): string =>
  [metric, ...shows, "cpu"].filter((name) => figures[name] !== undefined).map((name) => {
    const { show, title } = metricNamed(name)
    return name === "rate" ? `${show(figures[name]!)} ${operations}/s` : `${title} ${show(figures[name]!)}`
  }).join(", ")

const runOnce = (
  datasets: Datasets,
  contender: Contender,
  workload: Workload
): Effect.Effect<RunResult, ChildFailed> =>
  Effect.scoped(Effect.gen(function*() {
    const directory = yield* datasets.begin(contender, workload)
    return yield* measure(workloadMeasurement, datasets.inputOf(contender, workload, directory), {
      environment: contender.environment
    })
  }))

/** Runs all of them, and tells on the way what each run found. */
export const compare = Effect.fnUntraced(function*(workloads: ReadonlyArray<Workload>, settings: Settings) {
  const results = new Results()
  const idle = new IdleMemory()
  const progress = makeProgress(process.stdout)

  const run = (datasets: Datasets, round: number, contender: Contender, workload: Workload) =>
    Effect.gen(function*() {
      const name = `round ${round}  ${workload.name.padEnd(17)} ${contender.name.padEnd(26)}`
      if (process.stdout.isTTY) progress.show(() => name)
      const found = yield* runOnce(datasets, contender, workload)
      if ("unsupported" in found) {
        results.setAbsent(workload.name, contender.name, found.unsupported)
        return
      }
      const { counted, verified } = found
      const figures = {
        ...yield* idle.above(found.figures),
        verified,
        ...(counted === undefined ? undefined : { counted })
      }
      results.add(workload.name, contender.name, figures)
      progress.print(`${name} ${shown(workload, figures)}`)
    }).pipe(
      Effect.catch(({ reason }) =>
        Effect.sync(() => {
          results.addFailure(workload.name, contender.name, reason)
          progress.print(`FAILED: ${workload.name}, ${contender.name}: ${reason}`)
        })
      )
    )

  const runRound = (round: number): Effect.Effect<void> =>
    Effect.scoped(Effect.gen(function*() {
      const scope = yield* Effect.scope
      const datasets = new Datasets(settings, scope)
      for (const workload of workloads) {
        if (workload.isBig === true && round > 1) continue
        for (const contender of inTurn(contenders.filter((each) => runs(each, workload, settings)), round)) {
          const absent = absence(contender)
          if (absent === undefined) yield* run(datasets, round, contender, workload)
          else results.setAbsent(workload.name, contender.name, absent)
        }
      }
    }))

  for (let round = 1; round <= settings.rounds; round++) yield* runRound(round)
  return results
})
