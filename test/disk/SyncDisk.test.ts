import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Disk } from "../../src/disk/Disk.ts"
import * as NodeDisk from "../../src/disk/NodeDisk.ts"
import { makeSyncDisk } from "../../src/disk/SyncDisk.ts"
import { diskConformance } from "./conformance.ts"
import { pattern } from "./diskHelpers.ts"
import { openFilesBelow, temporaryDirectory } from "./temporaryDirectory.ts"

const syncDisk = makeSyncDisk("owner")

/** With the rest of a disk from NodeDisk. */
const layer = Layer.effect(Disk, Effect.map(Disk, (disk) => Disk.of({ ...disk, ...syncDisk }))).pipe(
  Layer.provide(NodeDisk.layer)
)

diskConformance("SyncDisk", layer, temporaryDirectory)

describe("SyncDisk", () => {
  it("has done everything when its effects return, without leaving the thread", () => {
    const program = Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const path = `${directory}/file`
      const writer = yield* syncDisk.createAppend(path)
      yield* writer.append([pattern(100_000), pattern(300_000, 1)])
      yield* writer.sync
      yield* writer.close
      yield* writer.close
      const reader = yield* syncDisk.openRead(path)
      const bytes = yield* reader.read(100_000, 300_000)
      yield* reader.close
      yield* syncDisk.remove(path)
      return { bytes, open: openFilesBelow(directory) }
    })
    const { bytes, open } = Effect.runSync(Effect.scoped(program))
    assert.deepStrictEqual(bytes, pattern(300_000, 1))
    assert.deepStrictEqual(open, [])
  })
})
