import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type * as Fs from "node:fs"
import { vi } from "vitest"
import { Disk } from "../../src/disk/Disk.ts"
import * as NodeDisk from "../../src/disk/NodeDisk.ts"
import { makeSyncDisk } from "../../src/disk/SyncDisk.ts"
import { failsWith } from "../disk/diskHelpers.ts"
import { openFilesBelow, temporaryDirectory } from "../disk/temporaryDirectory.ts"

/** Closing takes effect, and says that it has failed. */
vi.mock("node:fs", async (original) => {
  const fs = await original<typeof Fs>()
  const failure = (): Error => Object.assign(new Error("EIO"), { code: "EIO" })
  return {
    ...fs,
    close: (file: number, done: (error: Error) => void) => fs.close(file, () => done(failure())),
    closeSync: (file: number) => {
      fs.closeSync(file)
      throw failure()
    }
  }
})

describe("A close that fails", () => {
  it.effect("after a sync of a directory leaves it synced", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const disk = yield* Disk
      yield* disk.syncDirectory(directory)
      assert.deepStrictEqual(openFilesBelow(directory), [])
    }).pipe(Effect.provide(NodeDisk.layer)))

  it.effect("after something else has failed does not hide that", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      yield* failsWith((yield* Disk).openRead(directory), "EISDIR")
      yield* failsWith(makeSyncDisk("owner").openRead(directory), "EISDIR")
      assert.deepStrictEqual(openFilesBelow(directory), [])
    }).pipe(Effect.provide(NodeDisk.layer)))
})
