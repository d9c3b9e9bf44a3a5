import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { SimulatedDisk } from "../../src/testing/index.ts"
import type { CrashMode } from "../../src/testing/index.ts"
import { CommitHistory } from "./CommitHistory.ts"
import type { Mark } from "./CommitHistory.ts"
import { contentOn, describeTaken, runSeed, seeds, takeImages, withStore } from "./harness.ts"
import type { Taken } from "./harness.ts"
import { runWorkload } from "./workload.ts"

/** Rotations, flushes, a compaction, a close, a recovery and more writes. */
const lifeOf = (disk: SimulatedDisk, history: CommitHistory, seed: number) =>
  Effect.gen(function*() {
    const options = { seed, writers: 4, writesEach: 10, structural: 4, looks: 6 }
    yield* withStore(disk, (store) => runWorkload(store, history, options))
    yield* withStore(disk, (store) => runWorkload(store, history, { ...options, seed: seed + 1, writesEach: 4 }))
  })

const window = 60

/** Images before every call of the life, a window at a time, so that few are held at once. */
const forEveryImage = (
  seed: number,
  modes: ReadonlyArray<CrashMode | "kill">,
  use: (taken: Taken<Mark>, history: CommitHistory) => void
): number => {
  let count = 0
  for (let from = 0;; from += window) {
    const disk = SimulatedDisk.make({ seed })
    const history = new CommitHistory()
    const taken = takeImages(disk, modes, ({ index }) => index >= from && index < from + window, () => history.mark())
    runSeed(lifeOf(disk, history, seed), seed)
    for (const each of taken) use(each, history)
    count += taken.length
    if (disk.calls < from + window) return count
  }
}

const checkRecovery = (taken: Taken<Mark>, history: CommitHistory, seed: number): void => {
  const content = runSeed(contentOn(taken.image), seed)
  const problems = history.problems(content, taken.known, taken.mode === "kill" ? "kill" : "power cut")
  assert.deepStrictEqual(problems.slice(0, 5), [], `seed ${seed}, ${describeTaken(taken)}`)
}

describe("A crash at any disk call", () => {
  it.for(seeds(3))("I4, I5: leaves a prefix with every durable write (seed %i)", (seed) => {
    const count = forEveryImage(
      seed,
      ["synced", "all", "kill"],
      (taken, history) => checkRecovery(taken, history, seed)
    )
    assert.isAbove(count, 300)
  })
})
