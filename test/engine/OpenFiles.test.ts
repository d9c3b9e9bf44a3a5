import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as MemoryDisk from "../../src/disk/MemoryDisk.ts"
import type { FileWatch } from "../../src/engine/Fence.ts"
import { OpenFiles } from "../../src/engine/OpenFiles.ts"
import type { PooledFile } from "../../src/engine/OpenFiles.ts"
import { DiskError, StoreCorrupted, StoreFenced } from "../../src/StoreError.ts"
import { BlockCache } from "../../src/table/BlockCache.ts"
import { ReadPolicy } from "../../src/table/ReadPolicy.ts"
import { TableReader, TableResult, TableStatus } from "../../src/table/TableReader.ts"
import { interruptAtYield, SeededRandom, SimulatedDisk } from "../../src/testing/index.ts"
import { ascii, lookup, put, show, writeTable } from "../table/TableFixture.ts"
import { CountedDisk } from "./CountedDisk.ts"
import { runSeed, seeds } from "./harness.ts"

const size = 64

/** Of a store that stays the owner of its directory. */
const ownDirectory: FileWatch = {
  lost: () => undefined,
  afterOpening: Effect.succeed(undefined),
  look: () => Effect.succeed(undefined)
}

const pathOf = (number: number): string => `${number}.sst`

/** A disk with files that are filled with their own numbers. */
const diskWith = (count: number, delay: Effect.Effect<void> = Effect.yieldNow) => {
  const disk = SimulatedDisk.make({ delay })
  for (let i = 0; i < count; i++) disk.writeFile(pathOf(i), new Uint8Array(size).fill(i))
  return disk
}

const openAll = (files: OpenFiles, count: number) =>
  Effect.forEach(Array.from({ length: count }, (_, i) => pathOf(i)), (path) => files.open(path))

const closeAll = (opened: ReadonlyArray<PooledFile>) =>
  Effect.forEach(opened, (file) => file.close, { concurrency: "unbounded", discard: true })

const checkRead = (bytes: Uint8Array, number: number, length: number): void =>
  assert.deepStrictEqual(bytes, new Uint8Array(length).fill(number))

const shown = (files: ReadonlyArray<PooledFile>) => files.map(({ isOpen }) => isOpen)

