/** How the file that a directory's lock is on comes to be. */
import { assert, beforeEach, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type * as Fs from "node:fs"
import { readdirSync, statSync, writeFileSync } from "node:fs"
import { vi } from "vitest"
import { lockDirectory, lockFileName } from "../../src/disk/DirectoryLock.ts"
import { failsWith } from "./diskHelpers.ts"
import { openFilesBelow, temporaryDirectory } from "./temporaryDirectory.ts"

/** What happens just before the file gets its name, and the files that were made under another. */
const making = vi.hoisted(() => ({ link: (_file: string): void => {}, files: [] as Array<string> }))

vi.mock("node:fs", async (original) => {
  const fs = await original<typeof Fs>()
  return {
    ...fs,
    linkSync: (from: string, to: string) => {
      making.files.push(from)
      making.link(to)
      fs.linkSync(from, to)
    }
  }
})

beforeEach(() => {
  making.link = () => {}
  making.files = []
})

const modeOf = (path: string): number => statSync(path).mode & 0o777

describe("LOCK", () => {
  it.effect("is made under a hidden name, which goes, and is opened by nobody but SQLite", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      making.link = () => assert.deepStrictEqual(openFilesBelow(directory), [])
      yield* Effect.scoped(lockDirectory(directory, "exclusive", 0o640))
      assert.deepStrictEqual(readdirSync(directory), [lockFileName])
      assert.strictEqual(modeOf(`${directory}/${lockFileName}`), 0o640)
      assert.strictEqual(making.files.length, 1)
      assert.isTrue(making.files[0]?.startsWith(`${directory}/.${lockFileName}-`))
    }))

  it.effect("stays the file that it is", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      writeFileSync(`${directory}/${lockFileName}`, "", { mode: 0o600 })
      for (const mode of ["exclusive", "shared"] as const) {
        yield* Effect.scoped(lockDirectory(directory, mode, 0o644))
        assert.strictEqual(modeOf(`${directory}/${lockFileName}`), 0o600)
      }
      assert.deepStrictEqual(making.files, [])
    }))

  for (const mode of ["exclusive", "shared"] as const) {
    it.effect(`is somebody else's who was first (${mode})`, () =>
      Effect.gen(function*() {
        const directory = yield* temporaryDirectory
        making.link = (file) => writeFileSync(file, "", { mode: 0o600 })
        yield* lockDirectory(directory, mode, 0o644)
        assert.deepStrictEqual(readdirSync(directory), [lockFileName])
        assert.strictEqual(modeOf(`${directory}/${lockFileName}`), 0o600)
      }))

    it.effect(`is made by SQLite where the file system has no links (${mode})`, () =>
      Effect.gen(function*() {
        const directory = yield* temporaryDirectory
        making.link = () => {
          throw Object.assign(new Error("EPERM"), { code: "EPERM" })
        }
        yield* lockDirectory(directory, mode, 0o600)
        assert.deepStrictEqual(readdirSync(directory), [lockFileName])
      }))
  }

  it.effect("of somebody who was first is refused if it can't be one", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      making.link = (file) => writeFileSync(file, "pid 4711\n")
      yield* failsWith(Effect.scoped(lockDirectory(directory, "exclusive")), "EFTYPE")
      assert.deepStrictEqual(readdirSync(directory), [lockFileName])
    }))
})
