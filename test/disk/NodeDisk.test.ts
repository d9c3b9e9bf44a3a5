import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { execFileSync } from "node:child_process"
import {
  closeSync,
  cpSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { fileURLToPath } from "node:url"
import { Disk } from "../../src/disk/Disk.ts"
import { NodeAppendFile } from "../../src/disk/NodeAppendFile.ts"
import * as NodeDisk from "../../src/disk/NodeDisk.ts"
import { SyncPolicy } from "../../src/disk/SyncPolicy.ts"
import type { DiskError } from "../../src/StoreError.ts"
import { calmPolicy } from "./calmPolicy.ts"
import { diskConformance } from "./conformance.ts"
import { claim, concatenate, createAppend, failsWith, openRead, pattern, writeFile } from "./diskHelpers.ts"
import { openFilesBelow, temporaryDirectory } from "./temporaryDirectory.ts"

diskConformance("NodeDisk", NodeDisk.layer, temporaryDirectory)

const withDirectory = <E>(
  body: (directory: string) => Effect.Effect<void, E, Disk>
): Effect.Effect<void, E> =>
  Effect.scoped(Effect.flatMap(temporaryDirectory, body)).pipe(Effect.provide(NodeDisk.layer))

describe("NodeDisk", () => {
  it.effect("I26: holds a claim no more whose directory has gone, was moved away, or has another in its place", () =>
    withDirectory((parent) =>
      Effect.scoped(Effect.gen(function*() {
        const [here, away] = [`${parent}/here`, `${parent}/away`]
        mkdirSync(here)
        const held = yield* claim(`${here}/claim`)
        assert.isTrue(held.isHeld())
        renameSync(here, away)
        assert.isFalse(held.isHeld())
        cpSync(away, here, { recursive: true })
        assert.isFalse(held.isHeld())
        rmSync(here, { recursive: true })
        writeFileSync(here, "")
        assert.isFalse(held.isHeld())
        rmSync(here)
        renameSync(away, here)
        assert.isTrue(held.isHeld())
        rmSync(here, { recursive: true })
        assert.isFalse(held.isHeld())
      }))
    ))

  it.effect("I26: takes no other file for a claim, however often files come and go", () =>
    withDirectory((directory) =>
      Effect.scoped(Effect.gen(function*() {
        const disk = yield* Disk
        const path = `${directory}/claim`
        const lost = []
        for (let turn = 0; turn < 50; turn++) {
          const held = yield* claim(path)
          assert.isTrue(held.isHeld())
          for (const each of lost) assert.isFalse(each.isHeld())
          lost.push(held)
          yield* disk.remove(path)
        }
        assert.strictEqual(openFilesBelow(directory).length, lost.length)
      }))
    ))

  it.effect("I14: keeps no claim open that was closed", () =>
    withDirectory((directory) =>
      Effect.gen(function*() {
        yield* Effect.scoped(claim(`${directory}/claim`))
        yield* Effect.flip(Effect.scoped(claim(`${directory}/claim`)))
        assert.deepStrictEqual(openFilesBelow(directory), [])
      })
    ))

  it.effect("I14: keeps no file open after its users were interrupted and it was closed", () =>
    withDirectory((directory) =>
      Effect.gen(function*() {
        yield* Effect.scoped(Effect.gen(function*() {
          const writer = yield* createAppend(`${directory}/file`)
          yield* writer.append([pattern(200_000)])
          const reader = yield* openRead(`${directory}/file`)
          assert.strictEqual(openFilesBelow(directory).length, 2)
          const users = yield* Effect.forEach(
            [writer.append([pattern(500_000)]), writer.sync, reader.read(0, 200_000), reader.read(5, 100)],
            (effect) => Effect.forkChild(effect, { startImmediately: true })
          )
          yield* Fiber.interruptAll(users)
        }))
        assert.deepStrictEqual(openFilesBelow(directory), [])
        assert.strictEqual(statSync(`${directory}/file`).size, 700_000)
      })
    ))

  it.effect("I14: lets no request return before it has ended, interrupted or not", () =>
    withDirectory((directory) =>
      Effect.scoped(Effect.gen(function*() {
        const disk = yield* Disk
        const writer = yield* createAppend(`${directory}/file`)
        yield* writer.append([pattern(200_000)])
        const reader = yield* openRead(`${directory}/file`)
        const requests: ReadonlyArray<Effect.Effect<unknown, DiskError>> = [
          writer.sync,
          writer.append([pattern(200_000)]),
          reader.read(0, 200_000),
          disk.list(directory),
          disk.syncDirectory(directory)
        ]
        for (const request of requests) {
          const fiber = yield* Effect.forkChild(request, { startImmediately: true })
          fiber.interruptUnsafe()
          assert.isUndefined(fiber.pollUnsafe())
          yield* Fiber.await(fiber)
        }
      }))
    ))

  it.effect("keeps no file open after an operation that failed or needed one only for itself", () =>
    withDirectory((directory) =>
      Effect.gen(function*() {
        const disk = yield* Disk
        yield* failsWith(disk.openRead(directory), "EISDIR")
        yield* disk.syncDirectory(directory)
        yield* failsWith(disk.createAppend(`${directory}/missing/file`), "ENOENT")
        assert.deepStrictEqual(openFilesBelow(directory), [])
      })
    ))

  it.effect("extends a file by exactly what was asked for, when the write passes its end", () =>
    withDirectory((directory) =>
      Effect.scoped(Effect.gen(function*() {
        const path = `${directory}/file`
        const file = yield* createAppend(path, { extendBy: 1_000 })
        yield* file.append([pattern(300)])
        assert.strictEqual(statSync(path).size, 1_300)
        yield* file.append([pattern(500)])
        yield* file.append([pattern(500)])
        assert.strictEqual(statSync(path).size, 1_300)
        yield* file.append([pattern(1)])
        assert.strictEqual(statSync(path).size, 2_301)
      }))
    ))

  it.effect("neither opens a pipe nor waits for its writer", () =>
    withDirectory((directory) =>
      Effect.gen(function*() {
        execFileSync("mkfifo", [`${directory}/pipe`])
        const disk = yield* Disk
        yield* failsWith(disk.openRead(`${directory}/pipe`), "EINVAL")
        assert.strictEqual(yield* disk.kind(`${directory}/pipe`), "other")
      })
    ))

  it.effect("follows symbolic links, and finds nothing behind a broken one", () =>
    withDirectory((directory) =>
      Effect.gen(function*() {
        const disk = yield* Disk
        yield* writeFile(`${directory}/file`)
        symlinkSync(`${directory}/file`, `${directory}/link`)
        symlinkSync(`${directory}/missing`, `${directory}/broken`)
        assert.strictEqual(yield* disk.kind(`${directory}/link`), "file")
        assert.strictEqual(yield* disk.kind(`${directory}/broken`), "missing")
      })
    ))

  it.effect("reports a path that the system cannot take as a DiskError", () =>
    Effect.gen(function*() {
      const disk = yield* Disk
      yield* failsWith(disk.openRead("a\0b"), "ERR_INVALID_ARG_VALUE")
      yield* failsWith(disk.lock("a\0b", "exclusive"), "ERR_INVALID_ARG_VALUE")
    }).pipe(Effect.provide(NodeDisk.layer)))
})

describe("NodeAppendFile", () => {
  const overDevice = (path: string, policy = new SyncPolicy()): Effect.Effect<NodeAppendFile> =>
    Effect.sync(() => new NodeAppendFile(path, openSync(path, "w"), 0, policy))

  /** Whether the effect ends without the loop having turned. */
  const isAtOnce = <E>(effect: Effect.Effect<void, E>): Effect.Effect<boolean, E> =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
      const isDone = fiber.pollUnsafe() !== undefined
      yield* Fiber.join(fiber)
      return isDone
    })

  it.effect.each([10, 200_000])(
    "I12: refuses everything with the first error after a failed write of %i bytes",
    (length) =>
      Effect.gen(function*() {
        const file = yield* overDevice("/dev/full")
        const first = yield* Effect.flip(file.append([pattern(length)]))
        assert.deepStrictEqual([first.operation, first.path, first.code], ["append", "/dev/full", "ENOSPC"])
        assert.strictEqual(yield* Effect.flip(file.append([pattern(10)])), first)
        assert.strictEqual(yield* Effect.flip(file.append([pattern(200_000)])), first)
        assert.strictEqual(yield* Effect.flip(file.sync), first)
        yield* file.close
      })
  )

  it.effect("I12: never tries a failed sync again, and takes no append after it", () =>
    Effect.gen(function*() {
      const file = yield* overDevice("/dev/null")
      yield* file.append([pattern(10)])
      const first = yield* Effect.flip(file.sync)
      assert.deepStrictEqual([first.operation, first.code], ["sync", "EINVAL"])
      assert.strictEqual(yield* Effect.flip(file.sync), first)
      assert.strictEqual(yield* Effect.flip(file.append([pattern(10)])), first)
      yield* file.close
    }))

  it.effect("I12: never tries a sync again that failed at once, and takes no append after it", () =>
    withDirectory((directory) =>
      Effect.gen(function*() {
        const path = `${directory}/file`
        const fd = openSync(path, "w")
        const file = new NodeAppendFile(path, fd, 1_000, calmPolicy())
        yield* file.append([pattern(10)])
        yield* file.sync
        yield* file.append([pattern(10)])
        closeSync(fd)
        // It gets the number that has just become free.
        assert.strictEqual(openSync("/dev/null", "w"), fd)
        assert.isTrue(yield* isAtOnce(Effect.ignore(file.sync)))
        const first = yield* Effect.flip(file.sync)
        assert.deepStrictEqual([first.operation, first.path, first.code], ["sync", path, "EINVAL"])
        assert.strictEqual(yield* Effect.flip(file.append([pattern(10)])), first)
        yield* file.close
      })
    ))

  it.effect("syncs at once what is little, of a file that did not become longer", () =>
    withDirectory((directory) =>
      Effect.gen(function*() {
        const path = `${directory}/file`
        const file = new NodeAppendFile(path, openSync(path, "w"), 300_000, calmPolicy())
        yield* file.append([pattern(10)])
        assert.isFalse(yield* isAtOnce(file.sync))
        yield* file.append([pattern(50_000)])
        assert.isTrue(yield* isAtOnce(file.sync))
        yield* file.append([pattern(50_000)])
        yield* file.append([pattern(50_000)])
        assert.isFalse(yield* isAtOnce(file.sync))
        yield* file.append([pattern(10)])
        assert.isTrue(yield* isAtOnce(file.sync))
        yield* file.append([pattern(190_000)])
        assert.isFalse(yield* isAtOnce(file.sync))
        yield* file.close
      })
    ))

  it.effect("writes on behind a short write until the limit, and needs no room for zeros", () =>
    withDirectory((directory) =>
      Effect.sync(() => {
        const script = fileURLToPath(new URL("appendUntilFull.ts", import.meta.url))
        const limited = `ulimit -f 256; exec "$0" "$1" "$2"`
        const output = execFileSync("sh", ["-c", limited, process.execPath, script, `${directory}/file`])
        const content = new Uint8Array(readFileSync(`${directory}/file`))
        const report: unknown = JSON.parse(output.toString())
        assert.deepStrictEqual(report, { appended: Math.floor(content.length / 5_000), codes: ["EFBIG", "EFBIG"] })
        assert.isAbove(content.length % 5_000, 0)
        const expected = concatenate(Array.from({ length: Math.ceil(content.length / 5_000) }, () => pattern(5_000)))
        assert.deepStrictEqual(content, expected.slice(0, content.length))
      })
    ))
})
