import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { interruptAtYield, simulate } from "../../src/testing/index.ts"

const seeds = Array.from({ length: 20 }, (_, seed) => seed)

/** Three children, each of which takes a few steps and tells how it ended. */
const workers = (log: Array<string>) =>
  Effect.gen(function*() {
    const fibers = yield* Effect.forEach(["a", "b", "c"], (name) => {
      const steps = Effect.forEach([0, 1, 2], (step) => Effect.sync(() => log.push(`${name}${step}`)))
      return Effect.forkChild(Effect.onExit(steps, (exit) => Effect.sync(() => log.push(`${name} ${exit._tag}`))))
    })
    yield* Effect.forEach(fibers, Fiber.await)
  })

/** A child of a child holds a resource that it loses if it is interrupted between two steps. */
const leaky = (open: Set<string>) =>
  Effect.gen(function*() {
    const use = Effect.gen(function*() {
      yield* Effect.sync(() => open.add("file"))
      yield* Effect.onExit(Effect.yieldNow, () => Effect.sync(() => open.delete("file")))
    })
    const child = yield* Effect.forkChild(Effect.flatMap(Effect.forkChild(use), Fiber.await))
    yield* Fiber.await(child)
  })

describe("simulate: interrupts", () => {
  it.for(seeds)("strike the fiber that they name, and no other (seed %i)", (seed) => {
    const log: Array<string> = []
    const report = simulate(workers(log), { seed, interrupts: [{ fiber: 2, yields: 4 }] })
    assert.isTrue(Exit.isSuccess(report.exit))
    assert.strictEqual(report.interrupted, 1)
    assert.deepStrictEqual(log.filter((entry) => entry.endsWith("Failure")).length, 1)
    assert.deepStrictEqual(log.filter((entry) => entry.endsWith("Success")).length, 2)
  })

  it("strike at the operation that they name", () => {
    const steps = Array.from({ length: 40 }, (_, yields) => {
      const log: Array<string> = []
      simulate(workers(log), { seed: 1, order: "oldest", yieldChance: 0, interrupts: [{ fiber: 1, yields }] })
      return log.filter((entry) => /^a\d$/.test(entry)).length
    })
    assert.deepStrictEqual(steps, steps.toSorted((one, other) => one - other))
    assert.deepStrictEqual(new Set(steps), new Set([0, 1, 2, 3]))
  })

  it("do nothing where a fiber does not come so far, or does not appear", () => {
    const log: Array<string> = []
    const interrupts = [{ fiber: 1, yields: 1_000 }, { fiber: 50, yields: 0 }]
    const report = simulate(workers(log), { seed: 1, interrupts })
    assert.strictEqual(report.interrupted, 0)
    assert.strictEqual(log.filter((entry) => entry.endsWith("Success")).length, 3)
  })

  it("interrupt the program itself as number 0", () => {
    const report = simulate(Effect.forever(Effect.yieldNow), { seed: 1, interrupts: [{ fiber: 0, yields: 10 }] })
    assert.isTrue(Exit.hasInterrupts(report.exit))
  })

  it.for(seeds.slice(0, 5))("find, over all fibers and points, one that only a grandchild has (seed %i)", (seed) => {
    const leaks: Array<number> = []
    for (let fiber = 0; fiber < 3; fiber++) {
      for (let yields = 0;; yields++) {
        const open = new Set<string>()
        const { interrupted } = simulate(leaky(open), { seed, interrupts: [{ fiber, yields }] })
        if (open.size > 0) leaks.push(fiber)
        if (interrupted === 0) break
      }
    }
    assert.include(leaks, 2)
  })

  it("are the same from run to run", () => {
    for (const seed of seeds) {
      const options = { seed, interrupts: [{ fiber: 2, yields: 3 }], trace: true }
      const [one, other] = [simulate(workers([]), options), simulate(workers([]), options)]
      assert.deepStrictEqual(one, other)
      assert.include(one.trace, "interrupt 2")
    }
  })

  it("are counted beside those of interruptAtYield", () => {
    const program = interruptAtYield(Effect.forever(Effect.yieldNow), 5)
    assert.strictEqual(simulate(program, { seed: 1 }).interrupted, 1)
  })
})
