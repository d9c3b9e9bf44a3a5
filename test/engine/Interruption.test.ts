import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber } from "effect"
import { activities, interruptedOperation, interrupts } from "../../scripts/simulate/exhaustive/InterruptRuns.ts"
import { operations } from "../../scripts/simulate/exhaustive/Operations.ts"
import { Figures } from "../../scripts/simulate/exhaustive/Outcome.ts"
import type { Outcome } from "../../scripts/simulate/exhaustive/Outcome.ts"
import type { Run } from "../../scripts/simulate/exhaustive/Reopened.ts"
import { WriteBatch } from "../../src/index.ts"
import type { StoreOpenError, WriteError } from "../../src/index.ts"
import { interruptAtYield, SeededRandom, SimulatedDisk } from "../../src/testing/index.ts"
import { bytesOf, contentOf, contentOn, isTable, nameIn, padded, runSeed, seeds, withStore } from "./harness.ts"
import type { TestDisk } from "./harness.ts"

const checkOutcomes = (outcomes: ReadonlyArray<Outcome>): void => {
  assert.deepStrictEqual(outcomes.flatMap(({ problems, what }) => problems.map((each) => ({ ...each, what }))), [])
}

describe("An interrupted operation", () => {
  for (const [name, operation] of Object.entries(operations)) {
    it.for(seeds(3))(
      `I14: ${name}, at each of its yields and while it waits, leaves nothing half done (seed %i)`,
      (seed) => {
        const activity = activities[seed % activities.length]!
        const mode = seed % 2 === 0 ? "sync" : "async"
        const outcomes: Array<Outcome> = []
        for (const { interrupt, where } of interrupts) {
          const scenario = { name, operation, source: "the disk", activity, mode, interrupt } as const
          const run: Run = (program) => runSeed(program, seed)
          outcomes.push(...interruptedOperation(scenario, where, new Figures(), run))
        }
        checkOutcomes(outcomes)
        assert.isTrue(outcomes.some(({ answer }) => answer === "interrupted"))
      }
    )
  }
})

describe("An interrupted write", () => {
  it.for(seeds(4))("I14: that the log has not taken is withdrawn at once, and never written (seed %i)", (seed) => {
    const disk = SimulatedDisk.make({ delay: Effect.sleep("1 milli") })
    const fault = disk.fail({ when: isTable, times: Infinity, code: "ENOSPC" })
    const program = withStore(disk, (store) =>
      Effect.gen(function*() {
        const writers = yield* Effect.forEach(Array.from({ length: 60 }, (_, at) => at), (at) =>
          Effect.forkChild(store.put(bytesOf(`key/${at}`), padded("value", 6_000))))
        yield* Effect.sleep("1 minute")
        const batch = WriteBatch.make().put(bytesOf("withdrawn/1"), bytesOf("value"))
        const late = yield* Effect.forEach(
          [store.put(bytesOf("withdrawn/0"), bytesOf("value")), store.write(batch)],
          (write) =>
            Effect.forkChild(write)
        )
        yield* Effect.sleep("1 second")
        const before = yield* Clock.currentTimeMillis
        for (const fiber of late) yield* Fiber.interrupt(fiber)
        assert.strictEqual(yield* Clock.currentTimeMillis, before)
        fault.heal()
        yield* Fiber.joinAll(writers)
        yield* store.flush
        const content = yield* contentOf(store)
        assert.strictEqual(content.size, 60)
        // Its owner has the batch back.
        yield* store.write(batch.put(bytesOf("withdrawn/2"), bytesOf("value")))
        assert.strictEqual((yield* contentOf(store)).size, 62)
      }))
    runSeed(program, seed)
  })

  it.for(seeds(4))("I14: that the log has taken returns at once, and is applied whole (seed %i)", (seed) => {
    const disk = SimulatedDisk.make({ delay: Effect.sleep("1 second") })
    const program = withStore(disk, (store) =>
      Effect.gen(function*() {
        const calls = disk.calls
        const write = yield* Effect.forkChild(
          store.write(WriteBatch.make().put(bytesOf("a"), bytesOf("value")).put(bytesOf("b"), bytesOf("value")))
        )
        // In the middle of the append, or of the sync.
        yield* Effect.sleep(seed % 2 === 0 ? "500 millis" : "2500 millis")
        const before = yield* Clock.currentTimeMillis
        yield* Fiber.interrupt(write)
        assert.strictEqual(yield* Clock.currentTimeMillis, before)
        assert.strictEqual((yield* contentOf(store)).size, 0)
        yield* store.sync
        assert.strictEqual((yield* contentOf(store)).size, 2)
        assert.isAbove(disk.calls, calls)
      }))
    runSeed(program, seed)
    assert.strictEqual(runSeed(contentOn(disk.crashImage("synced")), seed).size, 2)
  })
})

/** Opens, writes and closes; notes what was acknowledged. */
const life = (disk: TestDisk, acknowledged: Array<string>): Effect.Effect<void, StoreOpenError | WriteError> =>
  withStore(disk, (store) =>
    Effect.forEach(["sync", "buffered", "async", "sync"] as const, (durability, at) => {
      const key = `key/${acknowledged.length}/${at}`
      return Effect.map(store.put(bytesOf(key), padded(key, 20_000), { durability }), () => void acknowledged.push(key))
    }, { discard: true }))

describe("A store whose owner is interrupted", () => {
  it.for(seeds(2))("I14: while it opens, writes or closes, loses nothing and leaves nothing open (seed %i)", (seed) => {
    const program = Effect.gen(function*() {
      const disk = SimulatedDisk.make()
      const acknowledged: Array<string> = []
      let struck = true
      let n = 0
      const random = new SeededRandom(seed)
      for (; struck; n += 1 + random.int(10)) {
        const interrupted = yield* interruptAtYield(life(disk, acknowledged), n)
        struck = interrupted.struck
        if (!struck) assert.isTrue(Exit.isSuccess(interrupted.exit))
        // What goes on in the background ends by itself.
        yield* Effect.sleep("1 second")
        assert.deepStrictEqual(disk.openHandles, [], `at ${n}`)
      }
      assert.isAbove(n, 200)
      const content = yield* contentOn(disk)
      for (const key of acknowledged) assert.strictEqual(nameIn(content.get(key)), key)
    })
    runSeed(program, seed, { maxSteps: 10_000_000 })
  })

  it.for(seeds(4))("I14: loses nothing when its close is interrupted or has work left (seed %i)", (seed) => {
    const random = new SeededRandom(seed)
    for (let turns = 0; turns < 12; turns++) {
      const disk = SimulatedDisk.make()
      const acknowledged: Array<string> = []
      const busy = withStore(disk, (store) =>
        Effect.gen(function*() {
          // More than the memtables hold: flushes go on while it closes.
          for (let at = 0; at < 60 + turns; at++) {
            const key = `key/${at}`
            yield* store.put(bytesOf(key), padded(key, 2_500), { durability: random.pick(["buffered", "async"]) })
            acknowledged.push(key)
          }
          yield* Effect.forkChild(store.flush)
          yield* Effect.forkChild(store.compact())
          for (let pause = random.int(20); pause > 0; pause--) yield* Effect.yieldNow
        }))
      const program = Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(busy)
        for (let pause = 100 * turns; pause > 0; pause--) yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
      })
      runSeed(program, seed)
      assert.deepStrictEqual(disk.openHandles, [])
      const content = runSeed(contentOn(disk.crashImage("synced")), seed)
      for (const key of acknowledged) assert.strictEqual(nameIn(content.get(key)), key)
    }
  })
})
