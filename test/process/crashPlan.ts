/** Children of the crash test with a plan that a test chooses, and the check of what they leave. */
import { Effect } from "effect"
import type { CrashedChild } from "../../scripts/crash/CrashedChild.ts"
import { History } from "../../scripts/crash/History.ts"
import type { Verdict } from "../../scripts/crash/History.ts"
import { inspectFiles } from "../../scripts/crash/inspectFiles.ts"
import { inspectStore } from "../../scripts/crash/inspectStore.ts"
import type { Plan } from "../../scripts/crash/Plan.ts"
import { allKeys } from "../../scripts/crash/Workload.ts"
import type { ReadError, StoreOpenError } from "../../src/index.ts"
import { NodeLsmStore } from "../../src/node/index.ts"

const fibers = 40

/** A child that keeps both worker threads busy, and is killed unless the plan is changed. */
export const busyPlan = (directory: string, changes: Partial<Plan> = {}): Plan => ({
  directory: `${directory}/store`,
  acks: `${directory}/acks-${changes.incarnation ?? 0}`,
  jobs: `${directory}/jobs-${changes.incarnation ?? 0}`,
  seed: 1,
  incarnation: 0,
  fibers,
  memtableSize: 65_536,
  maxImmutables: 1,
  levels: "both",
  compaction: "levelled",
  workers: 2,
  threadDiesOnceIn: 0,
  compression: ["none", "lz4"],
  closeAfter: Number.MAX_SAFE_INTEGER,
  shortLives: 0,
  takeover: "none",
  end: { phase: "writing", milliseconds: 300, ending: "SIGKILL" },
  ...changes
})

/** Reopens the store that the children wrote to, all of them, and holds what it has against what they did. */
export const verdictOn = (
  directory: string,
  children: ReadonlyArray<CrashedChild>
): Effect.Effect<Verdict, StoreOpenError | ReadError> =>
  Effect.gen(function*() {
    const history = new History()
    for (const child of children) history.add(child)
    const store = `${directory}/store`
    const { content, violations } = yield* inspectStore(allKeys(fibers)).pipe(
      Effect.provide(NodeLsmStore.layer({ directory: store }))
    )
    const verdict = history.check(content)
    return { ...verdict, violations: [...violations, ...inspectFiles(store), ...verdict.violations] }
  })
