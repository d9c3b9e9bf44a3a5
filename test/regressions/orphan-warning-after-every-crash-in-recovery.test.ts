import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { LsmStore } from "../../src/index.ts"
import { runSimulation, SimulatedDisk } from "../../src/testing/index.ts"
import { fileAt } from "../engine/harness.ts"

describe("A recovery that finds the temporary CURRENT of a crashed one", () => {
  it("removes it, and warns of nothing", () => {
    const warnings: Array<unknown> = []
    const log = Logger.layer([Logger.make(({ message }) => void warnings.push(message))])
    const open = (disk: SimulatedDisk) =>
      runSimulation(
        Effect.scoped(Layer.build(LsmStore.layer({ directory: "/store" }))).pipe(
          Effect.provide(Layer.merge(disk.layer, log))
        ),
        { seed: 1 }
      )
    const first = SimulatedDisk.make()
    let image = first
    first.onCall(({ operation }, phase) => {
      if (operation === "rename" && phase === "before") image = first.crashImage("all")
    })
    open(first)
    const isTemporary = (path: string) => fileAt(path)?._tag === "Temporary"
    assert.lengthOf(image.files().filter(isTemporary), 1)

    assert.strictEqual(open(image)._tag, "Success")
    assert.lengthOf(image.files().filter(isTemporary), 0)
    assert.deepStrictEqual(warnings, [])
  })
})
