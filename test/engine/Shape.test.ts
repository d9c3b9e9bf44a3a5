import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { smallLevels, smallTiers } from "../../scripts/support/smallStrategies.ts"
import { levelled } from "../../src/compaction/Levelled.ts"
import { shapeProblems, SimulatedDisk } from "../../src/testing/index.ts"
import { structureOn } from "../../src/testing/shape/Structure.ts"
import { directory, filesOf, runSeed, seeds, withStore } from "./harness.ts"
import { runWorkload, WorkloadHistory } from "./workload.ts"

/** Time goes on once there is nothing left to merge or to remove. */
const untilAtRest = Effect.sleep("1 second")

const strategies = [
  ["the levels of every day", levelled()],
  ["small levels", smallLevels],
  ["small tiers", smallTiers]
] as const

describe("The files on disk", () => {
  for (const [name, compaction] of strategies) {
    it.for(seeds(6))(`I11: are those that the manifest names, in ${name}: closed, and open again (seed %i)`, (seed) => {
      const disk = SimulatedDisk.make()
      for (let session = 0; session < 4; session++) {
        const life = withStore(disk, (store) =>
          Effect.gen(function*() {
            yield* untilAtRest
            assert.deepStrictEqual(filesOf(disk), structureOn(disk, directory).files)
            const workload = { seed: seed + session, writers: 3, writesEach: 12, structural: 3 }
            yield* runWorkload(store, new WorkloadHistory(), workload)
            if (session % 2 === 1) return
            yield* store.flush
            yield* store.compact()
            yield* untilAtRest
            assert.deepStrictEqual(filesOf(disk), structureOn(disk, directory).files)
          }), { compaction })
        runSeed(life, seed)
        assert.deepStrictEqual(filesOf(disk), structureOn(disk, directory).files)
        assert.deepStrictEqual(shapeProblems(disk, directory), [])
      }
    })

    it.for(seeds(3))(`I11: are those that the manifest names, in ${name}, after a crash (seed %i)`, (seed) => {
      const disk = SimulatedDisk.make({ seed })
      const images: Array<SimulatedDisk> = []
      disk.onCall(({ index }, phase) => {
        if (phase === "before" && index % 13 === seed % 13) images.push(disk.crashImage("random"), disk.killImage())
      })
      const workload = { seed, writers: 3, writesEach: 12, structural: 3 }
      runSeed(withStore(disk, (store) => runWorkload(store, new WorkloadHistory(), workload), { compaction }), seed)
      assert.isAbove(images.length, 10)
      for (const image of images) {
        const names = runSeed(
          withStore(image, () => Effect.map(untilAtRest, () => filesOf(image)), { compaction }),
          seed
        )
        assert.deepStrictEqual(names, structureOn(image, directory).files)
        assert.deepStrictEqual(shapeProblems(image, directory), [])
      }
    })
  }
})
