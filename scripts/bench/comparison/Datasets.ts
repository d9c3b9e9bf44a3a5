/** The directories that runs begin with: empty ones, and those that a store was loaded into in the same round. */
import { Effect, Scope } from "effect"
import { closeSync, cpSync, fsyncSync, openSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { benchDirectory } from "../benchDirectory.ts"
import { measure, measureKilled } from "../childProtocol.ts"
import type { ChildFailed } from "../childProtocol.ts"
import type { Settings } from "../settings.ts"
import type { Contender } from "../stores/contenders.ts"
import { contenders } from "../stores/contenders.ts"
import { bigFill } from "../workloads/fills.ts"
import { fillMemtable } from "../workloads/opens.ts"
import { staysOpen, workloadMeasurement } from "../workloads/runWorkload.ts"
import type { RunInput } from "../workloads/runWorkload.ts"
import type { Workload } from "../workloads/Workload.ts"
import { workloadNamed } from "../workloads/workloads.ts"

const defaultRecords = 1_000_000
const defaultSeconds = 3

const loading = workloadNamed("fillbatch")

/** Copies a closed store, and waits for the disk, so that nobody's measurement has to. */
const copyStore = (from: string, to: string): Effect.Effect<void> =>
  Effect.sync(() => {
    cpSync(from, to, { recursive: true })
    for (const name of readdirSync(to)) {
      const file = openSync(join(to, name), "r")
      fsyncSync(file)
      closeSync(file)
    }
  })

const madeBy = ({ name }: Workload, { peer }: Contender): string => `${name} ${peer}`

/** Of one round. */
export class Datasets {
  readonly #settings: Settings
  readonly #scope: Scope.Scope
  /** By what was done to it, and the peer whose files they are. */
  readonly #kept = new Map<string, string>()

  /** What is kept goes with the scope. */
  constructor(settings: Settings, scope: Scope.Scope) {
    this.#settings = settings
    this.#scope = scope
  }

  inputOf(contender: Contender, workload: Workload, directory: string): RunInput {
    const { fibers, records = defaultRecords, seconds = defaultSeconds, syncMicroseconds, workers } = this.#settings
    return {
      contender: contender.name,
      workload: workload.name,
      directory,
      records: Math.round(records * (workload.scale ?? 1)),
      milliseconds: seconds * 1000,
      fibers,
      workers,
      ...(syncMicroseconds === undefined ? undefined : { syncMicroseconds })
    }
  }

  /** An empty directory that lasts for the round. */
  #keep(name: string): Effect.Effect<string> {
    return Effect.map(
      Effect.provideService(benchDirectory(this.#settings.directory), Scope.Scope, this.#scope),
      (directory) => {
        this.#kept.set(name, directory)
        return directory
      }
    )
  }

  /** What a workload has made, or makes now. */
  #made(contender: Contender, workload: Workload): Effect.Effect<string, ChildFailed> {
    const name = madeBy(workload, contender)
    const kept = this.#kept.get(name)
    if (kept !== undefined) return Effect.succeed(kept)
    // Variants read the files of the store as it is.
    const maker = contenders.find(({ peer }) => peer === contender.peer) ?? contender
    return Effect.gen({ self: this }, function*() {
      const directory = yield* this.#keep(name)
      yield* measure(workloadMeasurement, this.inputOf(maker, workload, directory))
      return directory
    })
  }

  /** The loaded store once more, for all that only read: after the first opening nothing is left to replay. */
  #opened(contender: Contender): Effect.Effect<string, ChildFailed> {
    const name = `opened ${contender.peer}`
    const kept = this.#kept.get(name)
    if (kept !== undefined) return Effect.succeed(kept)
    return Effect.gen({ self: this }, function*() {
      const loaded = yield* this.#made(contender, loading)
      const directory = yield* this.#keep(name)
      yield* copyStore(loaded, directory)
      return directory
    })
  }

  /** The directory for a run: of its own, or one that others of the round read too. */
  begin(contender: Contender, workload: Workload): Effect.Effect<string, ChildFailed, Scope.Scope> {
    const own = benchDirectory(this.#settings.directory)
    const start = contender.reopens ? workload.start : "empty"
    switch (start) {
      case "empty":
        return workload === bigFill ? this.#keep(madeBy(workload, contender)) : own
      case "loaded":
        return this.#opened(contender)
      case "big":
        return this.#made(contender, bigFill)
      case "loaded copy":
      case "killed":
        return Effect.gen({ self: this }, function*() {
          const loaded = yield* this.#made(contender, loading)
          const directory = yield* own
          yield* copyStore(loaded, directory)
          if (start === "killed") {
            yield* measureKilled(workloadMeasurement, this.inputOf(contender, fillMemtable, directory), staysOpen)
          }
          return directory
        })
    }
  }
}
