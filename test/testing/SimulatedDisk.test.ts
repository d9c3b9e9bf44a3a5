import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { DiskError, StoreLocked } from "../../src/StoreError.ts"
import { type DiskCall, SimulatedDisk } from "../../src/testing/index.ts"
import { pattern } from "../disk/diskHelpers.ts"

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

describe("faults", () => {
  it.effect("fails exactly the n-th call", () =>
    Effect.gen(function*() {
      const disk = SimulatedDisk.make()
      const fault = disk.fail({ from: 1, code: "ENOSPC" })
      yield* disk.service.createAppend("a")
      const error = yield* Effect.flip(disk.service.createAppend("b"))
      yield* disk.service.createAppend("c")
      assert.deepStrictEqual([error._tag, error.operation, error.path, error.code], [
        "DiskError",
        "createAppend",
        "b",
        "ENOSPC"
      ])
      assert.deepStrictEqual(disk.files(), ["a", "c"])
      assert.strictEqual(fault.fired, 1)
    }))

  it.effect("fails what a predicate is about, until it is healed", () =>
    Effect.gen(function*() {
      const disk = SimulatedDisk.make()
      const isLog = (call: DiskCall): boolean => call.path.endsWith(".log")
      const fault = disk.fail({ when: isLog, times: Infinity })
      for (let attempt = 0; attempt < 3; attempt++) yield* Effect.flip(disk.service.createAppend("1.log"))
      yield* disk.service.createAppend("1.table")
      fault.heal()
      yield* disk.service.createAppend("1.log")
      assert.deepStrictEqual(disk.files(), ["1.log", "1.table"])
      assert.strictEqual(fault.fired, 3)
    }))

  it.effect("reaches readSync", () =>
    Effect.gen(function*() {
      const disk = SimulatedDisk.make()
      disk.writeFile("file", bytes(1))
      const reader = yield* disk.service.openRead("file")
      disk.fail({ when: (call) => call.operation === "readSync" })
      assert.throws(() => reader.readSync(0, 1), /read failed with EIO at file/)
      assert.deepStrictEqual(reader.readSync(0, 1), bytes(1))
    }))

  it.effect("a failing append leaves a part of its bytes, nothing, or all, as planned", () =>
    Effect.gen(function*() {
      const disk = SimulatedDisk.make({ seed: 1 })
      const left = (keep: "none" | "some" | "all") =>
        Effect.gen(function*() {
          const file = yield* disk.service.createAppend(`${keep}-${disk.calls}`)
          disk.fail({ from: disk.calls, keep })
          yield* Effect.flip(file.append([pattern(50), pattern(50, 3)]))
          const content = disk.readFile(file.path)
          assert.deepStrictEqual(content, new Uint8Array([...pattern(50), ...pattern(50, 3)]).slice(0, content.length))
          return content.length
        })
      assert.strictEqual(yield* left("none"), 0)
      assert.strictEqual(yield* left("all"), 100)
      const parts = new Set<number>()
      for (let attempt = 0; attempt < 20; attempt++) parts.add(yield* left("some"))
      assert.isAbove(parts.size, 5)
      assert.isBelow(Math.max(...parts), 100)
    }))

  it.effect("a call may do all it should, and fail nevertheless", () =>
    Effect.gen(function*() {
      const disk = SimulatedDisk.make()
      disk.writeFile("old", bytes(1))
      disk.fail({ keep: "all" })
      yield* Effect.flip(disk.service.rename("old", "new"))
      assert.deepStrictEqual(disk.files(), ["new"])
    }))

  it.effect("images have no faults", () =>
    Effect.gen(function*() {
      const disk = SimulatedDisk.make()
      disk.fail({ times: Infinity })
      yield* disk.crashImage("all").service.createAppend("file")
      yield* disk.killImage().service.createAppend("file")
      yield* Effect.flip(disk.service.createAppend("file"))
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
