import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { segmentFile } from "../../scripts/support/smallStore.ts"
import { currentGeneration } from "../../src/engine/Directory.ts"
import { currentTemporaryName, manifestName, ownerName, storeFiles, tableName } from "../../src/engine/FileNames.ts"
import { WriteBatch } from "../../src/index.ts"
import { SeededRandom, simulate, SimulatedDisk } from "../../src/testing/index.ts"
import type { CrashMode } from "../../src/testing/index.ts"
import { structureOn } from "../../src/testing/shape/Structure.ts"
import {
  bytesOf,
  contentOf,
  contentOn,
  describeTaken,
  directory,
  fileAt,
  filesOf,
  isOwner,
  padded,
  runSeed,
  seeds,
  summaryOf,
  summaryOn,
  takeImages,
  withStore
} from "./harness.ts"
import { runWorkload, WorkloadHistory } from "./workload.ts"

/** What power cuts, or kills, left of a busy store, at a few moments. */
const leftOvers = (seed: number, mode: CrashMode | "kill"): ReadonlyArray<SimulatedDisk> => {
  const disk = SimulatedDisk.make({ seed })
  const taken = takeImages(disk, [mode], ({ index }) => index % 40 === 30 + seed % 10, () => undefined)
  const workload = { seed, writers: 4, writesEach: 20, structural: 3 }
  runSeed(withStore(disk, (store) => runWorkload(store, new WorkloadHistory(), workload)), seed)
  return taken.map(({ image }) => image)
}

/** The disk as it is now, to recover from more than once. */
const again = (disk: SimulatedDisk): SimulatedDisk => disk.killImage()

const lastSequence = (disk: SimulatedDisk) =>
  withStore(disk, (store) => Effect.map(store.stats, ({ sequence }) => sequence))

/** Everything as one recovery finds it, and as another does after a crash of the first at any call. */
const crashEveryRecovery = (
  left: SimulatedDisk,
  modes: ReadonlyArray<CrashMode | "kill">,
  seed: number
): number => {
  const expected = runSeed(summaryOn(again(left)), seed)
  const recovering = again(left)
  const taken = takeImages(recovering, modes, () => true, () => undefined)
  runSeed(summaryOn(recovering), seed)
  for (const each of taken) assert.deepStrictEqual(runSeed(summaryOn(each.image), seed), expected, describeTaken(each))
  return taken.length
}

describe("A crash during recovery", () => {
  it.for(seeds(3))(
    "I16: at any call, after a power cut, and another recovery find what one would have (seed %i)",
    (seed) => {
      for (const left of leftOvers(seed, "random").slice(-1)) {
        assert.isAbove(crashEveryRecovery(left, ["synced", "random"], seed), 60)
      }
    }
  )

  it.for(seeds(3))(
    "I16: at any call, after a kill, and another recovery find what one would have (seed %i)",
    (seed) => {
      for (const left of leftOvers(seed, "kill").slice(-1)) {
        assert.isAbove(crashEveryRecovery(left, ["kill"], seed), 30)
      }
    }
  )

  it.for(seeds(4))("I16: again and again at any place comes to the same in the end (seed %i)", (seed) => {
    const random = new SeededRandom(seed)
    for (const left of leftOvers(seed, "random").slice(-3)) {
      const expected = runSeed(summaryOn(again(left)), seed)
      let disk = left
      for (let crashes = 0; crashes < 6; crashes++) {
        const recovering = again(disk)
        const at = random.int(40)
        const mode = random.pick(["synced", "all", "random"] as const)
        recovering.onCall(({ index }, phase) => {
          if (index !== at || phase !== "before") return
          disk = recovering.crashImage(mode, random)
          recovering.powerCut()
        })
        simulate(contentOn(recovering), { seed: random.int(1_000) })
      }
      assert.deepStrictEqual(runSeed(summaryOn(disk), seed), expected)
    }
  })
})

