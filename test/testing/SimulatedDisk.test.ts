import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber } from "effect"
import { DiskError, StoreLocked } from "../../src/StoreError.ts"
import { simulate, SimulatedDisk } from "../../src/testing/index.ts"

const bytes = (...values: ReadonlyArray<number>): Uint8Array => Uint8Array.from(values)

describe("calls", () => {
  it.effect("each call is counted and traced, in the order in which they take effect", () =>
    Effect.gen(function*() {
      const disk = SimulatedDisk.make()
      yield* disk.service.makeDirectory("dir")
      const file = yield* disk.service.createAppend("dir/a")
      yield* file.append([bytes(1), bytes(2, 3)])
      yield* file.sync
      yield* file.close
      yield* disk.service.rename("dir/a", "dir/b")
      yield* disk.service.syncDirectory("dir")
      const reader = yield* disk.service.openRead("dir/b")
      yield* reader.read(0, 2)
      reader.readSync(1, 1)
      yield* Effect.flip(disk.service.remove("dir/missing"))
      assert.strictEqual(disk.calls, 11)
      assert.deepStrictEqual(disk.trace, [
        { index: 0, operation: "makeDirectory", path: "dir" },
        { index: 1, operation: "createAppend", path: "dir/a" },
        { index: 2, operation: "append", path: "dir/a", bytes: 3 },
        { index: 3, operation: "sync", path: "dir/a" },
        { index: 4, operation: "close", path: "dir/a" },
        { index: 5, operation: "rename", path: "dir/a", to: "dir/b" },
        { index: 6, operation: "syncDirectory", path: "dir" },
        { index: 7, operation: "openRead", path: "dir/b" },
        { index: 8, operation: "read", path: "dir/b", bytes: 2 },
        { index: 9, operation: "readSync", path: "dir/b", bytes: 1 },
        { index: 10, operation: "remove", path: "dir/missing" }
      ])
    }))

  it.effect("what tests look with is no call", () =>
    Effect.sync(() => {
      const disk = SimulatedDisk.make()
      disk.writeFile("dir/file", bytes(1))
      disk.readFile("dir/file")
      disk.crashImage("all")
      disk.killImage()
      assert.strictEqual(disk.calls, 0)
    }))

  it.effect("a listener sees the disk right before and right after each call", () =>
    Effect.gen(function*() {
      const disk = SimulatedDisk.make()
      const seen: Array<string> = []
      const stop = disk.onCall((call, phase) => seen.push(`${call.index} ${phase}: ${disk.files().join(" ")}`))
      yield* disk.service.createAppend("a")
      yield* disk.service.createAppend("b")
      stop()
      yield* disk.service.createAppend("c")
      assert.deepStrictEqual(seen, ["0 before: ", "0 after: a", "1 before: a", "1 after: a b"])
    }))

  it.effect("a call leaves the fiber before it takes effect, and again before it returns", () =>
    Effect.gen(function*() {
      const disk = SimulatedDisk.make()
      const events: Array<string> = []
      disk.onCall((_, phase) => events.push(phase))
      const call = Effect.andThen(disk.service.createAppend("file"), Effect.sync(() => events.push("returned")))
      const fiber = yield* Effect.forkChild(call, { startImmediately: true })
      events.push("begun")
      yield* Effect.yieldNow
      events.push("other")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(events, ["begun", "before", "after", "other", "returned"])
    }))

  it("without a delay a call never leaves the fiber", () => {
    const disk = SimulatedDisk.make({ delay: Effect.void })
    const fiber = Effect.runFork(disk.service.createAppend("file"))
    assert.strictEqual(fiber.pollUnsafe()?._tag, "Success")
  })

  it.effect("what was written for a test is durable, and parents are made", () =>
    Effect.sync(() => {
      const disk = SimulatedDisk.make()
      disk.writeFile("/one/two/file", bytes(1, 2))
      disk.writeFile("one/two/file", bytes(3))
      assert.deepStrictEqual(disk.crashImage("synced").readFile("one/two/file"), bytes(3))
    }))

  it.effect("damage is seen through a handle that was open", () =>
    Effect.gen(function*() {
      const disk = SimulatedDisk.make()
      disk.writeFile("file", bytes(1, 2))
      const reader = yield* disk.service.openRead("file")
      disk.writeFile("file", bytes(1, 3))
      assert.deepStrictEqual(reader.readSync(0, 2), bytes(1, 3))
    }))

  it("throws a DiskError when a test looks at a file that is not there", () => {
    assert.throws(() => SimulatedDisk.make().readFile("missing"), DiskError)
  })
})

describe("handles", () => {
  it.effect("appends go on under the file's new name", () =>
    Effect.gen(function*() {
      const disk = SimulatedDisk.make()
      const file = yield* disk.service.createAppend("old")
      yield* file.append([bytes(1)])
      yield* disk.service.rename("old", "new")
      yield* file.append([bytes(2)])
      yield* file.sync
      yield* disk.service.syncDirectory("/")
      assert.deepStrictEqual(disk.crashImage("synced").readFile("new"), bytes(1, 2))
    }))

  it.effect("appends to a removed file do not touch the one that has its name now", () =>
    Effect.gen(function*() {
      const disk = SimulatedDisk.make()
      const removed = yield* disk.service.createAppend("file")
      yield* disk.service.remove("file")
      yield* disk.service.createAppend("file")
      yield* removed.append([bytes(1)])
      assert.deepStrictEqual(disk.readFile("file"), bytes())
    }))

  it.effect("a reader sees what is appended after it was opened", () =>
    Effect.gen(function*() {
      const disk = SimulatedDisk.make()
      const file = yield* disk.service.createAppend("file")
      const reader = yield* disk.service.openRead("file")
      yield* file.append([bytes(1, 2)])
      assert.strictEqual(reader.size, 0)
      assert.deepStrictEqual(yield* reader.read(0, 2), bytes(1, 2))
    }))
})

