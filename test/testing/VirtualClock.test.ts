import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Context, Effect, Exit, Fiber, Option, Schedule } from "effect"
import { simulate, type SimulationOptions, type SimulationReport, VirtualClock } from "../../src/testing/index.ts"

const seeds = Array.from({ length: 20 }, (_, seed) => seed)

/** The value under each of some seeds, at the virtual time at which it came. */
const valuesAt = <A, E>(
  effect: Effect.Effect<A, E>,
  options: Partial<SimulationOptions> = {}
): ReadonlyArray<readonly [A, number]> =>
  seeds.map((seed) => {
    const report: SimulationReport<A, E> = simulate(effect, { ...options, seed })
    if (Exit.isFailure(report.exit)) throw new Error(`seed ${seed}: ${Cause.pretty(report.exit.cause)}`)
    return [report.exit.value, report.time]
  })

const checkAlways = <A, E>(effect: Effect.Effect<A, E>, value: A, time: number): void =>
  assert.deepStrictEqual(valuesAt(effect), seeds.map(() => [value, time] as const))

describe("VirtualClock", () => {
  it("sleepers wake in the order of their time, whatever the order in which they went to sleep", () => {
    const program = Effect.gen(function*() {
      const woken: Array<string> = []
      const sleeper = (millis: number) =>
        Effect.andThen(
          Effect.sleep(millis),
          Effect.map(Clock.currentTimeMillis, (now) => void woken.push(`${millis} at ${now}`))
        )
      yield* Effect.all([30, 10, 20, 5000].map(sleeper), { concurrency: "unbounded" })
      return woken.join(", ")
    })
    checkAlways(program, "10 at 10, 20 at 20, 30 at 30, 5000 at 5000", 5_000)
  })

  it("all that are due at one moment wake before time goes on", () => {
    const program = Effect.gen(function*() {
      const woken: Array<number> = []
      const sleeper = (millis: number) => Effect.andThen(Effect.sleep(millis), Effect.sync(() => woken.push(millis)))
      yield* Effect.all([10, 10, 20, 10].map(sleeper), { concurrency: "unbounded" })
      return woken.join()
    })
    checkAlways(program, "10,10,10,20", 20)
  })

  it("time stands still while anything can run", () => {
    const program = Effect.gen(function*() {
      const sleeping = yield* Effect.forkChild(Effect.sleep("1 milli"))
      for (let turn = 0; turn < 200; turn++) yield* Effect.yieldNow
      const before = yield* Clock.currentTimeMillis
      yield* Fiber.join(sleeping)
      return [before, yield* Clock.currentTimeMillis].join()
    })
    checkAlways(program, "0,1", 1)
  })

  it("with a chance of early waking, timers also fire while others can run", () => {
    const program = Effect.gen(function*() {
      let turns = 0
      const spinning = yield* Effect.forkChild(
        Effect.forever(Effect.andThen(Effect.yieldNow, Effect.sync(() => turns++)))
      )
      yield* Effect.sleep("1 hour")
      yield* Fiber.interrupt(spinning)
      return turns < 100_000
    })
    assert.deepStrictEqual(
      valuesAt(program, { earlyWakeChance: 1 / 16, yieldChance: 0 }),
      seeds.map(() => [true, 3_600_000] as const)
    )
  })

  it("a timeout fires at its time, and not if the work is done before", () => {
    const late = Effect.sleep("2 seconds").pipe(Effect.timeoutOption("1 second"), Effect.map(Option.isNone))
    checkAlways(late, true, 1_000)
    const inTime = Effect.sleep("1 second").pipe(Effect.timeoutOption("2 seconds"), Effect.map(Option.isSome))
    checkAlways(inTime, true, 1_000)
  })

  it("hours of retries take no time", () => {
    let attempts = 0
    const program = Effect.suspend(() => {
      attempts = 0
      return Effect.suspend(() => ++attempts < 10 ? Effect.fail("not yet") : Effect.succeed(attempts)).pipe(
        Effect.retry(Schedule.exponential("1 minute"))
      )
    })
    checkAlways(program, 10, (2 ** 9 - 1) * 60_000)
  })

  it("a sleeper that is interrupted leaves nothing behind", () => {
    const program = Effect.gen(function*() {
      const clock = yield* Clock.Clock
      const sleeping = yield* Effect.forkChild(Effect.sleep("1 hour"))
      yield* Effect.sleep("1 second")
      yield* Fiber.interrupt(sleeping)
      return clock instanceof VirtualClock ? clock.sleepers : -1
    })
    checkAlways(program, 0, 1_000)
  })

  it("every reading agrees, from the time it begins at", () => {
    const program = Effect.gen(function*() {
      yield* Effect.sleep("1500 micros")
      const millis = yield* Clock.currentTimeMillis
      const nanos = yield* Clock.currentTimeNanos
      const monotonic = yield* Clock.monotonicTimeNanos
      return [millis, nanos, monotonic].join()
    })
    const report = simulate(program, { seed: 1, startTime: 1_000 })
    assert.deepStrictEqual(report.exit, Exit.succeed("1001.5,1001500000,1001500000"))
  })

  it("wakes those that are due at one moment in the order in which they went to sleep", () => {
    const clock = new VirtualClock()
    const woken: Array<number> = []
    const context = Context.make(Clock.Clock, clock)
    for (const [sleeper, millis] of [5, 7, 5, 7, 5].entries()) {
      Effect.runForkWith(context)(Effect.andThen(Effect.sleep(millis), Effect.sync(() => woken.push(sleeper))))
    }
    while (clock.advance((wake) => wake()));
    assert.deepStrictEqual(woken, [0, 2, 4, 1, 3])
  })

  it("no time at all is a yield, and forever is no sleeper", () => {
    checkAlways(Effect.as(Effect.sleep(0), "awake"), "awake", 0)
    const clock = new VirtualClock()
    const fiber = Effect.runFork(Effect.provideService(Effect.sleep("Infinity"), Clock.Clock, clock))
    assert.strictEqual(clock.sleepers, 0)
    assert.isUndefined(fiber.pollUnsafe())
    assert.isFalse(clock.advance(() => {}))
  })
})
