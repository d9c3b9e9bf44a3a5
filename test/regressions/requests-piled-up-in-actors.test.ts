/**
 * Each `flush` that was given up while writers waited left a message with the
 * coordinator, and each `compact` that was given up left a whole merge to do.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { SimulatedDisk } from "../../src/testing/index.ts"
import { bytes, runSimulated, simulatedLayer, withStore } from "../store/storeHelpers.ts"
import type { Store } from "../store/storeHelpers.ts"

const queuedBy = (store: Store, name: string) =>
  Effect.map(store.stats, ({ actors }) => actors.find((actor) => actor.name === name)?.queued)

describe("requests whose callers have given up (I13)", () => {
  it("leave one rotation to do", () => {
    const disk = SimulatedDisk.make()
    const isTable = (path: string) => path.endsWith(".sst")
    const fault = disk.fail({
      when: ({ operation, path }) => operation === "createAppend" && isTable(path),
      times: Infinity
    })
    const program = withStore(simulatedLayer(disk, { maxImmutables: 1 }), (store) =>
      Effect.gen(function*() {
        const giveUp = Effect.timeoutOption(store.flush, "1 second")
        yield* store.put(bytes("a"), bytes("1"))
        yield* giveUp
        yield* store.put(bytes("b"), bytes("2"))
        yield* Effect.replicateEffect(giveUp, 50)
        const queued = yield* queuedBy(store, "RotationCoordinator")
        fault.heal()
        yield* store.flush
        const { immutables, memtable, rotations } = yield* store.stats
        return { queued, rotations, left: immutables.count + memtable.records }
      }))
    assert.deepStrictEqual(runSimulated(1, program), { queued: 1, rotations: 2, left: 0 })
  })

  it("leave one merge to do", () => {
    const disk = SimulatedDisk.make({ delay: Effect.sleep("10 seconds") })
    const program = withStore(simulatedLayer(disk), (store) =>
      Effect.gen(function*() {
        yield* store.put(bytes("a"), bytes("1"))
        // It keeps a version that each merge hopes to drop: none finds nothing to do.
        yield* store.snapshot
        yield* store.put(bytes("a"), bytes("2"))
        yield* store.flush
        yield* Effect.replicateEffect(Effect.timeoutOption(store.compact(), "1 second"), 50)
        const queued = yield* queuedBy(store, "Compactor")
        const together = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(store.compact()))
        yield* Fiber.joinAll(together)
        const { compaction } = yield* store.stats
        return { queued, compactions: compaction.count }
      }))
    assert.deepStrictEqual(runSimulated(1, program), { queued: 2, compactions: 2 })
  })
})
