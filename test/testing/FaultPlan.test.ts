import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber } from "effect"
import type { DiskError, StoreLocked } from "../../src/StoreError.ts"
import { type DiskCall, type DiskOperation, runSimulation, SimulatedDisk } from "../../src/testing/index.ts"
import { pattern } from "../disk/diskHelpers.ts"

const bytes = (...values: ReadonlyArray<number>): Uint8Array => Uint8Array.from(values)

const isAbout = (operation: DiskOperation) => (call: DiskCall): boolean => call.operation === operation

/** Under a virtual clock; throws what the program fails with. */
const run = <A, E>(program: Effect.Effect<A, E>): A => {
  const exit = runSimulation(program, { seed: 1 })
  if (Exit.isFailure(exit)) assert.fail(String(exit.cause))
  return exit.value
}

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

  it.effect("every call can fail, with any code", () =>
    Effect.gen(function*() {
      const disk = SimulatedDisk.make()
      disk.writeFile("dir/file", bytes(1, 2))
      const { service } = disk
      const appended = yield* service.createAppend("dir/new")
      const opened = yield* service.openRead("dir/file")
      const calls: Readonly<Record<string, readonly [Effect.Effect<unknown, DiskError | StoreLocked>, string]>> = {
        createAppend: [service.createAppend("dir/other"), "EMFILE"],
        openRead: [service.openRead("dir/file"), "EACCES"],
        append: [appended.append([bytes(1)]), "ENOSPC"],
        sync: [appended.sync, "EIO"],
        read: [opened.read(0, 2), "ESHORT"],
        kind: [service.kind("dir"), "EACCES"],
        list: [service.list("dir"), "EMFILE"],
        makeDirectory: [service.makeDirectory("more"), "ENOSPC"],
        rename: [service.rename("dir/file", "dir/moved"), "EIO"],
        remove: [service.remove("dir/file"), "EACCES"],
        syncDirectory: [service.syncDirectory("dir"), "EIO"],
        checkWritable: [service.checkWritable("dir"), "EROFS"],
        lock: [Effect.scoped(service.lock("dir", "shared")), "EMFILE"]
      }
      for (const [operation, [call, code]] of Object.entries(calls)) {
        disk.fail({ when: (each) => each.operation === operation, code, keep: "none" })
        assert.deepInclude(yield* Effect.flip(Effect.asVoid(call)), { _tag: "DiskError", operation, code })
      }
      assert.deepStrictEqual(disk.files(), ["dir/file", "dir/new"])
      assert.deepStrictEqual(disk.readFile("dir/new"), bytes())
    }))

  it.effect("I12: a sync that succeeds after one that failed does not bring back what that gave up", () =>
    Effect.gen(function*() {
      const disk = SimulatedDisk.make()
      const file = yield* disk.service.createAppend("file")
      yield* disk.service.syncDirectory("/")
      yield* file.append([bytes(1)])
      yield* file.sync
      yield* file.append([bytes(2)])
      disk.fail({ when: isAbout("sync") })
      yield* Effect.flip(file.sync)
      yield* file.sync
      assert.deepStrictEqual(disk.readFile("file"), bytes(1, 2))
      assert.deepStrictEqual(disk.crashImage("synced").readFile("file"), bytes(1))
    }))
})

describe("the n-th call", () => {
  /** Creates files until one fails; their number. */
  const createdBefore = (disk: SimulatedDisk, name: string) =>
    Effect.gen(function*() {
      for (let created = 0;; created++) {
        const { _tag } = yield* Effect.result(disk.service.createAppend(`${name}-${created}`))
        if (_tag === "Failure") return created
      }
    })

  it.effect("of those that the plan is about is struck, and no other", () =>
    Effect.gen(function*() {
      const disk = SimulatedDisk.make()
      const fault = disk.fail({ when: (call) => call.path.startsWith("log"), nth: 3 })
      for (let other = 0; other < 5; other++) yield* disk.service.createAppend(`other-${other}`)
      assert.strictEqual(yield* createdBefore(disk, "log"), 3)
      assert.strictEqual(fault.fired, 1)
      yield* disk.service.createAppend("log")
    }))

  it.effect("counts from the call by whose index the plan begins", () =>
    Effect.gen(function*() {
      const disk = SimulatedDisk.make()
      disk.fail({ from: 2, nth: 2 })
      assert.strictEqual(yield* createdBefore(disk, "file"), 4)
    }))

  it.effect("and those after it are struck, as often as planned", () =>
    Effect.gen(function*() {
      const disk = SimulatedDisk.make()
      const fault = disk.fail({ when: isAbout("createAppend"), nth: 1, times: 2 })
      assert.strictEqual(yield* createdBefore(disk, "one"), 1)
      assert.strictEqual(yield* createdBefore(disk, "two"), 0)
      yield* disk.service.createAppend("three")
      assert.strictEqual(fault.fired, 2)
    }))

  it.effect("is counted by a plan also if another plan strikes it, and struck by the first whose turn it is", () =>
    Effect.gen(function*() {
      const disk = SimulatedDisk.make()
      const first = disk.fail({ nth: 1, code: "EIO" })
      const second = disk.fail({ nth: 2, code: "ENOSPC" })
      const third = disk.fail({ nth: 2, code: "EMFILE" })
      const codes = yield* Effect.forEach(
        [0, 1, 2, 3, 4],
        (turn) =>
          Effect.match(disk.service.createAppend(`file-${turn}`), {
            onFailure: ({ code }) => code,
            onSuccess: () => "made"
          })
      )
      assert.deepStrictEqual(codes, ["made", "EIO", "ENOSPC", "EMFILE", "made"])
      assert.deepStrictEqual([first.fired, second.fired, third.fired], [1, 1, 1])
    }))
})

