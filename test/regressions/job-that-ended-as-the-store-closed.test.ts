/**
 * A merge or a flush that had just ended when the store's close interrupted it
 * left its tables behind: nobody named them, and nobody removed them.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Latch, Layer, Scope } from "effect"
import type { WriteError } from "../../src/index.ts"
import { makeInlineJobs } from "../../src/jobs/InlineJobs.ts"
import { Jobs } from "../../src/jobs/Jobs.ts"
import { SimulatedDisk } from "../../src/testing/index.ts"
import { bytes, open, runSimulated, simulatedLayer } from "../store/storeHelpers.ts"
import type { Store } from "../store/storeHelpers.ts"

/** Table files before and after a store is closed while the job is at its end. */
const closeAtTheEndOf = (
  job: "merge" | "flush",
  begin: (store: Store) => Effect.Effect<void, WriteError>
): { readonly before: ReadonlyArray<string>; readonly after: ReadonlyArray<string> } => {
  const disk = SimulatedDisk.make()
  const jobs = makeInlineJobs(disk.service)
  const hasEnded = Latch.makeUnsafe()
  const mayReturn = Latch.makeUnsafe(true)
  const atItsEnd = <A, E>(effect: Effect.Effect<A, E>) =>
    Effect.uninterruptible(Effect.tap(effect, Effect.andThen(hasEnded.open, mayReturn.await)))
  const layer = Layer.provide(
    simulatedLayer(disk),
    Layer.succeed(Jobs, {
      ...jobs,
      flush: (each) => job === "flush" ? atItsEnd(jobs.flush(each)) : jobs.flush(each),
      merge: (each) => job === "merge" ? atItsEnd(jobs.merge(each)) : jobs.merge(each)
    })
  )
  const tables = () => disk.files().filter((path) => path.endsWith(".sst"))
  const program = Effect.gen(function*() {
    const scope = yield* Scope.make()
    const store = yield* Scope.provide(open(layer), scope)
    for (const value of ["1", "2"]) {
      yield* store.put(bytes("a"), bytes(value))
      yield* store.flush
    }
    yield* store.put(bytes("a"), bytes("3"))
    const before = tables()
    yield* mayReturn.close
    yield* hasEnded.close
    const asked = yield* Effect.forkChild(Effect.exit(begin(store)))
    yield* hasEnded.await
    const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
    yield* Effect.sleep("1 second")
    yield* mayReturn.open
    yield* Fiber.join(closing)
    yield* Fiber.join(asked)
    return { before, after: tables() }
  })
  return runSimulated(1, program)
}

describe("a job that ends as the store closes (I11)", () => {
  it("leaves no table behind, if it is a merge", () => {
    const { after, before } = closeAtTheEndOf("merge", (store) => store.compact())
    assert.lengthOf(before, 2)
    assert.deepStrictEqual(after, before)
  })

  it("leaves no table behind, if it is a flush", () => {
    const { after, before } = closeAtTheEndOf("flush", (store) => store.flush)
    assert.lengthOf(before, 2)
    assert.deepStrictEqual(after, before)
  })
})
