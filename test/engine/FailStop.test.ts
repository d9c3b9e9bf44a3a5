import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Result } from "effect"
import { Disk } from "../../src/index.ts"
import { SeededRandom, SimulatedDisk } from "../../src/testing/index.ts"
import type { DiskCall, FaultPlan } from "../../src/testing/index.ts"
import {
  bytesOf,
  contentOf,
  contentOn,
  entriesOf,
  isManifest,
  isNumbered,
  isSegment,
  nameIn,
  padded,
  runSeed,
  seeds,
  summaryOf,
  summaryOn,
  withStore
} from "./harness.ts"
import type { Store, TestDisk } from "./harness.ts"
import { runWorkload, WorkloadHistory, writeOnce } from "./workload.ts"
import type { WorkloadOptions } from "./workload.ts"

const segmentHeaderSize = 64

/** Calls whose failure must stop the store's writes. */
const fatalCalls: { readonly [name: string]: (call: DiskCall) => boolean } = {
  "an append to the log": (call) => isSegment(call) && call.operation === "append" && call.bytes !== segmentHeaderSize,
  "a sync of the log": (call) => isSegment(call) && call.operation === "sync",
  "the creation of a segment": (call) => isSegment(call) && call.operation === "createAppend",
  "the append of a segment's header": (call) =>
    isSegment(call) && call.operation === "append" && call.bytes === segmentHeaderSize,
  "an append to the manifest": (call) => isManifest(call) && call.operation === "append",
  "a sync of the manifest": (call) => isManifest(call) && call.operation === "sync"
}

const workload: WorkloadOptions = { seed: 0, writers: 5, writesEach: 0, valueSize: 4_000 }

/**
 * Five writers go on until each has been refused; the store answers reads, and
 * refuses all else, until it closes.
 */
const writeUntilRefused = (inner: Store, history: WorkloadHistory, seed: number, breakDisk: () => void) =>
  Effect.gen(function*() {
    const store = history.observe(inner)
    const random = new SeededRandom(seed)
    for (let turn = 0; turn < 5; turn++) yield* writeOnce(store, history, random, workload)
    breakDisk()
    const writer = (own: SeededRandom) =>
      Effect.gen(function*() {
        for (let turn = 0; turn < 200; turn++) {
          const result = yield* Effect.result(writeOnce(store, history, own, workload))
          if (Result.isFailure(result)) return result.failure
        }
        return undefined
      })
    const writers = yield* Effect.forEach([0, 1, 2, 3, 4], () => Effect.forkChild(writer(random.fork())))
    for (const error of yield* Fiber.joinAll(writers)) {
      assert.strictEqual(error?._tag, "StoreReadOnly")
      assert.deepInclude(error, { cause: "failure" })
    }
    const later = [
      store.put(bytesOf("later"), bytesOf("later")),
      store.delete(bytesOf("later")),
      store.sync,
      store.flush
    ]
    for (const each of [...later, store.compact()]) {
      assert.strictEqual((yield* Effect.flip(each))._tag, "StoreReadOnly")
    }
    assert.isTrue((yield* store.stats).readOnly)
    yield* contentOf(store)
  })

const failUnder = (disk: SimulatedDisk, seed: number, plan: FaultPlan): WorkloadHistory => {
  const history = new WorkloadHistory()
  runSeed(withStore(disk, (store) => writeUntilRefused(store, history, seed, () => void disk.fail(plan))), seed)
  return history
}

/** What the store held when it had stopped is all that was acknowledged, and of what failed nothing. */
const checkStopped = (history: WorkloadHistory): void => {
  assert.isAbove(history.figures.failed, 0)
  assert.deepStrictEqual(history.problems(), [])
}

const checkReopened = (
  disk: SimulatedDisk,
  history: WorkloadHistory,
  seed: number,
  end: "power cut" | "kill"
): void => {
  const problems = history.problemsAfter(entriesOf(runSeed(contentOn(disk), seed)), history.mark(), end)
  assert.deepStrictEqual(problems.slice(0, 5), [])
}

