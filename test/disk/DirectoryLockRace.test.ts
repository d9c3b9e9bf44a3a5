import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { DatabaseSync } from "node:sqlite"
import { vi } from "vitest"
import { lockDirectory, lockFileName } from "../../src/disk/DirectoryLock.ts"
import { StoreLocked } from "../../src/StoreError.ts"
import { temporaryDirectory } from "./temporaryDirectory.ts"

/** What happens while a busy lock is left alone for a moment; stands in for the clock. */
const pauses = vi.hoisted(() => ({ count: 0, during: (): void => {} }))

vi.mock("node:timers/promises", () => ({
  setTimeout: () => {
    pauses.count++
    pauses.during()
    return Promise.resolve()
  }
}))

/** Holds the lock as another process on its way to giving up does: behind the registry's back. */
const contender = (directory: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const database = new DatabaseSync(`${directory}/${lockFileName}`)
      database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE")
      pauses.count = 0
      return database
    }),
    (database) => Effect.sync(() => database.isOpen && database.close())
  )

describe("DirectoryLock", () => {
  it.effect("gets a lock that was busy only for a moment", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const other = yield* contender(directory)
      pauses.during = () => other.close()
      yield* lockDirectory(directory, "exclusive")
      assert.strictEqual(pauses.count, 1)
    }))

  it.effect("gives up on a lock that stays busy", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      yield* contender(directory)
      pauses.during = () => {}
      const error = yield* Effect.flip(lockDirectory(directory, "exclusive"))
      assert.instanceOf(error, StoreLocked)
      assert.strictEqual(pauses.count, 3)
    }))
})
