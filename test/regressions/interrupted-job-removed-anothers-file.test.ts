/**
 * A flush or a merge that the store's close interrupted removed whatever lay
 * under the names that were kept for its tables, whether it had made it or not.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Latch, Layer, Scope } from "effect"
import type { WriteError } from "../../src/index.ts"
import { makeInlineJobs } from "../../src/jobs/InlineJobs.ts"
import { Jobs } from "../../src/jobs/Jobs.ts"
import type { NewFile } from "../../src/jobs/Jobs.ts"
import { SimulatedDisk } from "../../src/testing/index.ts"
import { bytes, open, runSimulated, simulatedLayer } from "../store/storeHelpers.ts"
import type { Store } from "../store/storeHelpers.ts"

/** What is left under the name of the job's last table, where another put a file before the close interrupted the job. */
const leftByAnInterrupted = (
  job: "merge" | "flush",
  when: "before its first step" | "after its last",
  begin: (store: Store) => Effect.Effect<void, WriteError>
): { readonly made: ReadonlyArray<string>; readonly another: Uint8Array } => {
  const disk = SimulatedDisk.make()
  const jobs = makeInlineJobs(disk.service)
  const isThere = Latch.makeUnsafe()
  const closes = Latch.makeUnsafe()
  let path = ""
  let made: ReadonlyArray<string> = []
  const beset = <A, E>(targets: ReadonlyArray<NewFile>, run: Effect.Effect<A, E>) =>
    Effect.suspend(() => {
      path = targets.at(-1)?.path ?? ""
      const another = Effect.sync(() => {
        made = targets.filter(({ isMade }) => isMade).map((target) => target.path)
        disk.writeFile(path, Uint8Array.of(1))
      })
      const wait = Effect.andThen(another, Effect.andThen(isThere.open, closes.await))
      return when === "after its last"
        ? Effect.uninterruptible(Effect.tap(run, wait))
        : Effect.andThen(wait, run)
    })
  let isBeset = false
  const layer = Layer.provide(
    simulatedLayer(disk),
    Layer.succeed(Jobs, {
      ...jobs,
      flush: (each) => isBeset && job === "flush" ? beset([each.target], jobs.flush(each)) : jobs.flush(each),
      merge: (each) => isBeset && job === "merge" ? beset(each.targets, jobs.merge(each)) : jobs.merge(each)
    })
  )
  const program = Effect.gen(function*() {
    const scope = yield* Scope.make()
    const store = yield* Scope.provide(open(layer), scope)
    for (const value of ["1", "2"]) {
      yield* store.put(bytes("a"), bytes(value))
      yield* store.flush
    }
    yield* store.put(bytes("a"), bytes("3"))
    isBeset = true
    const asked = yield* Effect.forkChild(Effect.exit(begin(store)))
    yield* isThere.await
    const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
    yield* Effect.sleep("1 second")
    yield* closes.open
    yield* Fiber.join(closing)
    yield* Fiber.join(asked)
    return { made: disk.files().filter((file) => made.includes(file)), another: disk.readFile(path) }
  })
  return runSimulated(1, program)
}

describe("a job that a close interrupts (I26)", () => {
  it("leaves another's file under its name, if it is a flush that has made nothing", () => {
    const { another } = leftByAnInterrupted("flush", "before its first step", (store) => store.flush)
    assert.deepStrictEqual(another, Uint8Array.of(1))
  })

  it("leaves another's file under its last name, if it is a merge that has made nothing", () => {
    const { another } = leftByAnInterrupted("merge", "before its first step", (store) => store.compact())
    assert.deepStrictEqual(another, Uint8Array.of(1))
  })

  it("leaves another's file under its last name, and none that it has made, if it is a merge", () => {
    const { another, made } = leftByAnInterrupted("merge", "after its last", (store) => store.compact())
    assert.deepStrictEqual([another, made], [Uint8Array.of(1), []])
  })
})
