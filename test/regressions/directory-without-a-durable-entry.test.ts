import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { SimulatedDisk } from "../../src/testing/index.ts"
import { bytesOf, contentOn, directory, runSeed, seeds, withStore } from "../engine/harness.ts"

describe("A directory that was there, and whose own entry no sync had reached", () => {
  const put = (disk: SimulatedDisk) => withStore(disk, (store) => store.put(bytesOf("key"), bytesOf("value")))

  it.for(seeds(3))("I5: does not take an acknowledged write along when the power is cut (seed %i)", (seed) => {
    // A process that was killed right after it had made the directory leaves it so.
    const disk = SimulatedDisk.make({ seed })
    const program = Effect.andThen(disk.service.makeDirectory(directory), put(disk))
    runSeed(program, seed)
    assert.deepStrictEqual([...runSeed(contentOn(disk.crashImage("synced")), seed).keys()], ["key"])
  })

  it.for(seeds(3))("is used all the same if the process may not look into its parent (seed %i)", (seed) => {
    const disk = SimulatedDisk.make({ seed })
    disk.fail({ when: ({ operation, path }) => operation === "syncDirectory" && path === "/", code: "EACCES" })
    runSeed(Effect.andThen(disk.service.makeDirectory(directory), put(disk)), seed)
    assert.deepStrictEqual([...runSeed(contentOn(disk), seed).keys()], ["key"])
  })
})
