/** A disk that is full: nothing acknowledged is lost, and what can heal by itself does. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Logger } from "effect"
import { readdirSync } from "node:fs"
import { inspectFiles } from "../../scripts/crash/inspectFiles.ts"
import * as NodeDisk from "../../src/disk/NodeDisk.ts"
import { currentGeneration } from "../../src/engine/Directory.ts"
import { parseFileName, storeFiles } from "../../src/engine/FileNames.ts"
import { Compaction, LsmStore, StoreReadOnly } from "../../src/index.ts"
import type { EngineEvent, StoreOptions } from "../../src/index.ts"
import { layerInlineJobs } from "../../src/jobs/InlineJobs.ts"
import { layerWorkerJobs } from "../../src/jobs/WorkerJobs.ts"
import { isOwner } from "../engine/harness.ts"
import { imageOf } from "../store/imageOf.ts"
import { isDiskError, isReadOnly, open, withStore } from "../store/storeHelpers.ts"
import { smallDisk } from "./smallDisk.ts"
import type { SmallDisk } from "./smallDisk.ts"
import { watchEvents, writeUntilPrepared } from "./watchEvents.ts"
import { WriteLedger } from "./WriteLedger.ts"

const KiB = 1024
const MiB = 1024 * KiB

/** Threads at the test's own priority: they start while others are busy too. */
const jobs = { 0: layerInlineJobs, 2: layerWorkerJobs({ priority: 0 }) }

const storeOn = (disk: SmallDisk): string => `${disk.path}/store`
const layer = (disk: SmallDisk, options?: Partial<StoreOptions>) =>
  LsmStore.layer({ directory: storeOn(disk), ...options }).pipe(
    Layer.provide(jobs[options?.workers ?? 0]),
    Layer.provide(NodeDisk.layer)
  )

/** All files but those of owners: who opened the store in vain has become its owner, and left it without one. */
const withoutOwners = (disk: SmallDisk): ReadonlyMap<string, unknown> =>
  new Map([...imageOf(disk.path)].filter(([path]) => !isOwner(path)))

/** By which the manifest in force is named. */
const generationOn = (disk: SmallDisk): number => currentGeneration(storeFiles(readdirSync(storeOn(disk))))

const tablesOn = (disk: SmallDisk): number =>
  readdirSync(storeOn(disk)).filter((name) => parseFileName(name)?._tag === "Table").length

/** The store reopened holds what was acknowledged, takes writes, and has no file too many. */
const isWhole = (disk: SmallDisk, ledger: WriteLedger) =>
  Effect.gen(function*() {
    yield* withStore(layer(disk), (store) =>
      Effect.gen(function*() {
        yield* ledger.check(store)
        yield* ledger.writeNext(store, 0)
        yield* store.flush
      }))
    yield* withStore(layer(disk), ledger.check)
    assert.deepStrictEqual(inspectFiles(storeOn(disk)), [])
  })

/** A table could not be written for lack of space. */
const lacksSpace = (event: EngineEvent): boolean => event._tag === "ActorRestarted" && event.reason.includes("ENOSPC")

describe("a disk that is full under the log", () => {
  it.live("I5, I12: stops writes and not reads; the store opens when there is space, and not before", (context) =>
    Effect.gen(function*() {
      const disk = yield* smallDisk(context, 16 * MiB)
      const ledger = new WriteLedger(8)
      disk.fill(6 * MiB)
      yield* withStore(layer(disk), (store) =>
        Effect.gen(function*() {
          for (const refusal of yield* ledger.write(store)) {
            assert.instanceOf(refusal, StoreReadOnly)
            assert.strictEqual(refusal.cause, "failure")
            assert.include(refusal.reason, "ENOSPC")
          }
          assert.isAbove(ledger.acknowledged, 100)
          yield* ledger.check(store)
          disk.giveSpaceBack()
          yield* isReadOnly(ledger.writeNext(store, 0), "failure")
          disk.fill(0)
        }))

      const before = withoutOwners(disk)
      yield* isDiskError(Effect.scoped(open(layer(disk))), "ENOSPC")
      yield* withStore(layer(disk, { readOnly: true }), ledger.check)
      assert.deepStrictEqual(withoutOwners(disk), before)

      disk.giveSpaceBack()
      yield* isWhole(disk, ledger)
    }))
})

