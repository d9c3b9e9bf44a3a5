/**
 * Ends a writing process, reopens the store, checks it, and again.
 *
 * A round is one child ended while it writes or closes, often one or two more
 * ended while they recover from that, and then a check in this process. Half of
 * them end by SIGKILL, the others in every other way. The directory stays the same
 * for some rounds, so that each starts from what the last one left. The end of a
 * process keeps the page cache: what it can't show, a missing sync, the simulated
 * disk does.
 */
import { Effect, Stream } from "effect"
import { rmSync } from "node:fs"
import { join } from "node:path"
import type { CompactionStrategy, ReadError, StoreOpenError, StoreStats, WriteError } from "../../src/index.ts"
import { LsmStore } from "../../src/index.ts"
import { NodeLsmStore } from "../../src/node/index.ts"
import { SeededRandom } from "../../src/testing/SeededRandom.ts"
import { crashChild } from "./CrashedChild.ts"
import type { ChildFailed, CrashedChild } from "./CrashedChild.ts"
import { History } from "./History.ts"
import type { Verdict } from "./History.ts"
import { inspectFiles } from "./inspectFiles.ts"
import { contentDifferences, inspectStore } from "./inspectStore.ts"
import { Ending, StrategyName } from "./Plan.ts"
import type { Plan, PlannedEnd } from "./Plan.ts"
import { strategies } from "./strategies.ts"
import { allKeys } from "./Workload.ts"

export interface CrashOptions {
  readonly seed: number
  readonly rounds: number
  /** Rounds after which a fresh store is begun. */
  readonly roundsPerStore: number
  /** An existing directory for the stores; they are left in it. */
  readonly directory: string
}

export interface CrashRound extends Omit<Verdict, "violations"> {
  readonly round: number
  readonly violations: ReadonlyArray<string>
  readonly children: ReadonlyArray<Omit<CrashedChild, "plan" | "acks">>
  readonly entries: number
  readonly recovery: StoreStats["recovery"]
}

export type CrashError = ChildFailed | StoreOpenError | ReadError | WriteError

const mostFibers = 150
const keys = allKeys(mostFibers)
const KiB = 1024
const compactedAfter = 5
const strategyNames = StrategyName.literals

const drawEnd = (random: SeededRandom): PlannedEnd => {
  const phase = random.bool(0.65) ? "writing" : "closing"
  // Who closes has no writers that are acknowledged anything.
  const others = Ending.literals.filter((ending) => phase === "writing" || ending !== "exit in a writer")
  const milliseconds = random.int(phase === "writing" ? random.pick([50, 300, 1000]) : 15)
  return { phase, milliseconds, ending: random.bool(0.5) ? "SIGKILL" : random.pick(others) }
}

const drawEndInOpening = (random: SeededRandom): PlannedEnd => ({
  phase: "opening",
  milliseconds: random.int(60),
  ending: random.pick(["SIGKILL", "exit in a timer"])
})

/** The children of one round. */
const drawRound = (random: SeededRandom, base: Pick<Plan, "directory" | "seed">, nextIncarnation: () => number) => {
  const draw = (end: PlannedEnd): Plan => {
    const incarnation = nextIncarnation()
    return {
      ...base,
      incarnation,
      acks: `${base.directory}-acks-${incarnation}`,
      fibers: random.pick([1, 8, 40, 100, mostFibers]),
      memtableSize: random.pick([64, 128, 256, 1024]) * KiB,
      maxImmutables: random.pick([1, 2, 4]),
      levels: random.pick(["sync", "buffered", "both"]),
      compaction: random.pick(strategyNames),
      workers: random.pick([0, 2]),
      threadDiesOnceIn: random.pick([0, 20, 100]),
      compression: random.pick([["none"], ["none", "lz4", "zstd"]]),
      jobs: `${base.directory}-jobs-${incarnation}`,
      closeAfter: end.phase === "closing" ? 1 + random.int(8000) : Number.MAX_SAFE_INTEGER,
      end
    }
  }
  const children = [draw(drawEnd(random))]
  for (let more = random.pick([0, 0, 0, 1, 1, 2]); more > 0; more--) children.push(draw(drawEndInOpening(random)))
  return children
}

const checkStore = (directory: string, readOnly: boolean, compact: boolean, compaction: CompactionStrategy) =>
  Effect.gen(function*() {
    const store = yield* LsmStore
    const { recovery } = yield* store.stats
    const before = yield* inspectStore(keys)
    if (!compact || readOnly) return { ...before, recovery }
    yield* store.compact()
    const after = yield* inspectStore(keys)
    const differences = contentDifferences(before.content, after.content, "Compaction")
    return { ...before, violations: [...before.violations, ...after.violations, ...differences], recovery }
  }).pipe(
    Effect.provide(NodeLsmStore.layer({ directory, readOnly, memtableSize: 256 * KiB, compaction })),
    // Only a writer clears away what a kill left.
    Effect.map((checked) =>
      readOnly ? checked : { ...checked, violations: [...checked.violations, ...inspectFiles(directory)] }
    )
  )

/** The rounds as they are done; ends early after one with a violation. */
export const crashLoop = (options: CrashOptions): Stream.Stream<CrashRound, CrashError> => {
  const { directory, rounds, roundsPerStore, seed } = options
  const random = new SeededRandom(seed)
  let history = new History()
  let store = ""
  let incarnations = 0

  const runRound = Effect.fnUntraced(function*(round: number): Effect.fn.Return<CrashRound, CrashError> {
    if (round % roundsPerStore === 0) {
      if (store !== "") rmSync(store, { recursive: true, force: true })
      store = join(directory, `store-${round / roundsPerStore}`)
      history = new History()
    }
    const children: Array<CrashedChild> = []
    for (const plan of drawRound(random, { directory: store, seed }, () => incarnations++)) {
      const child = yield* crashChild(plan)
      for (const path of [plan.acks, plan.jobs]) rmSync(path, { force: true })
      children.push(child)
      history.add(child)
    }
    const isReadOnly = children.some(({ phase }) => phase !== "opening") && random.bool(0.25)
    const isCompacted = round % compactedAfter === compactedAfter - 1
    const { content, recovery, violations } = yield* checkStore(
      store,
      isReadOnly,
      isCompacted,
      strategies[random.pick(strategyNames)]
    )
    const verdict = history.check(content)
    return {
      ...verdict,
      round,
      violations: [...violations, ...verdict.violations],
      children,
      entries: content.size,
      recovery
    }
  })

  return Stream.range(0, rounds - 1).pipe(
    Stream.mapEffect(runRound),
    Stream.takeUntil(({ violations }) => violations.length > 0)
  )
}
