import { assert, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Stream } from "effect"
import { SimulatedDisk } from "../../src/testing/index.ts"
import { bytesOf, padded, runSeed, withStore } from "../engine/harness.ts"

/** An hour back with each look. */
const settingBack = (clock: Clock.Clock): Clock.Clock => {
  let looks = 0
  const now = (): number => clock.currentTimeMillisUnsafe() - 3_600_000 * looks++
  return {
    currentTimeMillisUnsafe: now,
    currentTimeMillis: Effect.sync(now),
    currentTimeNanosUnsafe: () => BigInt(now()) * 1_000_000n,
    currentTimeNanos: Effect.sync(() => BigInt(now()) * 1_000_000n),
    monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
    monotonicTimeNanos: clock.monotonicTimeNanos,
    sleep: (duration) => clock.sleep(duration)
  }
}

it("No duration is below 0 while the wall clock is set back", () => {
  const use = withStore(SimulatedDisk.make(), (store) =>
    Effect.gen(function*() {
      const events = yield* Effect.forkChild(
        Stream.runCollect(Stream.map(store.events, (event) => "milliseconds" in event ? [event.milliseconds] : [])),
        { startImmediately: true }
      )
      yield* Effect.yieldNow
      for (let at = 0; at < 40; at++) yield* store.put(bytesOf(`key/${at}`), padded("value", 6_000))
      yield* store.flush
      yield* store.compact()
      const stats = yield* store.stats
      return { events, stats }
    }))
  const program = Effect.gen(function*() {
    const clock = yield* Effect.clockWith(Effect.succeed)
    const { events, stats } = yield* Effect.provideService(use, Clock.Clock, settingBack(clock))
    return { stats, durations: (yield* Fiber.join(events)).flat() }
  })
  const { durations, stats } = runSeed(program, 1)
  assert.isAbove(durations.length, 2)
  assert.deepStrictEqual(durations.filter((milliseconds) => milliseconds < 0), [])
  assert.isAtLeast(stats.recovery.milliseconds, 0)
})
