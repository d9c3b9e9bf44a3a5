import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer } from "effect"
import { LsmStore } from "../../src/index.ts"
import { runSimulation, SimulatedDisk } from "../../src/testing/index.ts"

describe("An opening that can't learn whether it may write", () => {
  it("is a DiskError if the disk fails", () => {
    const disk = SimulatedDisk.make()
    disk.fail({ when: ({ operation }) => operation === "checkWritable", times: Infinity })
    const layer = Layer.provide(LsmStore.layer({ directory: "/store" }), disk.layer)
    const exit = runSimulation(Effect.flip(Effect.scoped(Layer.build(layer))), { seed: 1 })
    if (Exit.isFailure(exit)) return assert.fail(String(exit))
    assert.strictEqual(exit.value._tag, "DiskError")
    assert.deepInclude(exit.value, { operation: "checkWritable", code: "EIO" })
  })
})
