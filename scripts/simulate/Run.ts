/** What is known in the course of a plan's run, and what it came to. */
import { Cause, Effect, Exit, Logger } from "effect"
import { crc32 } from "node:zlib"
import { currentGeneration } from "../../src/engine/Directory.ts"
import { storeFiles } from "../../src/engine/FileNames.ts"
import type { Entry } from "../../src/index.ts"
import { simulate, SimulatedDisk, SimulationStuck } from "../../src/testing/index.ts"
import type {
  DiskRequest,
  HistoryMark,
  Problem,
  SeededRandom,
  StoreEnd,
  StoreHistory
} from "../../src/testing/index.ts"
import { filesIn } from "../../src/testing/shape/Structure.ts"
import { Counts } from "./Counts.ts"
import { fileKind } from "./Mishaps.ts"
import { watchOrder } from "./orderChecks.ts"
import type { Latency, Plan, PlannedFault } from "./Plan.ts"
import { directory, parent } from "./storeOptions.ts"

/** What the next opening must find. */
export interface Owed {
  readonly history: StoreHistory
  readonly mark: HistoryMark
  readonly end: StoreEnd
  /** It ended by a kill, though it may have lost more: a power cut may take yet what is in the page cache. */
  readonly isCached?: boolean
  /** The highest sequence that was given and survives such an end. */
  readonly sequence: (end: StoreEnd) => number
}

/** More steps than any life takes that comes to its end. */
const maxSteps = 400_000

/** Milliseconds that a call takes. */
const latencies: { readonly [name in Latency]: (request: DiskRequest, random: SeededRandom) => number } = {
  none: () => 0,
  even: () => 1,
  uneven: (_, random) => random.int(4),
  "slow syncs": ({ operation }) => operation === "sync" || operation === "syncDirectory" ? 10 : 0,
  "slow reads": ({ operation }) => operation === "read" ? 20 : 0,
  "slow tables": ({ operation, path }) => operation !== "read" && fileKind(path) === "table" ? 20 : 0,
  hiccups: (_, random) => random.bool(0.05) ? 200 : 0
}

export class Run {
  readonly plan: Plan
  readonly counts = new Counts()
  readonly problems: Array<Problem> = []
  /** Checksums over the choices of each simulation, and over the calls to its disk. */
  readonly digests: Array<number> = []
  latency: Latency = "none"
  disk: SimulatedDisk
  owed: Owed | undefined
  /** The highest sequence in a log that a store has replayed, or discarded, as it opened. */
  seenSequence = 0
  /** Of stores whose directory was moved away. */
  readonly movedGenerations = new Set<number>()
  #refused = 0
  /** For messages. */
  place = ""

  constructor(plan: Plan) {
    this.plan = plan
    this.disk = SimulatedDisk.make({
      seed: plan.seed,
      latency: (request, random) => latencies[this.latency](request, random)
    })
  }

  problem(invariant: string, message: string): void {
    this.problems.push({ invariant, message: `${this.place}: ${message}` })
  }

  /** Counts a check of the invariant, which has found the problem, or none. */
  check(invariant: string, problem: string | undefined): void {
    this.counts.add("invariants", invariant)
    if (problem !== undefined) this.problem(invariant, problem)
  }

  /** Takes over what a checker found, and counts that it looked. */
  checked(invariants: ReadonlyArray<string>, problems: ReadonlyArray<Problem>): void {
    for (const invariant of invariants) this.counts.add("invariants", invariant)
    for (const { invariant, message } of problems) this.problem(invariant, message)
  }

  /** Looks whether a store that was opened holds what is owed. */
  checkOwed({ end, history, mark, sequence: given }: Owed, content: ReadonlyArray<Entry>, sequence: number): void {
    this.checked(["I4", "I5"], history.problemsAfter(content, mark, end))
    const least = given(end)
    this.check(
      "I16",
      sequence >= least ? undefined : `the store opened at sequence ${sequence}, and ${least} was given`
    )
  }

  /** A disk with what the last one holds: its calls count from 0, and it has no faults. */
  nextDisk(): SimulatedDisk {
    this.disk = this.clear(this.disk.killImage())
    return this.disk
  }

  /**
   * Takes a directory out of the way in which there is no store, but a file of one whose directory was moved away: whoever
   * finds it is refused. A power cut may bring such a file back that was removed again.
   */
  clear(disk: SimulatedDisk): SimulatedDisk {
    const files = storeFiles(filesIn(disk, directory))
    const isRefused = currentGeneration(files) < 0
      && [...files.values()].some((file) => "generation" in file && this.movedGenerations.has(file.generation))
    if (isRefused) disk.move(directory, `${parent}refused-${this.#refused++}`)
    return disk
  }

  /**
   * Runs a program over the disk to its end; what it leaves behind, or dies of, is a problem.
   * A read that nobody waits for any more ends when the disk answers: after a stall.
   */
  simulate<A, E>(
    disk: SimulatedDisk,
    program: Effect.Effect<A, E>,
    options: { readonly seed: number; readonly earlyWakeChance?: number; readonly faults?: ReadonlyArray<PlannedFault> }
  ): Exit.Exit<A, E | SimulationStuck> {
    watchOrder(this, disk)
    const longestStall = Math.max(0, ...options.faults?.map(({ stall = 0 }) => stall) ?? [])
    // The clock moves on when nothing can run: what ends by itself has ended then.
    const settled = Effect.ensuring(program, Effect.sleep(1_000 + longestStall)).pipe(Effect.provide(Logger.layer([])))
    const { digest, exit, fibersLeft, steps, time } = simulate(settled, { ...options, maxSteps })
    this.digests.push(digest, crc32(JSON.stringify(disk.trace)))
    this.counts.add("run", "simulations")
    this.counts.add("run", "steps", steps)
    this.counts.add("run", "milliseconds", time)
    this.counts.add("run", "disk calls", disk.calls)
    const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
    if (error instanceof SimulationStuck) {
      this.problem("I13", error.message)
      return exit
    }
    if (Exit.isFailure(exit) && Cause.hasDies(exit.cause)) this.problem("I12", `a defect: ${Cause.pretty(exit.cause)}`)
    const left = [
      fibersLeft.length === 0 ? undefined : `fibers were left behind: ${fibersLeft.join(", ")}`,
      disk.openHandles.length === 0 ? undefined : `files were left open: ${disk.openHandles.join(", ")}`
    ]
    for (const problem of left) this.check("I14", problem)
    return exit
  }
}