describe("a disk with little space at opening", () => {
  it.live("I16: takes a typed error and no space, until there is enough", (context) =>
    Effect.gen(function*() {
      const disk = yield* smallDisk(context, 4 * MiB)
      const ledger = new WriteLedger(4)
      yield* withStore(layer(disk), (store) => ledger.write(store, () => ledger.acknowledged >= 20))
      let before = withoutOwners(disk)
      let generation = generationOn(disk)
      let failures = 0
      for (let left = 0;; left += 4 * KiB) {
        disk.fill(left)
        const exit = yield* Effect.exit(Effect.scoped(open(layer(disk))))
        disk.giveSpaceBack()
        if (Exit.isSuccess(exit)) break
        failures++
        assert.match(String(exit.cause), /^Cause\(\[Fail\(DiskError: .*ENOSPC/)
        // Once CURRENT has moved, what the old manifest named is not needed any more.
        if (generationOn(disk) === generation) assert.deepStrictEqual(withoutOwners(disk), before)
        else assert.deepStrictEqual(inspectFiles(storeOn(disk)), [])
        before = withoutOwners(disk)
        generation = generationOn(disk)
      }
      // The log stays where it is: a manifest, its pointer and a segment's header are all that is written.
      assert.isAbove(failures, 1)
      yield* isWhole(disk, ledger)
    }))
})

for (const workers of [0, 2] as const) {
  describe(`a disk that is full under the tables, workers: ${workers}`, () => {
    it.live("I12, I13: has a flush tried again until there is space; reads and writes go on", (context) =>
      Effect.gen(function*() {
        const disk = yield* smallDisk(context, 16 * MiB)
        const ledger = new WriteLedger(4)
        const memtableSize = 512 * KiB
        yield* withStore(layer(disk, { workers, memtableSize }), (store) =>
          Effect.gen(function*() {
            const { until } = yield* watchEvents(store)
            yield* writeUntilPrepared(store, memtableSize, ledger.writeNext(store, 0))
            disk.fill(0)
            const flush = yield* Effect.forkChild(store.flush, { startImmediately: true })
            yield* until(lacksSpace)
            yield* ledger.check(store)
            // The log has some zeros left to write over.
            for (let writer = 0; writer < 4; writer++) yield* ledger.writeNext(store, writer)
            assert.isUndefined(flush.pollUnsafe())
            disk.giveSpaceBack()
            yield* Fiber.join(flush)
            const { readOnly, tables } = yield* store.stats
            assert.deepStrictEqual([readOnly, tables.count], [false, 1])
            yield* ledger.check(store)
          }))
        yield* isWhole(disk, ledger)
      }).pipe(Effect.provide(Logger.layer([]))))

    it.live("I12: fails a compaction that is asked for, which changes nothing and leaves nothing", (context) =>
      Effect.gen(function*() {
        const disk = yield* smallDisk(context, 16 * MiB)
        const ledger = new WriteLedger(4)
        const onlyWhenAsked = { ...Compaction.levelled(), pick: () => undefined }
        yield* withStore(layer(disk, { workers, compaction: onlyWhenAsked }), (store) =>
          Effect.gen(function*() {
            for (const enough of [300, 600]) {
              yield* ledger.write(store, () => ledger.acknowledged >= enough)
              yield* store.flush
            }
            // The last segment may be removed only now, and is no larger than one of the tables.
            disk.fill(0)
            yield* isDiskError(store.compact(), "ENOSPC")
            assert.strictEqual(tablesOn(disk), 2)
            yield* ledger.check(store)
            disk.giveSpaceBack()
            yield* store.compact()
            yield* ledger.check(store)
          }))
        yield* isWhole(disk, ledger)
      }))

    it.live("I5, I12: loses nothing, whether it is the log or a table that meets the end of the space first", (context) =>
      Effect.gen(function*() {
        const disk = yield* smallDisk(context, 12 * MiB)
        const ledger = new WriteLedger(8)
        disk.fill(5 * MiB)
        const options = { workers, memtableSize: 256 * KiB, maxImmutables: 2 }
        yield* withStore(layer(disk, options), (store) =>
          Effect.gen(function*() {
            const { until } = yield* watchEvents(store)
            let enough = Infinity
            const writers = yield* Effect.forkChild(ledger.write(store, () => ledger.acknowledged >= enough))
            yield* until((event) => event._tag === "WritesStopped" || lacksSpace(event))
            yield* ledger.check(store)
            disk.giveSpaceBack()
            enough = ledger.acknowledged + 200
            yield* Fiber.join(writers)
            yield* ledger.check(store)
          }))
        yield* isWhole(disk, ledger)
      }).pipe(Effect.provide(Logger.layer([]))))
  })
}
