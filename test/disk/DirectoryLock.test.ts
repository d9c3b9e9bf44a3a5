import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync
} from "node:fs"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { lockDirectory, lockFileName } from "../../src/disk/DirectoryLock.ts"
import type { LockMode } from "../../src/disk/LockRegistry.ts"
import { StoreLocked } from "../../src/StoreError.ts"
import { failsWith } from "./diskHelpers.ts"
import { openFilesBelow, temporaryDirectory } from "./temporaryDirectory.ts"

interface LockProcess {
  /** Lets it try, and tells how it went. */
  readonly tryLock: Effect.Effect<string>
  /** The end of it without a chance to clean up. */
  readonly kill: Effect.Effect<void>
  /** The end of its scope. */
  readonly finish: Effect.Effect<void>
}

const lockProcess = (
  directory: string,
  mode: LockMode,
  user: "same" | "nobody" = "same"
): Effect.Effect<LockProcess, never, Scope.Scope> =>
  Effect.gen(function*() {
    const script = fileURLToPath(new URL("lockProcess.ts", import.meta.url))
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, [script, directory, mode, user], { stdio: ["pipe", "pipe", "inherit"] })
      ),
      (running) => Effect.sync(() => running.kill("SIGKILL"))
    )
    const exited = once(child, "exit")
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const nextLine = Effect.map(Effect.promise(() => lines.next()), (line) => line.done === true ? "ended" : line.value)
    assert.strictEqual(yield* nextLine, "ready")
    return {
      tryLock: Effect.andThen(Effect.sync(() => child.stdin.write("\n")), nextLine),
      kill: Effect.andThen(Effect.sync(() => child.kill("SIGKILL")), Effect.promise(() => exited)),
      finish: Effect.andThen(Effect.sync(() => child.stdin.end()), Effect.promise(() => exited))
    }
  })

const refused = <E>(
  self: Effect.Effect<void, E, Scope.Scope>,
  holder: StoreLocked["holder"]
): Effect.Effect<void, void> =>
  Effect.map(Effect.flip(Effect.scoped(self)), (error) => {
    assert.instanceOf(error, StoreLocked)
    assert.strictEqual(error.holder, holder)
  })

const withDirectory = <E>(
  body: (directory: string) => Effect.Effect<void, E, Scope.Scope>
): Effect.Effect<void, E, Scope.Scope> => Effect.flatMap(temporaryDirectory, body)

/** What a lock could change. */
const fingerprint = (directory: string): unknown => [
  statSync(directory).mtimeMs,
  readdirSync(directory).map((
    name
  ) => [name, statSync(`${directory}/${name}`).mtimeMs, readFileSync(`${directory}/${name}`)])
]

const makeWritable = (directory: string): void => {
  chmodSync(directory, 0o755)
  chmodSync(`${directory}/${lockFileName}`, 0o644)
}

