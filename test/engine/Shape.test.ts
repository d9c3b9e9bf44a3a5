import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { manifestName, segmentName, tableName } from "../../src/engine/FileNames.ts"
import { readCurrent, readManifest } from "../../src/engine/ManifestLog.ts"
import { SimulatedDisk } from "../../src/testing/index.ts"
import { CommitHistory } from "./CommitHistory.ts"
import { directory, filesOf, runSeed, seeds, withStore } from "./harness.ts"
import { runWorkload } from "./workload.ts"

/** The files that the manifest in force accounts for. */
const namedFiles = (disk: SimulatedDisk): ReadonlyArray<string> => {
  const number = Result.getOrThrow(readCurrent("CURRENT", disk.readFile(`${directory}/CURRENT`)))
  const manifest = manifestName(number)
  const { segments, tables } = Result.getOrThrow(
    readManifest(manifest, number, disk.readFile(`${directory}/${manifest}`))
  )
  return ["CURRENT", manifest, ...segments.map(segmentName), ...tables.map(({ file }) => tableName(file))].sort()
}

/** Time goes on once there is nothing left to merge or to remove. */
const untilAtRest = Effect.sleep("1 second")

describe("The files on disk", () => {
  it.for(seeds(10))("I11: are those that the manifest names: closed, and open again (seed %i)", (seed) => {
    const disk = SimulatedDisk.make()
    for (let session = 0; session < 4; session++) {
      const life = withStore(disk, (store) =>
        Effect.gen(function*() {
          yield* untilAtRest
          assert.deepStrictEqual(filesOf(disk), namedFiles(disk))
          const workload = { seed: seed + session, writers: 3, writesEach: 12, structural: 3 }
          yield* runWorkload(store, new CommitHistory(), workload)
          if (session % 2 === 1) return
          yield* store.flush
          yield* store.compact()
          yield* untilAtRest
          assert.deepStrictEqual(filesOf(disk), namedFiles(disk))
        }))
      runSeed(life, seed)
      assert.deepStrictEqual(filesOf(disk), namedFiles(disk))
    }
  })

  it.for(seeds(6))("I11: are those that the manifest names after a recovery from a crash (seed %i)", (seed) => {
    const disk = SimulatedDisk.make({ seed })
    const images: Array<SimulatedDisk> = []
    disk.onCall(({ index }, phase) => {
      if (phase === "before" && index % 11 === seed % 11) images.push(disk.crashImage("random"), disk.killImage())
    })
    const workload = { seed, writers: 3, writesEach: 12, structural: 3 }
    runSeed(withStore(disk, (store) => runWorkload(store, new CommitHistory(), workload)), seed)
    assert.isAbove(images.length, 10)
    for (const image of images) {
      const names = runSeed(withStore(image, () => Effect.map(untilAtRest, () => filesOf(image))), seed)
      assert.deepStrictEqual(names, namedFiles(image))
    }
  })
})