describe("latency", () => {
  const timesOf = (disk: SimulatedDisk) =>
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      const times: Array<number> = []
      disk.onCall((_, phase) => {
        if (phase === "before") times.push(clock.currentTimeMillisUnsafe())
      })
      for (let turn = 0; turn < 10; turn++) {
        const file = yield* disk.service.createAppend(`file-${turn}`)
        yield* file.append([bytes(turn)])
      }
      return times
    })

  it("each call takes as long as it is told to, on the clock", () => {
    const disk = SimulatedDisk.make({
      latency: ({ operation }) => operation === "append" ? "1 second" : "3 millis"
    })
    const { exit, time } = simulate(timesOf(disk), { seed: 1 })
    assert.isTrue(Exit.isSuccess(exit))
    assert.strictEqual(time, 10 * 1_003)
    assert.isTrue(Exit.isSuccess(exit) && exit.value[0] === 3 && exit.value[1] === 1_003)
  })

  it("what it leaves to chance comes from the disk's seed", () => {
    const run = (seed: number) => {
      const disk = SimulatedDisk.make({ seed, latency: (_, random) => random.int(100) })
      return simulate(timesOf(disk), { seed: 1 }).time
    }
    assert.strictEqual(run(1), run(1))
    assert.isAbove(new Set([1, 2, 3, 4].map(run)).size, 1)
  })
})

describe("openHandles", () => {
  it.effect("names each handle from when its opening takes effect to the end of its close", () =>
    Effect.gen(function*() {
      const disk = SimulatedDisk.make()
      const stop = disk.onCall((_, phase) => {
        assert.deepStrictEqual(disk.openHandles, phase === "before" ? [] : ["file"])
      })
      const file = yield* disk.service.createAppend("file")
      stop()
      yield* disk.service.rename("file", "renamed")
      const one = yield* disk.service.openRead("renamed")
      const other = yield* disk.service.openRead("renamed")
      assert.deepStrictEqual(disk.openHandles, ["file", "renamed", "renamed"])
      yield* one.close
      yield* one.close
      yield* file.close
      assert.deepStrictEqual(disk.openHandles, ["renamed"])
      disk.onCall(() => assert.deepStrictEqual(disk.openHandles, ["renamed"]))
      yield* other.close
      assert.deepStrictEqual(disk.openHandles, [])
    }))

  it.effect("has none of a call that failed, whatever it did", () =>
    Effect.gen(function*() {
      const disk = SimulatedDisk.make()
      disk.writeFile("file", bytes(1))
      disk.fail({ times: Infinity, keep: "all" })
      yield* Effect.flip(disk.service.openRead("file"))
      yield* Effect.flip(disk.service.createAppend("other"))
      assert.deepStrictEqual(disk.openHandles, [])
    }))

  it.effect("a handle can be closed without power, and an image has none", () =>
    Effect.gen(function*() {
      const disk = SimulatedDisk.make()
      const file = yield* disk.service.createAppend("file")
      assert.deepStrictEqual(disk.killImage().openHandles, [])
      disk.powerCut()
      yield* file.close
      assert.deepStrictEqual(disk.openHandles, [])
    }))
})

describe("powerCut", () => {
  it.effect("no call has an effect any more, and each one fails", () =>
    Effect.gen(function*() {
      const disk = SimulatedDisk.make()
      const file = yield* disk.service.createAppend("file")
      yield* file.append([bytes(1)])
      const reader = yield* disk.service.openRead("file")
      const calls = disk.calls
      disk.powerCut()
      for (
        const call of [
          file.append([bytes(2)]),
          file.sync,
          disk.service.remove("file"),
          disk.service.createAppend("other"),
          reader.read(0, 1)
        ]
      ) {
        assert.strictEqual((yield* Effect.flip(Effect.asVoid(call))).code, "ESHUTDOWN")
      }
      assert.throws(() => reader.readSync(0, 1), DiskError)
      yield* file.close
      assert.strictEqual(disk.calls, calls)
      assert.deepStrictEqual(disk.readFile("file"), bytes(1))
    }))

  it.effect("cut before a call, the call has no effect; cut after it, it is not acknowledged", () =>
    Effect.gen(function*() {
      for (const phase of ["before", "after"]) {
        const disk = SimulatedDisk.make()
        disk.onCall((_, current) => {
          if (current === phase) disk.powerCut()
        })
        yield* Effect.flip(disk.service.createAppend("file"))
        assert.deepStrictEqual(disk.files(), phase === "before" ? [] : ["file"])
      }
    }))
})

describe("lock", () => {
  it.effect("an image of a locked disk is not locked", () =>
    Effect.gen(function*() {
      const disk = SimulatedDisk.make()
      yield* disk.service.lock("/", "exclusive")
      assert.instanceOf(yield* Effect.flip(disk.service.lock("/", "shared")), StoreLocked)
      yield* disk.crashImage("synced").service.lock("/", "exclusive")
      yield* disk.killImage().service.lock("/", "exclusive")
    }))

  it.effect("a lock that failed is not held", () =>
    Effect.gen(function*() {
      const disk = SimulatedDisk.make()
      disk.fail({ keep: "all" })
      yield* Effect.flip(disk.service.lock("/", "exclusive"))
      yield* disk.service.lock("/", "exclusive")
    }))
})
