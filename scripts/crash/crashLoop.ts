/**
 * Ends a writing process, reopens the store, checks it, and again.
 *
 * A round is one of the things in `rounds.ts` that processes do to a store and
 * leave it by, and then a check in this process. Half of the processes end by
 * SIGKILL, the others in every other way. The directory stays the same for some
 * rounds, so that each starts from what the last one left. The end of a process
 * keeps the page cache: what it can't show, a missing sync, the simulated disk
 * does.
 */
import { Effect, Stream } from "effect"
import { rmSync } from "node:fs"
import { join } from "node:path"
import type { CompactionStrategy, ReadError, StoreOpenError, StoreStats, WriteError } from "../../src/index.ts"
import { LsmStore } from "../../src/index.ts"
import { NodeLsmStore } from "../../src/node/index.ts"
import { SeededRandom } from "../../src/testing/SeededRandom.ts"
import type { ChildFailed, CrashedChild } from "./CrashedChild.ts"
import { History } from "./History.ts"
import type { Verdict } from "./History.ts"
import { inspectFiles } from "./inspectFiles.ts"
import { contentDifferences, inspectStore } from "./inspectStore.ts"
import { StrategyName } from "./Plan.ts"
import { drawRound, mostFibers } from "./rounds.ts"
import type { RoundKind } from "./rounds.ts"
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
  readonly kind: RoundKind
  readonly violations: ReadonlyArray<string>
  readonly children: ReadonlyArray<Omit<CrashedChild, "plan" | "acks">>
  readonly entries: number
  readonly recovery: StoreStats["recovery"]
}

export type CrashError = ChildFailed | StoreOpenError | ReadError | WriteError

const keys = allKeys(mostFibers)
const KiB = 1024
const compactedAfter = 5
const strategyNames = StrategyName.literals

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
    const { kind, run } = drawRound(random, { directory: store, seed }, () => incarnations++)
    const children = yield* run
    for (const child of children) {
      for (const path of [child.plan.acks, child.plan.jobs]) rmSync(path, { force: true })
      history.add(child)
    }
    // Drawn in any case: what the rounds are depends on nothing but the seed.
    const isReadOnly = random.bool(0.25) && children.some(({ phase }) => phase !== "opening")
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
      kind,
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
