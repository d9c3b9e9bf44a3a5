import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Result } from "effect"
import { smallLevels } from "../../scripts/support/smallStrategies.ts"
import { manifestName, parseFileName, tableName, tablePath } from "../../src/engine/FileNames.ts"
import { readCurrent, readManifest } from "../../src/engine/ManifestLog.ts"
import { parseSegmentName } from "../../src/log/SegmentName.ts"
import { StoreReadMode } from "../../src/table/ReadPolicy.ts"
import { SimulatedDisk } from "../../src/testing/index.ts"
import { structureOn } from "../../src/testing/shape/Structure.ts"
import {
  bytesOf,
  directory,
  isSegment,
  isTable,
  nameIn,
  padded,
  repeatUntil,
  runSeed,
  seeds,
  withStore
} from "./harness.ts"
import { runWorkload, WorkloadHistory } from "./workload.ts"

const hasFile = (disk: SimulatedDisk, name: string): boolean => disk.files().some((path) => path.endsWith(name))

describe("A file that is removed", () => {
  it.for(seeds(8))("I7: is a segment only when its table and the event are durable (seed %i)", (seed) => {
    const disk = SimulatedDisk.make()
    const problems: Array<string> = []
    let removed = 0
    disk.onCall((call, phase) => {
      if (phase !== "before" || call.operation !== "remove" || !isSegment(call)) return
      removed++
      const number = parseSegmentName(call.path.slice(call.path.lastIndexOf("/") + 1))?.segment ?? Number.NaN
      const survivor = disk.crashImage("synced")
      const { segments, tables } = structureOn(survivor, directory)
      if (segments.some(({ segment }) => segment <= number))
        problems.push(`the event for segment ${number} is not durable`)
      for (const { file, generation, size } of tables) {
        const name = tableName(file, generation)
        const path = `${directory}/${name}`
        if (!hasFile(survivor, name)) problems.push(`${path} has no durable entry`)
        else if (survivor.readFile(path).length !== size) problems.push(`${path} is not durable`)
      }
    })
    const workload = { seed, writers: 5, writesEach: 24, structural: 3 }
    const options = seed % 2 === 0 ? {} : { compaction: smallLevels }
    runSeed(withStore(disk, (store) => runWorkload(store, new WorkloadHistory(), workload), options), seed)
    assert.isAbove(removed, 3)
    assert.deepStrictEqual(problems, [])
  })

  it.for(seeds(8))("I7: is a table only when the manifest durably names it no more (seed %i)", (seed) => {
    const disk = SimulatedDisk.make()
    const problems: Array<string> = []
    let removed = 0
    disk.onCall((call, phase) => {
      if (phase !== "before" || call.operation !== "remove" || !isTable(call)) return
      removed++
      const isNamed = structureOn(disk.crashImage("synced"), directory).tables.some((table) =>
        call.path === tablePath(directory, table)
      )
      if (isNamed) problems.push(`${call.path} is removed while the manifest names it`)
    })
    const program = withStore(disk, (store) =>
      Effect.gen(function*() {
        const history = new WorkloadHistory()
        for (let turn = 0; turn < 3; turn++) {
          yield* runWorkload(store, history, { seed: seed * 3 + turn, writers: 3, writesEach: 6 })
          yield* store.flush
          yield* store.compact()
        }
      }), seed % 2 === 0 ? {} : { compaction: smallLevels })
    runSeed(program, seed)
    assert.isAbove(removed, 2)
    assert.deepStrictEqual(problems, [])
  })
})

describe("CURRENT", () => {
  it.for(seeds(4))("I7: moves to a manifest only when that is durable, its entry included (seed %i)", (seed) => {
    const disk = SimulatedDisk.make()
    const moves: Array<string> = []
    disk.onCall(({ operation, path, to }, phase) => {
      if (phase !== "before" || operation !== "rename" || to === undefined) return
      const current = parseFileName(to.slice(directory.length + 1))
      if (current?._tag !== "Current") return void moves.push(`${path} moves to ${to}`)
      const { generation } = current
      const number = Result.getOrThrow(readCurrent(path, disk.readFile(path)))
      const survivor = disk.crashImage("synced")
      const name = manifestName(number, generation)
      if (!hasFile(survivor, name)) return void moves.push(`${name} has no durable entry`)
      const manifest = readManifest(name, { number, generation }, survivor.readFile(`${directory}/${name}`))
      moves.push(Result.isSuccess(manifest) ? "a durable manifest" : `${name} is not durable`)
    })
    for (let session = 0; session < 3; session++) {
      runSeed(withStore(disk, (store) => store.put(bytesOf(`key/${session}`), bytesOf("value"))), seed)
    }
    assert.deepStrictEqual(moves, ["a durable manifest", "a durable manifest", "a durable manifest"])
  })
})

describe("A memtable that leaves the view", () => {
  for (const mode of ["sync", "async"] as const) {
    it.for(seeds(8))(`I7: leaves it with its table in, blocks read ${mode} (seed %i)`, (seed) => {
      const program = withStore(SimulatedDisk.make(), (store) =>
        Effect.gen(function*() {
          const keys = Array.from({ length: 20 }, (_, at) => `key/${at}`)
          for (const key of keys) yield* store.put(bytesOf(key), padded(key, 2_000), { durability: "buffered" })
          const missed: Array<string> = []
          let isOver = false
          const reader = (own: ReadonlyArray<string>) =>
            Effect.forEach(own, (key) =>
              Effect.map(store.get(bytesOf(key)), (value) => {
                if (nameIn(value) !== key) missed.push(key)
              }), { discard: true })
          const readers = yield* Effect.forEach([keys, keys.toReversed()], (own) =>
            Effect.forkChild(repeatUntil(() => isOver, reader(own))))
          yield* store.flush
          yield* store.compact()
          for (let turn = 0; turn < 40; turn++) {
            yield* store.put(bytesOf("other"), padded("other", 3_000))
          }
          isOver = true
          yield* Fiber.joinAll(readers)
          assert.isAbove((yield* store.stats).flushes, 1)
          return missed
        }), { blockCacheSize: 0 })
      assert.deepStrictEqual(runSeed(Effect.provideService(program, StoreReadMode, mode), seed), [])
    })
  }
})
