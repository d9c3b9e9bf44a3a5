/**
 * A coordinator that met a defect after writes had stopped ended without an
 * answer to those who waited for a rotation: a flush hung, and so did the Wal,
 * and the close that waits for it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer } from "effect"
import { Disk } from "../../src/index.ts"
import { LsmStore } from "../../src/LsmStore.ts"
import { simulate, SimulatedDisk } from "../../src/testing/index.ts"
import { bytes, isReadOnly, withStore } from "../store/storeHelpers.ts"

/** A disk with a bug: it dies, after some time, of making a segment. */
const dyingDisk = (disk: SimulatedDisk, isDying: () => boolean) =>
  Layer.succeed(Disk, {
    ...disk.service,
    createAppend: (path, options) =>
      Effect.suspend(() =>
        isDying() && path.includes("wal-")
          ? Effect.andThen(Effect.sleep("5 millis"), Effect.die(new Error("a bug in the disk")))
          : disk.service.createAppend(path, options)
      )
  })

const program = Effect.suspend(() => {
  const disk = SimulatedDisk.make()
  let isDying = false
  const layer = LsmStore.layer({ directory: "/store" }).pipe(Layer.provide(dyingDisk(disk, () => isDying)))
  return withStore(layer, (store) =>
    Effect.gen(function*() {
      yield* store.put(bytes("a"), bytes("1"))
      yield* store.flush
      yield* store.put(bytes("b"), bytes("2"))
      isDying = true
      const flush = yield* Effect.forkChild(isReadOnly(store.flush, "failure"))
      yield* Effect.sleep("1 millis")
      disk.fail({ when: (call) => call.operation === "append" && call.path.includes("manifest-") })
      yield* isReadOnly(store.compact(), "failure")
      yield* Fiber.join(flush)
    }))
})

describe("a rotation whose actor dies after writes have stopped (I12)", () => {
  it("fails, and the store closes", () => {
    assert.deepStrictEqual(simulate(program, { seed: 1 }).exit, Exit.void)
  })
})
