import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { SimulatedDisk } from "../../src/testing/index.ts"
import type { CrashMode, DiskCall, HistoryMark } from "../../src/testing/index.ts"
import { contentOn, describeTaken, entriesOf, runSeed, seeds, takeImages, withStore } from "./harness.ts"
import type { Taken } from "./harness.ts"
import { runWorkload, WorkloadHistory } from "./workload.ts"

/** Rotations, flushes, compactions, a close, a recovery, more writes and another close. */
const lifeOf = (disk: SimulatedDisk, history: WorkloadHistory, seed: number) =>
  Effect.gen(function*() {
    const options = { seed, writers: 4, writesEach: 12, structural: 4, looks: 6, hugeChance: 0.01 }
    yield* withStore(disk, (store) => runWorkload(store, history, options))
    yield* withStore(disk, (store) => runWorkload(store, history, { ...options, seed: seed + 1, writesEach: 4 }))
  })

/** Recovers every image, and holds what is found against the history. Returns how many calls the life took. */
const checkImages = (
  seed: number,
  modes: ReadonlyArray<CrashMode | "kill">,
  wanted: (call: DiskCall) => boolean,
  earlyWakeChance = 0
): number => {
  const disk = SimulatedDisk.make({ seed })
  const history = new WorkloadHistory()
  const taken: ReadonlyArray<Taken<HistoryMark>> = takeImages(disk, modes, wanted, () => history.mark())
  runSeed(lifeOf(disk, history, seed), seed, { earlyWakeChance })
  for (const each of taken) {
    const content = runSeed(contentOn(each.image), seed)
    const problems = history.problemsAfter(entriesOf(content), each.known, each.mode === "kill" ? "kill" : "power cut")
    assert.deepStrictEqual(problems.slice(0, 5), [], `seed ${seed}, ${describeTaken(each)}`)
  }
  return disk.calls
}

describe("A crash", () => {
  it.for(seeds(2))("I4, I5: before any disk call leaves a prefix with every durable write (seed %i)", (seed) => {
    // A stretch of calls at a time, so that few images are held at once.
    const stretch = 60
    let calls = Infinity
    for (let from = 0; from < calls; from += stretch) {
      const isInStretch = ({ index }: DiskCall) => index >= from && index < from + stretch
      calls = checkImages(seed, ["synced", "all", "kill"], isInStretch)
    }
    assert.isAbove(calls, 300)
  })

  it.for(seeds(10))("I4, I5: that spares any part of what was not synced leaves one too (seed %i)", (seed) => {
    const calls = checkImages(seed, ["random", "torn"], ({ index }) => index % 17 === seed % 17, 0.01)
    assert.isAbove(calls, 200)
  })
})
