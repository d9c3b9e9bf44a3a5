import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { SimulatedDisk } from "../../src/testing/index.ts"
import type { CrashMode } from "../../src/testing/index.ts"
import {
  bytesOf,
  contentOn,
  describeTaken,
  entriesOf,
  isSegment,
  isTable,
  nameIn,
  padded,
  runSeed,
  seeds,
  takeImages,
  withStore
} from "./harness.ts"
import { runWorkload, WorkloadHistory } from "./workload.ts"

/** A disk on which no table can be written, so that segments are all there is. */
const diskWithoutTables = (): SimulatedDisk => {
  const disk = SimulatedDisk.make()
  disk.fail({ when: (call) => isTable(call) && call.operation === "createAppend", times: Infinity, code: "ENOSPC" })
  return disk
}

describe("A segment after another", () => {
  it.for(seeds(10))("I6: a durable write in it makes all of the one before durable (seed %i)", (seed) => {
    const disk = diskWithoutTables()
    const image = runSeed(
      withStore(disk, (store) =>
        Effect.gen(function*() {
          let turn = 0
          const fill = (durability: "buffered" | "async") =>
            store.put(bytesOf(`key/${turn++}`), padded("filler", 3_000), { durability })
          while ((yield* store.stats).memtable.segment === 1) yield* fill(turn % 3 === 0 ? "async" : "buffered")
          yield* store.put(bytesOf("durable"), padded("durable", 10), { durability: "sync" })
          return { image: disk.crashImage("synced"), written: turn }
        })),
      seed
    )
    const content = runSeed(contentOn(image.image), seed)
    assert.strictEqual(nameIn(content.get("durable")), "durable")
    assert.strictEqual(content.size, image.written + 1)
  })

  it.for(seeds(6))("I6: no crash loses a durable write, or one before it, in either (seed %i)", (seed) => {
    const disk = diskWithoutTables()
    const history = new WorkloadHistory()
    const modes: ReadonlyArray<CrashMode> = ["synced", "random"]
    const taken = takeImages(disk, modes, ({ index }) => index % 5 === seed % 5, () => history.mark())
    // As much as fits into the memtables that may wait.
    const workload = { seed, writers: 4, writesEach: 8, valueSize: 3_000 }
    runSeed(withStore(disk, (store) => runWorkload(store, history, workload)), seed)
    for (const each of taken) {
      const problems = history.problemsAfter(entriesOf(runSeed(contentOn(each.image), seed)), each.known, "power cut")
      assert.deepStrictEqual(problems.slice(0, 5), [], describeTaken(each))
    }
  })

  it.for(seeds(6))("I6: it takes its first record when the one before has taken its last (seed %i)", (seed) => {
    const disk = SimulatedDisk.make()
    const workload = { seed, writers: 5, writesEach: 12, structural: 2 }
    runSeed(withStore(disk, (store) => runWorkload(store, new WorkloadHistory(), workload)), seed)
    const appended = disk.trace.filter((call) => isSegment(call) && call.operation === "append")
    const paths = [...new Set(appended.map(({ path }) => path))].sort()
    assert.isAbove(paths.length, 3)
    // The first append to each is its header.
    const groups = paths.map((path) => appended.filter((call) => call.path === path).slice(1).map(({ index }) => index))
    const order = groups.flat()
    assert.deepStrictEqual(order, [...order].sort((a, b) => a - b))
  })

  it.for(seeds(6))("I6: it takes records only when its directory entry is durable (seed %i)", (seed) => {
    const disk = SimulatedDisk.make()
    const missing: Array<string> = []
    const headed = new Set<string>()
    disk.onCall((call, phase) => {
      if (phase !== "before" || call.operation !== "append" || !isSegment(call)) return
      if (headed.has(call.path) && !disk.crashImage("synced").files().some((path) => call.path.endsWith(path))) {
        missing.push(call.path)
      }
      headed.add(call.path)
    })
    const workload = { seed, writers: 5, writesEach: 12, structural: 2 }
    runSeed(withStore(disk, (store) => runWorkload(store, new WorkloadHistory(), workload)), seed)
    assert.isAbove(headed.size, 3)
    assert.deepStrictEqual(missing, [])
  })
})