describe("a stall", () => {
  it("delays a call before it takes effect, while others go on", () =>
    run(Effect.gen(function*() {
      const disk = SimulatedDisk.make()
      const fault = disk.fail({ when: (call) => call.path === "late", stall: "5 seconds" })
      const late = yield* Effect.forkChild(disk.service.createAppend("late"))
      yield* Effect.sleep("4 seconds")
      yield* disk.service.createAppend("other")
      assert.deepStrictEqual(disk.files(), ["other"])
      assert.strictEqual(fault.fired, 1)
      yield* Fiber.join(late)
      assert.strictEqual(yield* Clock.currentTimeMillis, 5_000)
      assert.deepStrictEqual(disk.files(), ["late", "other"])
      assert.deepStrictEqual(disk.trace.map(({ path }) => path), ["late", "other"])
    })))

  it("with a code delays a call before it fails", () =>
    run(Effect.gen(function*() {
      const disk = SimulatedDisk.make()
      disk.fail({ stall: "5 seconds", code: "ENOSPC" })
      assert.strictEqual((yield* Effect.flip(disk.service.createAppend("file"))).code, "ENOSPC")
      assert.strictEqual(yield* Clock.currentTimeMillis, 5_000)
      assert.deepStrictEqual(disk.files(), [])
    })))

  it("lets a listener see the call when it is taken up, and when it takes effect", () =>
    run(Effect.gen(function*() {
      const disk = SimulatedDisk.make()
      const clock = yield* Clock.Clock
      const seen: Array<string> = []
      disk.onCall(({ index }, phase) => seen.push(`${index} ${phase} at ${clock.currentTimeMillisUnsafe()}`))
      disk.fail({ stall: "1 second" })
      yield* Effect.all([disk.service.makeDirectory("one"), disk.service.makeDirectory("two")], {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(seen, ["0 before at 0", "1 before at 0", "1 after at 0", "0 after at 1000"])
    })))

  it("does not end in an effect if the power went meanwhile", () =>
    run(Effect.gen(function*() {
      const disk = SimulatedDisk.make()
      disk.fail({ stall: "5 seconds" })
      const late = yield* Effect.forkChild(Effect.flip(disk.service.createAppend("late")))
      yield* Effect.sleep("4 seconds")
      disk.powerCut()
      assert.strictEqual((yield* Fiber.join(late)).code, "ESHUTDOWN")
      assert.deepStrictEqual(disk.files(), [])
    })))

  it.effect("never strikes readSync, unless with a code: at once", () =>
    Effect.gen(function*() {
      const disk = SimulatedDisk.make()
      disk.writeFile("file", bytes(1))
      const reader = yield* disk.service.openRead("file")
      const late = disk.fail({ when: isAbout("readSync"), stall: "5 seconds" })
      assert.deepStrictEqual(reader.readSync(0, 1), bytes(1))
      assert.strictEqual(late.fired, 0)
      const failing = disk.fail({ when: isAbout("readSync"), stall: "5 seconds", code: "ESHORT" })
      assert.throws(() => reader.readSync(0, 1), /ESHORT/)
      assert.strictEqual(failing.fired, 1)
    }))
})

describe("healing", () => {
  it("comes some time after the first strike, and till then every call is struck", () =>
    run(Effect.gen(function*() {
      const disk = SimulatedDisk.make()
      disk.writeFile("file", bytes(1))
      const reader = yield* disk.service.openRead("file")
      const fault = disk.fail({ when: (call) => call.operation.startsWith("read"), healAfter: "10 seconds" })
      yield* Effect.sleep("1 minute")
      yield* Effect.flip(reader.read(0, 1))
      yield* Effect.sleep("9999 millis")
      yield* Effect.flip(reader.read(0, 1))
      assert.throws(() => reader.readSync(0, 1), /EIO/)
      yield* Effect.sleep("1 millis")
      assert.deepStrictEqual(yield* reader.read(0, 1), bytes(1))
      assert.deepStrictEqual(reader.readSync(0, 1), bytes(1))
      assert.strictEqual(fault.fired, 3)
    })))

  it("comes sooner if the plan has struck as often as it may", () =>
    run(Effect.gen(function*() {
      const disk = SimulatedDisk.make()
      disk.fail({ times: 1, healAfter: "10 seconds" })
      yield* Effect.flip(disk.service.makeDirectory("one"))
      yield* disk.service.makeDirectory("one")
      assert.deepStrictEqual(yield* disk.service.list("/"), ["one"])
    })))
})