/** The disk as it is, but what the call does is a defect. */
const withDefect = (disk: SimulatedDisk, isHit: (operation: string, path: string) => boolean): TestDisk => {
  const { service } = disk
  const guard = <A, E>(operation: string, path: string, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.suspend(() => isHit(operation, path) ? Effect.die(new Error("a defect")) : effect)
  return {
    layer: Layer.succeed(Disk, {
      ...service,
      createAppend: (path, options) =>
        Effect.map(guard("createAppend", path, service.createAppend(path, options)), (file) => ({
          path,
          append: (chunks) => guard("append", path, file.append(chunks)),
          sync: guard("sync", path, file.sync),
          close: file.close
        }))
    })
  }
}

describe("A failed call to the log or the manifest", () => {
  for (const [name, isFatal] of Object.entries(fatalCalls)) {
    it.for(seeds(4))(`I12: ${name} stops writes, and reads go on (seed %i)`, (seed) => {
      for (const code of ["EIO", "ENOSPC"]) {
        for (const keep of ["none", "some", "all"] as const) {
          const disk = SimulatedDisk.make({ seed })
          let skip = new SeededRandom(seed).int(3)
          const history = failUnder(disk, seed, { code, keep, when: (call) => isFatal(call) && skip-- <= 0 })
          checkStopped(history)
          checkReopened(disk.crashImage("synced"), history, seed, "power cut")
          checkReopened(disk.crashImage("random", new SeededRandom(seed)), history, seed, "power cut")
          checkReopened(disk, history, seed, "kill")
        }
      }
    })
  }

  it.for(seeds(6))("I12: a sync that failed is never tried again on that file (seed %i)", (seed) => {
    for (const isFatal of [fatalCalls["a sync of the log"]!, fatalCalls["a sync of the manifest"]!]) {
      const disk = SimulatedDisk.make()
      let failed: DiskCall | undefined
      const history = failUnder(disk, seed, {
        when: (call) => {
          if (!isFatal(call)) return false
          failed = call
          return true
        }
      })
      checkStopped(history)
      assert.isDefined(failed)
      const syncs = disk.trace.filter(({ operation, path }) => operation === "sync" && path === failed?.path)
      assert.strictEqual(syncs.at(-1), failed)
    }
  })

  it.for(seeds(4))("I12: after reopening, what was in doubt stays as it was found (seed %i)", (seed) => {
    const disk = SimulatedDisk.make()
    failUnder(disk, seed, { when: fatalCalls["a sync of the log"]!, keep: "none" })
    const program = withStore(disk, (store) =>
      Effect.gen(function*() {
        const found = summaryOf(yield* contentOf(store))
        return { found, afterPowerCut: disk.crashImage("synced") }
      }))
    const { afterPowerCut, found } = runSeed(program, seed)
    assert.deepStrictEqual(runSeed(summaryOn(afterPowerCut), seed), found)
  })
})

describe("A defect", () => {
  const places: { readonly [name: string]: (operation: string, path: string) => boolean } = {
    "in the log's append": (operation, path) => operation === "append" && path.endsWith(".seg"),
    "in the log's sync": (operation, path) => operation === "sync" && path.endsWith(".seg"),
    "in the manifest's append": (operation, path) => operation === "append" && path.includes("/manifest-")
  }
  for (const [name, isHit] of Object.entries(places)) {
    it.for(seeds(4))(`I12: ${name} stops writes, and nobody waits for ever (seed %i)`, (seed) => {
      const disk = SimulatedDisk.make()
      const history = new WorkloadHistory()
      let isBroken = false
      const broken = withDefect(disk, (operation, path) => isBroken && isHit(operation, path))
      runSeed(
        withStore(broken, (store) =>
          writeUntilRefused(store, history, seed, () => {
            isBroken = true
          })),
        seed
      )
      checkStopped(history)
      checkReopened(disk, history, seed, "kill")
    })
  }

  it.for(seeds(4))("I12: in a rotation is survived, and nobody waits for ever (seed %i)", (seed) => {
    const history = new WorkloadHistory()
    let left = 2
    const broken = withDefect(
      SimulatedDisk.make(),
      (operation, path) => operation === "createAppend" && isNumbered(path, "Segment", 2) && left-- > 0
    )
    const program = withStore(broken, (store) =>
      Effect.gen(function*() {
        yield* runWorkload(store, history, { ...workload, seed, writesEach: 10 })
        const { actors, readOnly } = yield* store.stats
        assert.isFalse(readOnly)
        assert.strictEqual(actors.find((actor) => actor.name === "RotationCoordinator")?.restarts, 2)
        return yield* contentOf(store)
      }))
    assert.deepStrictEqual(history.problemsAfter(entriesOf(runSeed(program, seed)), history.mark(), "kill"), [])
  })

  it.for(seeds(4))("I12: in a flush is survived, and shows in stats and events (seed %i)", (seed) => {
    const disk = SimulatedDisk.make()
    let left = 3
    const broken = withDefect(disk, (operation, path) => operation === "sync" && path.endsWith(".sst") && left-- > 0)
    const program = withStore(broken, (store) =>
      Effect.gen(function*() {
        yield* store.put(bytesOf("key"), padded("value", 100))
        yield* store.flush
        const { actors, readOnly, tables } = yield* store.stats
        assert.isFalse(readOnly)
        assert.strictEqual(tables.count, 1)
        assert.strictEqual(actors.find((actor) => actor.name === "Flusher")?.restarts, 3)
        return nameIn(yield* store.get(bytesOf("key")))
      }))
    assert.strictEqual(runSeed(program, seed), "value")
  })
})

describe("A failed write of a table", () => {
  const isTableCall = (operation: string) => (call: DiskCall): boolean =>
    call.path.endsWith(".sst") && call.operation === operation
  const calls: { readonly [name: string]: () => (call: DiskCall) => boolean } = {
    "its creation": () => isTableCall("createAppend"),
    "an append": () => isTableCall("append"),
    "its sync": () => isTableCall("sync"),
    "its opening": () => isTableCall("openRead"),
    "a read of it": () => isTableCall("read"),
    "the sync of its directory": () => {
      let isTableSynced = false
      let isSegmentNew = false
      return (call) => {
        if (call.path.endsWith(".sst") && call.operation !== "close") isTableSynced = call.operation === "sync"
        if (call.path.endsWith(".seg") && call.operation === "createAppend") isSegmentNew = true
        if (call.operation !== "syncDirectory") return false
        // While a new segment waits for it too, it may be the segment's, and the next one too.
        const isTables = isTableSynced && !isSegmentNew
        isTableSynced = false
        isSegmentNew = false
        return isTables
      }
    }
  }
  for (const [name, makeWhen] of Object.entries(calls)) {
    it.for(seeds(4))(`I12: at ${name} is retried under a new name and loses nothing (seed %i)`, (seed) => {
      const disk = SimulatedDisk.make({ seed })
      const history = new WorkloadHistory()
      const fault = disk.fail({ when: makeWhen(), times: 1 + seed % 3, code: seed % 2 === 0 ? "EIO" : "ENOSPC" })
      const program = withStore(disk, (inner) =>
        Effect.gen(function*() {
          const store = history.observe(inner)
          const random = new SeededRandom(seed)
          const writers = yield* Effect.forEach([0, 1, 2], () => {
            const own = random.fork()
            return Effect.forkChild(Effect.repeat(writeOnce(store, history, own, workload), { times: 19 }))
          })
          yield* Fiber.joinAll(writers)
          yield* store.flush
          const { actors, immutables, readOnly } = yield* store.stats
          assert.isFalse(readOnly)
          assert.strictEqual(immutables.count, 0)
          assert.strictEqual(actors.find((actor) => actor.name === "Flusher")?.restarts, fault.fired)
          return { content: yield* contentOf(store), image: disk.crashImage("synced") }
        }))
      const { content, image } = runSeed(program, seed)
      assert.strictEqual(fault.fired, 1 + seed % 3)
      assert.deepStrictEqual(history.problemsAfter(entriesOf(content), history.mark(), "kill"), [])
      checkReopened(image, history, seed, "power cut")
      const created = disk.trace.filter(isTableCall("createAppend")).map(({ path }) => path)
      assert.strictEqual(new Set(created).size, created.length, "a table's name was used twice")
    })
  }

  it.for(seeds(4))("I12: in a compaction changes nothing, and the next one succeeds (seed %i)", (seed) => {
    const disk = SimulatedDisk.make()
    const program = withStore(disk, (store) =>
      Effect.gen(function*() {
        for (const round of ["old", "new"]) {
          for (let key = 0; key < 10; key++) yield* store.put(bytesOf(`key/${key}`), padded(round, 200))
          yield* store.flush
        }
        const before = summaryOf(yield* contentOf(store))
        for (const operation of ["createAppend", "append", "sync", "openRead"] as const) {
          disk.fail({ when: isTableCall(operation) })
          const exit = yield* Effect.exit(store.compact())
          assert.isTrue(Exit.isFailure(exit), operation)
          assert.deepStrictEqual(summaryOf(yield* contentOf(store)), before)
          assert.strictEqual((yield* store.stats).tables.count, 2)
        }
        yield* store.compact()
        assert.strictEqual((yield* store.stats).tables.count, 1)
        assert.deepStrictEqual(summaryOf(yield* contentOf(store)), before)
      }))
    runSeed(program, seed)
  })
})
