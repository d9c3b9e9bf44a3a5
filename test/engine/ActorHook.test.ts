import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { StoreActorHook } from "../../src/engine/ActorHook.ts"
import { SeededRandom, SimulatedDisk } from "../../src/testing/index.ts"
import { bytesOf, contentOf, entriesOf, padded, runSeed, seeds, withStore } from "./harness.ts"
import { runWorkload, WorkloadHistory, writeOnce } from "./workload.ts"

const workload = { seed: 0, writers: 4, writesEach: 15, structural: 4, valueSize: 4_000 }

/** Throws at the actor's n-th message; tells whether it came to that. */
const defectAt = (name: string, n: number) => {
  const state = { thrown: false }
  const hook = (actor: string, message: number): void => {
    if (actor !== name || message !== n) return
    state.thrown = true
    throw new Error("a defect")
  }
  return { hook, state }
}

describe("A defect at an actor's n-th message", () => {
  for (const name of ["Flusher", "Compactor", "RotationCoordinator"]) {
    it.for(seeds(4))(`I12: restarts the ${name}, and nothing is lost (seed %i)`, (seed) => {
      const { hook, state } = defectAt(name, seed % 3)
      const history = new WorkloadHistory()
      const program = withStore(SimulatedDisk.make(), (store) =>
        Effect.gen(function*() {
          yield* runWorkload(store, history, { ...workload, seed })
          yield* store.flush
          const { actors, readOnly } = yield* store.stats
          assert.isFalse(readOnly)
          assert.strictEqual(actors.find((actor) => actor.name === name)?.restarts, 1)
          return yield* contentOf(store)
        }))
      const content = runSeed(Effect.provideService(program, StoreActorHook, hook), seed)
      assert.isTrue(state.thrown)
      assert.deepStrictEqual(history.problemsAfter(entriesOf(content), history.mark(), "kill"), [])
    })
  }

  for (const name of ["Wal", "Manifest"]) {
    it.for(seeds(6))(`I12: in the ${name} stops writes, reads go on, and nobody waits for ever (seed %i)`, (seed) => {
      const { hook, state } = defectAt(name, seed)
      const history = new WorkloadHistory()
      const disk = SimulatedDisk.make()
      const program = withStore(disk, (inner) =>
        Effect.gen(function*() {
          const store = history.observe(inner)
          const random = new SeededRandom(seed)
          const writer = (own: SeededRandom) =>
            Effect.flip(Effect.forever(Effect.andThen(writeOnce(store, history, own, workload), store.flush)))
          const writers = yield* Effect.forEach([0, 1, 2], () => Effect.forkChild(writer(random.fork())))
          for (const error of yield* Fiber.joinAll(writers)) assert.strictEqual(error._tag, "StoreReadOnly")
          for (
            const each of [store.put(bytesOf("later"), bytesOf("later")), store.sync, store.flush, store.compact()]
          ) {
            assert.strictEqual((yield* Effect.flip(each))._tag, "StoreReadOnly")
          }
          const { actors } = yield* store.stats
          assert.strictEqual(actors.find((actor) => actor.name === name)?.state, "failed")
          yield* contentOf(store)
        }))
      runSeed(Effect.provideService(program, StoreActorHook, hook), seed)
      assert.isTrue(state.thrown)
      assert.deepStrictEqual(history.problems(), [])
      const found = runSeed(withStore(disk, contentOf), seed)
      assert.deepStrictEqual(history.problemsAfter(entriesOf(found), history.mark(), "kill"), [])
    })
  }

  it("counts each message from 0, and each actor's apart", () => {
    const seen = new Map<string, Array<number>>()
    const program = withStore(
      SimulatedDisk.make(),
      (store) =>
        Effect.forEach(
          [0, 1, 2],
          (key) => Effect.andThen(store.put(bytesOf(`key/${key}`), padded("value", 100)), store.flush)
        )
    )
    const hook = (actor: string, message: number) => void seen.set(actor, [...seen.get(actor) ?? [], message])
    runSeed(Effect.provideService(program, StoreActorHook, hook), 0)
    assert.sameMembers([...seen.keys()], ["Wal", "RotationCoordinator", "Flusher", "Compactor", "Manifest"])
    for (const messages of seen.values()) assert.deepStrictEqual(messages, messages.map((_, at) => at))
    assert.isAtLeast(seen.get("Wal")?.length ?? 0, 3)
  })
})
