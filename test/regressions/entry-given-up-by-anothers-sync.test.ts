/**
 * A sync of the directory that failed for one actor gave up the entry of a file
 * that another had just made. That one's own sync then succeeded without it, the
 * manifest named the file, and a power cut took it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { SyncedDirectory } from "../../src/engine/SyncedDirectory.ts"
import { SimulatedDisk } from "../../src/testing/index.ts"
import { runSimulated } from "../store/storeHelpers.ts"

/** Several fibers make files and sync the directory, which fails a few times. Returns the names whose sync succeeded. */
const makeFiles = (disk: SimulatedDisk) =>
  Effect.gen(function*() {
    yield* disk.service.makeDirectory("store")
    yield* disk.service.syncDirectory("/")
    disk.fail({ when: ({ operation }) => operation === "syncDirectory", from: 12, times: 2 })
    const directory = new SyncedDirectory(disk.service, "store")
    const make = (name: string) =>
      Effect.gen(function*() {
        const { mark } = directory
        const file = yield* disk.service.createAppend(`${directory.path}/${name}`)
        yield* file.close
        return Exit.isSuccess(yield* Effect.exit(directory.sync(mark))) ? [name] : []
      })
    const maker = (number: number) => Effect.forEach([1, 2, 3, 4, 5], (turn) => make(`file-${number}-${turn}`))
    const fibers = yield* Effect.forEach([1, 2, 3], (number) => Effect.forkChild(maker(number)))
    return (yield* Fiber.joinAll(fibers)).flat(2)
  })

describe("a sync of a directory that is shared (I6, I7)", () => {
  it("succeeds only if the entries are durable that were made since the mark", () => {
    for (let seed = 0; seed < 200; seed++) {
      const disk = SimulatedDisk.make()
      const synced = runSimulated(seed, makeFiles(disk))
      const durable = disk.crashImage("synced").files()
      assert.includeMembers([...durable], synced.map((name) => `store/${name}`), `seed ${seed}`)
      assert.isAtLeast(synced.length, 3)
    }
  })
})