describe("OpenFiles", () => {
  it.effect("closes the file that was not read lately, and opens it again when it is read", () =>
    Effect.gen(function*() {
      const counted = new CountedDisk(diskWith(4).service)
      const files = new OpenFiles(counted.service, 3, ownDirectory)
      const opened = yield* openAll(files, 3)
      const [first, second, third] = [opened[0]!, opened[1]!, opened[2]!]
      const fourth = yield* files.open(pathOf(3))
      assert.deepStrictEqual(shown([first, second, third, fourth]), [false, true, true, true])
      third.readSync(0, 8)
      checkRead(yield* first.read(8, 16), 0, 16)
      assert.deepStrictEqual(shown([first, second, third, fourth]), [true, false, true, true])
      assert.deepStrictEqual([counted.most, files.reopened], [3, 1])
      checkRead(first.readSync(0, size), 0, size)
      yield* closeAll([...opened, fourth])
      assert.deepStrictEqual([files.descriptors, counted.open], [0, 0])
    }))

  it.effect("lets a synchronous read of a closed file fail", () =>
    Effect.gen(function*() {
      const files = new OpenFiles(diskWith(2).service, 1, ownDirectory)
      const opened = yield* openAll(files, 2)
      assert.isFalse(opened[0]!.isOpen)
      assert.throws(() => opened[0]!.readSync(0, 1), DiskError)
      yield* closeAll(opened)
    }))

  it.effect("takes no read once it is closed for good", () =>
    Effect.gen(function*() {
      const disk = diskWith(1)
      const files = new OpenFiles(disk.service, 2, ownDirectory)
      const file = yield* files.open(pathOf(0))
      yield* file.close
      const calls = disk.calls
      assert.strictEqual((yield* Effect.flip(file.read(0, 1))).message.includes("EBADF"), true)
      yield* file.close
      assert.deepStrictEqual([disk.calls, files.descriptors], [calls, 0])
    }))

  it.effect("gives the descriptor back if a file can't be opened", () =>
    Effect.gen(function*() {
      const files = new OpenFiles(diskWith(0).service, 1, ownDirectory)
      const error = yield* Effect.flip(files.open(pathOf(0)))
      assert.deepStrictEqual([error.code, error.path, files.descriptors], ["ENOENT", pathOf(0), 0])
    }))

  it.effect("I15: reports a file that went missing or has another size, with its path", () =>
    Effect.gen(function*() {
      const disk = diskWith(3)
      const files = new OpenFiles(disk.service, 1, ownDirectory)
      const opened = yield* openAll(files, 3)
      yield* disk.service.remove(pathOf(0))
      disk.writeFile(pathOf(1), new Uint8Array(size - 1))
      for (const number of [0, 1]) {
        const error = yield* Effect.flip(opened[number]!.read(0, 8))
        assert.instanceOf(error, StoreCorrupted)
        if (error instanceof StoreCorrupted) assert.strictEqual(error.file, pathOf(number))
      }
      assert.strictEqual(files.descriptors, 0)
      checkRead(yield* opened[2]!.read(0, 8), 2, 8)
      yield* closeAll(opened)
    }))

  it.effect("I26: where the directory is not the store's any more, fails with that, and never as damaged", () =>
    Effect.gen(function*() {
      const disk = diskWith(4)
      const counted = new CountedDisk(disk.service)
      const lost = new StoreFenced({ directory: "/store" })
      let known: StoreFenced | undefined
      const look = Effect.sync(() => known = lost)
      const files = new OpenFiles(counted.service, 1, { lost: () => known, afterOpening: look, look: () => look })
      const opened = yield* openAll(files, 4)
      yield* disk.service.remove(pathOf(0))
      disk.writeFile(pathOf(1), new Uint8Array(size - 1))
      // What is open is read on.
      checkRead(yield* opened[3]!.read(0, 8), 3, 8)
      for (const number of [0, 1, 2]) {
        known = undefined
        assert.strictEqual(yield* Effect.flip(opened[number]!.read(0, 8)), lost)
      }
      assert.deepStrictEqual([counted.open, files.descriptors], [0, 0])
      // Once the loss is known no path is opened.
      const { calls } = disk
      assert.strictEqual(yield* Effect.flip(opened[2]!.read(0, 8)), lost)
      assert.strictEqual(disk.calls, calls)
      yield* closeAll(opened)
    }))

  it.effect("fails every read that waits for an opening that fails, and succeeds in a later one", () =>
    Effect.gen(function*() {
      const disk = diskWith(2)
      const files = new OpenFiles(disk.service, 1, ownDirectory)
      const opened = yield* openAll(files, 2)
      const fault = disk.fail({ when: ({ operation }) => operation === "openRead", code: "EMFILE" })
      const reads = yield* Effect.forEach([0, 8, 16], (offset) => Effect.flip(opened[0]!.read(offset, 8)), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(reads.map((error) => error instanceof DiskError ? error.code : error._tag), [
        "EMFILE",
        "EMFILE",
        "EMFILE"
      ])
      assert.strictEqual(fault.fired, 1)
      checkRead(yield* opened[0]!.read(0, 8), 0, 8)
      yield* closeAll(opened)
      assert.strictEqual(files.descriptors, 0)
    }))

  it.for(seeds(40))("hold their bound to the descriptor beside reads and closings (seed %i)", (seed) => {
    const count = 12
    const program = Effect.gen(function*() {
      const random = new SeededRandom(seed)
      const bound = 1 + random.int(5)
      const counted = new CountedDisk(diskWith(count).service)
      const files = new OpenFiles(counted.service, bound, ownDirectory)
      const opened = yield* Effect.forEach(Array.from({ length: count }, (_, i) => i), (i) => files.open(pathOf(i)), {
        concurrency: 4
      })
      const ended = new Set<number>()
      let answers = 0
      const reader = (own: SeededRandom) =>
        Effect.gen(function*() {
          for (let i = 0; i < 25; i++) {
            // Some files are read much more than others.
            const number = Math.min(own.int(count), own.int(count))
            const file = opened[number]!
            const length = 1 + own.int(8)
            if (file.isOpen && own.bool(0.3) && !ended.has(number)) {
              checkRead(file.readSync(0, length), number, length)
            } else if (own.bool(0.02)) {
              ended.add(number)
              yield* file.close
              assert.isFalse(file.isOpen)
            } else {
              const mayFail = ended.has(number)
              const result = yield* Effect.result(file.read(own.int(size - 8), length))
              if (result._tag === "Success") checkRead(result.success, number, length)
              else assert.isTrue(mayFail || ended.has(number))
              answers++
            }
            assert.isAtMost(files.descriptors, bound)
          }
        })
      const fibers = yield* Effect.forEach([1, 2, 3, 4, 5, 6, 7, 8], () => Effect.forkChild(reader(random.fork())))
      yield* Effect.forEach(fibers, Fiber.join, { discard: true })
      assert.isAbove(answers, 100)
      assert.isAtMost(counted.most, bound)
      assert.isAtLeast(counted.open, files.descriptors)
      assert.strictEqual(counted.mostOfOnePath, 1)
      yield* closeAll(opened)
      assert.deepStrictEqual([counted.open, files.descriptors], [0, 0])
    })
    runSeed(program, seed)
  })

  it.for(seeds(6))("I14: leak nothing of a read that is interrupted anywhere (seed %i)", (seed) => {
    const program = Effect.gen(function*() {
      for (let n = 0;; n++) {
        const counted = new CountedDisk(diskWith(3).service)
        const files = new OpenFiles(counted.service, 1, ownDirectory)
        const opened = yield* openAll(files, 3)
        const beside = yield* Effect.forkChild(Effect.forEach([1, 2, 1, 2], (number) => opened[number]!.read(0, 8)))
        const { struck } = yield* interruptAtYield(opened[0]!.read(0, 8), n)
        yield* Fiber.join(beside)
        checkRead(yield* opened[0]!.read(0, 8), 0, 8)
        assert.strictEqual(counted.most, 1)
        yield* closeAll(opened)
        assert.deepStrictEqual([counted.open, files.descriptors], [0, 0])
        if (!struck) return n
      }
    })
    assert.isAbove(runSeed(program, seed), 2)
  })

  it.for(seeds(10))("ends a file's closing that begins while it is opened again (seed %i)", (seed) => {
    const program = Effect.gen(function*() {
      const counted = new CountedDisk(diskWith(2).service)
      const files = new OpenFiles(counted.service, 1, ownDirectory)
      const opened = yield* openAll(files, 2)
      const read = yield* Effect.forkChild(opened[0]!.read(0, 8))
      yield* Effect.yieldNow
      const closings = yield* Effect.forkChild(closeAll([opened[0]!, opened[0]!, opened[1]!]))
      const result = yield* Effect.result(Fiber.join(read))
      if (result._tag === "Success") checkRead(result.success, 0, 8)
      else assert.instanceOf(result.failure, DiskError)
      yield* Fiber.join(closings)
      assert.deepStrictEqual([counted.open, files.descriptors], [0, 0])
    })
    runSeed(program, seed)
  })

  it.for(seeds(10))("ends a file's closing only after the one that another file caused (seed %i)", (seed) => {
    const program = Effect.gen(function*() {
      const counted = new CountedDisk(diskWith(2).service)
      const files = new OpenFiles(counted.service, 1, ownDirectory)
      const first = yield* files.open(pathOf(0))
      const opening = yield* Effect.forkChild(files.open(pathOf(1)))
      while (first.isOpen) yield* Effect.yieldNow
      yield* first.close
      assert.strictEqual(counted.openOf(pathOf(0)), 0)
      yield* closeAll([yield* Fiber.join(opening)])
    })
    runSeed(program, seed)
  })
})

describe("A table whose file is closed", () => {
  const entries = Array.from({ length: 40 }, (_, i) => put(`key${String(i).padStart(3, "0")}`, i + 1, "value"))

  const setUp = Effect.gen(function*() {
    const disk = MemoryDisk.make()
    const table = writeTable(entries)
    for (const path of ["table", "other"]) {
      const file = yield* disk.createAppend(path)
      yield* file.append([table.bytes])
    }
    const files = new OpenFiles(disk, 1, ownDirectory)
    const file = yield* files.open("table")
    const reader = yield* TableReader.open(file, table.meta, new BlockCache(0), { policy: new ReadPolicy("sync") })
    yield* files.open("other")
    assert.isFalse(file.isOpen)
    return { disk, table, file, reader }
  })

  it.effect("is read by waiting, and then at once", () =>
    Effect.gen(function*() {
      const { file, reader } = yield* setUp
      const out = new TableResult()
      const { key, sequence } = entries[20]!
      assert.strictEqual(reader.get(key, sequence, out), TableStatus.needsLoad)
      assert.strictEqual(yield* lookup(reader, key, sequence, out), show(entries[20]!))
      assert.isTrue(file.isOpen)
      assert.strictEqual(reader.get(entries[0]!.key, 1, new TableResult()), TableStatus.found)
    }))

  it.effect("I15: is damaged if another of its size has taken its place", () =>
    Effect.gen(function*() {
      const { disk, reader, table } = yield* setUp
      const other = writeTable(entries, { file: 8 })
      assert.strictEqual(other.bytes.length, table.bytes.length)
      yield* disk.remove("table")
      const file = yield* disk.createAppend("table")
      yield* file.append([other.bytes])
      const error = yield* Effect.flip(lookup(reader, ascii("key020"), 100))
      assert.instanceOf(error, StoreCorrupted)
      if (error instanceof StoreCorrupted) assert.strictEqual(error.file, "table")
    }))
})