describe("DirectoryLock", () => {
  it.effect("leaves one empty file, held or not", () =>
    withDirectory((directory) =>
      Effect.gen(function*() {
        yield* Effect.scoped(Effect.gen(function*() {
          yield* lockDirectory(directory, "exclusive")
          assert.deepStrictEqual(readdirSync(directory), [lockFileName])
        }))
        assert.deepStrictEqual(readdirSync(directory), [lockFileName])
        assert.strictEqual(statSync(`${directory}/${lockFileName}`).size, 0)
        assert.deepStrictEqual(openFilesBelow(directory), [])
      })
    ))

  it.effect("knows a directory by another path", () =>
    withDirectory((directory) =>
      Effect.gen(function*() {
        mkdirSync(`${directory}/store`)
        symlinkSync("store", `${directory}/link`)
        yield* lockDirectory(`${directory}/store`, "exclusive")
        yield* refused(lockDirectory(`${directory}/link`, "exclusive"), "this process")
        yield* refused(lockDirectory(`${directory}/store/../store/`, "shared"), "this process")
      })
    ))

  it.effect("excludes another process until the scope ends", () =>
    withDirectory((directory) =>
      Effect.gen(function*() {
        const [exclusive, shared, later] = yield* Effect.all([
          lockProcess(directory, "exclusive"),
          lockProcess(directory, "shared"),
          lockProcess(directory, "exclusive")
        ], { concurrency: "unbounded" })
        yield* Effect.scoped(Effect.gen(function*() {
          yield* lockDirectory(directory, "exclusive")
          assert.strictEqual(yield* exclusive.tryLock, "locked by another process")
          assert.strictEqual(yield* shared.tryLock, "locked by another process")
        }))
        assert.strictEqual(yield* later.tryLock, "held")
        yield* refused(lockDirectory(directory, "exclusive"), "another process")
        yield* later.finish
        yield* lockDirectory(directory, "exclusive")
      })
    ), 20_000)

  it.effect(
    "is free as soon as its holder has been killed, and nothing is left to delete",
    () =>
      withDirectory((directory) =>
        Effect.gen(function*() {
          const holder = yield* lockProcess(directory, "exclusive")
          assert.strictEqual(yield* holder.tryLock, "held")
          yield* refused(lockDirectory(directory, "exclusive"), "another process")
          yield* refused(lockDirectory(directory, "shared"), "another process")
          yield* holder.kill
          assert.deepStrictEqual(readdirSync(directory), [lockFileName])
          assert.strictEqual(statSync(`${directory}/${lockFileName}`).size, 0)
          yield* lockDirectory(directory, "exclusive")
        })
      ),
    20_000
  )

  it.effect(
    "lets readers of several processes in together, and no writer",
    () =>
      withDirectory((directory) =>
        Effect.gen(function*() {
          const [reader, writer] = yield* Effect.all([
            lockProcess(directory, "shared"),
            lockProcess(directory, "exclusive")
          ], { concurrency: "unbounded" })
          yield* Effect.scoped(Effect.gen(function*() {
            yield* lockDirectory(directory, "shared")
            assert.strictEqual(yield* reader.tryLock, "held")
            yield* Effect.scoped(lockDirectory(directory, "shared"))
            assert.strictEqual(yield* writer.tryLock, "locked by another process")
          }))
          yield* refused(lockDirectory(directory, "exclusive"), "another process")
          yield* reader.finish
          yield* lockDirectory(directory, "exclusive")
        })
      ),
    20_000
  )

  it.effect(
    "goes to exactly one of several processes that want it at once",
    () =>
      withDirectory((directory) =>
        Effect.gen(function*() {
          const contenders = yield* Effect.all(
            Array.from({ length: 4 }, () => lockProcess(directory, "exclusive")),
            { concurrency: "unbounded" }
          )
          const outcomes = yield* Effect.all(contenders.map((contender) => contender.tryLock), {
            concurrency: "unbounded"
          })
          assert.deepStrictEqual([...outcomes].sort(), [
            "held",
            "locked by another process",
            "locked by another process",
            "locked by another process"
          ])
        })
      ),
    20_000
  )

  it.effect("changes nothing where it is shared and the file is there", () =>
    withDirectory((directory) =>
      Effect.gen(function*() {
        yield* Effect.scoped(lockDirectory(directory, "exclusive"))
        const before = fingerprint(directory)
        yield* Effect.scoped(Effect.gen(function*() {
          yield* lockDirectory(directory, "shared")
          assert.deepStrictEqual(fingerprint(directory), before)
        }))
        assert.deepStrictEqual(fingerprint(directory), before)
      })
    ))

  it.effect(
    "can be shared, but not exclusive, in a directory that may only be read",
    () =>
      withDirectory((directory) =>
        Effect.gen(function*() {
          yield* Effect.scoped(lockDirectory(directory, "exclusive"))
          chmodSync(`${directory}/${lockFileName}`, 0o444)
          chmodSync(directory, 0o555)
          const [reader, writer] = yield* Effect.all([
            lockProcess(directory, "shared", "nobody"),
            lockProcess(directory, "exclusive", "nobody")
          ], { concurrency: "unbounded" })
          assert.strictEqual(yield* writer.tryLock, "EACCES")
          assert.strictEqual(yield* reader.tryLock, "held")
          makeWritable(directory)
          yield* refused(lockDirectory(directory, "exclusive"), "another process")
        })
      ),
    20_000
  )

  it.effect(
    "needs no file to be shared in a directory that may only be read and has none",
    () =>
      withDirectory((directory) =>
        Effect.gen(function*() {
          chmodSync(directory, 0o555)
          const [reader, writer] = yield* Effect.all([
            lockProcess(directory, "shared", "nobody"),
            lockProcess(directory, "exclusive", "nobody")
          ], { concurrency: "unbounded" })
          assert.strictEqual(yield* reader.tryLock, "held")
          assert.strictEqual(yield* writer.tryLock, "EACCES")
          assert.deepStrictEqual(readdirSync(directory), [])
        })
      ),
    20_000
  )

  it.effect("takes an empty file of that name, whoever made it", () =>
    withDirectory((directory) =>
      Effect.gen(function*() {
        writeFileSync(`${directory}/${lockFileName}`, "")
        yield* lockDirectory(directory, "exclusive")
      })
    ))

  it.effect("refuses what cannot be its file, leaves it alone, and does not stay locked", () =>
    withDirectory((directory) =>
      Effect.gen(function*() {
        const file = `${directory}/${lockFileName}`
        const attempts: ReadonlyArray<LockMode> = ["exclusive", "shared"]
        const refuses: Effect.Effect<void, void> = Effect.forEach(
          attempts,
          (mode) => failsWith(Effect.scoped(lockDirectory(directory, mode)), "EFTYPE"),
          { discard: true }
        )
        writeFileSync(file, "pid 4711\n")
        yield* refuses
        assert.strictEqual(readFileSync(file, "utf8"), "pid 4711\n")
        unlinkSync(file)
        symlinkSync("/dev/null", file)
        yield* refuses
        unlinkSync(file)
        execFileSync("mkfifo", [file])
        yield* refuses
        unlinkSync(file)
        yield* lockDirectory(directory, "exclusive")
      })
    ))
})
