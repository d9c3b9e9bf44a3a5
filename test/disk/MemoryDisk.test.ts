import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Disk } from "../../src/disk/Disk.ts"
import * as MemoryDisk from "../../src/disk/MemoryDisk.ts"
import { diskConformance } from "./conformance.ts"
import { failsWith, writeFile } from "./diskHelpers.ts"

diskConformance("MemoryDisk", MemoryDisk.layer)

describe("MemoryDisk", () => {
  it.effect("begins empty each time its layer is built", () =>
    Effect.gen(function*() {
      yield* Effect.provide(writeFile("/file"), MemoryDisk.layer)
      const names = yield* Disk.use((disk) => disk.list("/")).pipe(Effect.provide(MemoryDisk.layer))
      assert.deepStrictEqual(names, [])
    }))

  it.effect("takes a path with or without a leading slash", () =>
    Effect.gen(function*() {
      yield* writeFile("file")
      assert.strictEqual(yield* Disk.use((disk) => disk.kind("/file")), "file")
    }).pipe(Effect.provide(MemoryDisk.layer)))

  it.effect("keeps its root as it is", () =>
    Effect.gen(function*() {
      const disk = yield* Disk
      yield* failsWith(disk.makeDirectory("/"), "EEXIST")
      yield* failsWith(disk.createAppend("/"), "EEXIST")
      yield* failsWith(disk.remove("/"), "EBUSY")
      yield* failsWith(disk.rename("/", "/name"), "EBUSY")
      assert.strictEqual(yield* disk.kind("/"), "directory")
    }).pipe(Effect.provide(MemoryDisk.layer)))
})