describe("A recovered store", () => {
  it.for(seeds(6))("I16: has all that it shows on stable storage before it opens (seed %i)", (seed) => {
    // A killed process leaves bytes that no sync has reached; a power cut after the recovery must not take them.
    for (const left of leftOvers(seed, "kill").slice(-3)) {
      const disk = again(left)
      const program = withStore(disk, (store) =>
        Effect.gen(function*() {
          const image = disk.crashImage("synced")
          return { image, shown: summaryOf(yield* contentOf(store)) }
        }))
      const { image, shown } = runSeed(program, seed)
      assert.deepStrictEqual(runSeed(summaryOn(image), seed), shown)
    }
  })

  it.for(seeds(6))("I16: appends to no file that was there before (seed %i)", (seed) => {
    for (const left of leftOvers(seed, "kill").slice(-3)) {
      const disk = again(left)
      const before = new Set(disk.files().map((path) => `/${path}`))
      runSeed(withStore(disk, (store) => store.put(bytesOf("new"), bytesOf("new"))), seed)
      const isAppended = disk.trace.filter(({ operation }) => operation === "append" || operation === "sync")
      assert.isNotEmpty(isAppended)
      assert.isEmpty(isAppended.filter(({ path }) => before.has(path) && fileAt(path)?._tag !== "Temporary"))
    }
  })

  it.for(seeds(4))("I16: gives sequences above every one that it found (seed %i)", (seed) => {
    const disk = SimulatedDisk.make({ seed })
    const next = withStore(disk, (store) =>
      Effect.gen(function*() {
        const before = yield* store.stats
        const { sequence } = yield* store.write(WriteBatch.make().put(bytesOf("key"), padded("value", 2_000)), {
          durability: "buffered"
        })
        return { before: before.sequence, sequence }
      }))
    let highest = 0
    for (let round = 0; round < 5; round++) {
      const { before, sequence } = runSeed(next, seed)
      assert.isAtLeast(before, highest)
      assert.isAbove(sequence, before)
      highest = sequence
    }
    assert.isAtLeast(runSeed(lastSequence(disk.crashImage("synced")), seed), highest)
  })

  it.for(seeds(4))("I16: gives sequences above those of groups that it discarded (seed %i)", (seed) => {
    const disk = SimulatedDisk.make({ seed })
    const pathOf = (image: SimulatedDisk) => `${directory}/${segmentFile(image, 1)}`
    const write = withStore(disk, (store) =>
      Effect.gen(function*() {
        let last = 0
        for (let turn = 0; turn < 9; turn++) {
          const batch = WriteBatch.make().put(bytesOf(`key/${turn}`), padded(String(turn), 500))
          last = (yield* store.write(batch, { durability: "buffered" })).sequence
        }
        return { last, image: disk.killImage() }
      }))
    const { image, last } = runSeed(write, seed)
    // The second group's value is lost, those behind it are not: the log ends before it.
    const bytes = image.readFile(pathOf(image))
    const lost = Buffer.from(bytes).indexOf("1:...")
    image.writeFile(pathOf(image), bytes.fill(0, lost, lost + 100))
    const commit = withStore(image, (store) =>
      Effect.gen(function*() {
        assert.deepStrictEqual([...(yield* contentOf(store)).keys()], ["key/0"])
        return yield* store.write(WriteBatch.make().put(bytesOf("new"), bytesOf("new")))
      }))
    assert.isAbove(runSeed(commit, seed).sequence, last)
    assert.deepStrictEqual([...runSeed(summaryOn(image), seed).keys()], ["key/0", "new"])
  })
})

describe("Files that the manifest does not name", () => {
  /** Of an earlier opening, of the last one, and of one after it that did not come to its end. */
  const orphansOf = (generation: number) => [
    ...[-1, 0, 1].flatMap((later) => [
      tableName(9_999, generation + later),
      manifestName(0, generation + later),
      currentTemporaryName(generation + later)
    ]),
    ...[-1, 1].map((later) => ownerName(generation + later))
  ]

  const withOrphans = (seed: number) => {
    const disk = SimulatedDisk.make({ seed })
    const workload = { seed, writers: 3, writesEach: 15, structural: 1 }
    runSeed(
      withStore(disk, (store) => Effect.andThen(runWorkload(store, new WorkloadHistory(), workload), store.flush)),
      seed
    )
    const orphans = orphansOf(currentGeneration(storeFiles(filesOf(disk))))
    for (const name of orphans) disk.writeFile(`${directory}/${name}`, bytesOf("an orphan"))
    return { disk, orphans }
  }

  it.for(seeds(3))("I11, I16: go when the store opens (seed %i)", (seed) => {
    const { disk, orphans } = withOrphans(seed)
    runSeed(summaryOn(disk), seed)
    for (const name of orphans) assert.notInclude(filesOf(disk), name)
    assert.deepStrictEqual(filesOf(disk), structureOn(disk, directory).files)
    assert.lengthOf(filesOf(disk).filter(isOwner), 1)
  })

  it.for(seeds(3))("I16: stay, as all files but owners' do, when the recovery fails (seed %i)", (seed) => {
    const { disk, orphans } = withOrphans(seed)
    const names = filesOf(disk)
    const isDamaged = (name: string) => (name.endsWith(".sst") || name.endsWith(".seg")) && !orphans.includes(name)
    for (const name of names.filter(isDamaged)) {
      const image = again(disk)
      image.writeFile(`${directory}/${name}`, new Uint8Array(10))
      // Of the log nothing is damaged that was not durable.
      const isEmptySegment = name.endsWith(".seg")
        && disk.readFile(`${directory}/${name}`).slice(64).every((byte) => byte === 0)
      const { exit } = simulate(contentOn(image), { seed })
      if (isEmptySegment && Exit.isSuccess(exit)) continue
      assert.isTrue(Exit.isFailure(exit), name)
      assert.deepStrictEqual(filesOf(image), names.filter((each) => !isOwner(each)))
      assert.isEmpty(image.trace.filter(({ operation, path }) => operation === "remove" && !isOwner(path)))
    }
  })

  it.for(seeds(3))(
    "I16: stay when a table cannot be written, and the next recovery finds everything (seed %i)",
    (seed) => {
      for (const left of leftOvers(seed, "random").slice(-2)) {
        const expected = runSeed(summaryOn(again(left)), seed)
        for (const operation of ["claim", "createAppend", "append", "sync", "rename", "syncDirectory"] as const) {
          const disk = again(left)
          const before = filesOf(disk)
          disk.fail({ when: (call) => call.operation === operation, code: "ENOSPC" })
          const { exit } = simulate(contentOn(disk), { seed })
          assert.isTrue(Exit.isFailure(exit), operation)
          const isKept = (name: string) => fileAt(name)?._tag !== "Temporary" && !isOwner(name)
          assert.includeMembers([...filesOf(disk)], before.filter(isKept), operation)
          assert.deepStrictEqual(runSeed(summaryOn(disk), seed), expected, operation)
        }
      }
    }
  )
})
