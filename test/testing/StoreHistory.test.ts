import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { LsmStore, WriteBatch } from "../../src/index.ts"
import { SimulatedDisk, StoreHistory } from "../../src/testing/index.ts"
import { bytesOf, contentOn, runSeed, seeds, withStore } from "../engine/harness.ts"
import type { Store } from "../engine/harness.ts"

/** A few fibers that write and read the same keys, through the history. */
const useStore = (inner: Store, history: StoreHistory) =>
  Effect.gen(function*() {
    const store = history.observe(inner)
    const turn = (fiber: number, at: number) =>
      Effect.gen(function*() {
        const key = (name: number) => bytesOf(`key/${name % 4}`)
        const value = bytesOf(`${fiber}/${at}`)
        yield* store.put(key(at), value)
        yield* store.write(WriteBatch.make().put(key(at), value).delete(key(at + 1)).put(key(at + 2), value))
        yield* store.get(key(at))
        yield* store.has(key(at + 1))
        yield* store.getMany([key(0), key(1), key(3)])
        yield* Stream.runDrain(store.scan({ prefix: bytesOf("key/"), reverse: fiber === 1 }))
        yield* Effect.scoped(Effect.flatMap(store.snapshot, (snapshot) => snapshot.get(key(at))))
        if (at % 3 === 0) yield* store.flush
      })
    yield* Effect.forEach([0, 1, 2], (fiber) =>
      Effect.forEach([0, 1, 2, 3, 4, 5, 6], (at) => turn(fiber, at), { discard: true }), {
      concurrency: "unbounded",
      discard: true
    })
  })

describe("A history of a store", () => {
  it.for(seeds(5))("has no problems, and none after a power cut (seed %i)", (seed) => {
    const disk = SimulatedDisk.make({ seed })
    const history = new StoreHistory()
    const program = withStore(
      disk,
      (store) =>
        Effect.map(useStore(store, history), () => ({ image: disk.crashImage("synced"), mark: history.mark() }))
    )
    const { image, mark } = runSeed(program, seed)
    assert.deepStrictEqual(history.problems(), [])
    const content = Array.from(
      runSeed(contentOn(image), seed),
      ([key, value]): readonly [Uint8Array, Uint8Array] => [bytesOf(key), value]
    )
    assert.deepStrictEqual(history.problemsAfter(content, mark, "power cut"), [])
    assert.isNotEmpty(history.problemsAfter([], mark, "power cut"))
  })

  it("I1: tells of a read that gives an older value", () => {
    const history = new StoreHistory()
    const key = bytesOf("key")
    const stale = (store: Store): Store => LsmStore.of({ ...store, get: () => Effect.succeed(bytesOf("old")) })
    const program = withStore(SimulatedDisk.make(), (store) =>
      Effect.gen(function*() {
        const observed = history.observe(stale(store))
        yield* observed.put(key, bytesOf("old"))
        yield* observed.put(key, bytesOf("new"))
        yield* observed.get(key)
      }))
    runSeed(program, 0)
    assert.deepStrictEqual(history.problems().map(({ invariant }) => invariant), ["I1"])
  })
})
