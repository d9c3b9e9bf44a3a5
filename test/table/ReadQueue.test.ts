import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { DiskError } from "../../src/StoreError.ts"
import { QueuedRead, ReadQueue } from "../../src/table/ReadQueue.ts"

/** Reads that end when the test says. */
class Reads {
  readonly queue: ReadQueue
  readonly began: Array<number> = []
  readonly #ends = new Map<number, (result: Effect.Effect<number, DiskError>) => void>()

  constructor(concurrent: number) {
    this.queue = new ReadQueue(concurrent)
  }

  read(number: number): Effect.Effect<number, DiskError> {
    return Effect.callback((resume) => {
      this.began.push(number)
      this.#ends.set(number, resume)
    })
  }

  end(number: number, result: Effect.Effect<number, DiskError> = Effect.succeed(number)): void {
    this.#ends.get(number)?.(result)
  }

  shared(number: number, onEnd: () => void = () => {}): Effect.Effect<QueuedRead<number, DiskError>> {
    return Effect.withFiber((fiber) =>
      Effect.succeed(new QueuedRead(this.queue, this.read(number), fiber.context, onEnd))
    )
  }
}

const start = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkChild(effect, { startImmediately: true })

describe("ReadQueue", () => {
  it.effect("makes so many reads at a time, in the order in which they were asked for", () =>
    Effect.gen(function*() {
      const reads = new Reads(2)
      const fibers = yield* Effect.forEach([0, 1, 2, 3], (i) => start(reads.queue.run(reads.read(i))))
      assert.deepStrictEqual(reads.began, [0, 1])
      reads.end(1)
      assert.deepStrictEqual(reads.began, [0, 1, 2])
      reads.end(0)
      assert.deepStrictEqual(reads.began, [0, 1, 2, 3])
      reads.end(2)
      reads.end(3)
      assert.deepStrictEqual(yield* Effect.forEach(fibers, Fiber.join), [0, 1, 2, 3])
    }))

  it.effect("makes one read for all who want it", () =>
    Effect.gen(function*() {
      const reads = new Reads(2)
      const shared = yield* reads.shared(7)
      const fibers = yield* Effect.forEach([0, 1, 2], () => start(shared.result))
      assert.deepStrictEqual(reads.began, [7])
      reads.end(7)
      assert.deepStrictEqual(yield* Effect.forEach(fibers, Fiber.join), [7, 7, 7])
      assert.strictEqual(yield* shared.result, 7)
    }))

  it.effect("tells all who want a read that it failed, and goes on with the next", () =>
    Effect.gen(function*() {
      const reads = new Reads(1)
      const shared = yield* reads.shared(0)
      const fibers = yield* Effect.forEach([0, 1], () => start(Effect.flip(shared.result)))
      const next = yield* start(reads.queue.run(reads.read(1)))
      reads.end(0, Effect.fail(new DiskError({ operation: "read", path: "file", code: "EIO" })))
      for (const fiber of fibers) assert.strictEqual((yield* Fiber.join(fiber)).code, "EIO")
      reads.end(1)
      assert.strictEqual(yield* Fiber.join(next), 1)
    }))

  it.effect("I14: interrupting one who waits takes nothing from the others", () =>
    Effect.gen(function*() {
      const reads = new Reads(1)
      const shared = yield* reads.shared(3)
      const [first, second] = [yield* start(shared.result), yield* start(shared.result)]
      yield* Fiber.interrupt(first)
      reads.end(3)
      assert.strictEqual(yield* Fiber.join(second), 3)
    }))

  it.effect("I14: interrupting all who wait for a read under way leaves its place to the next", () =>
    Effect.gen(function*() {
      const reads = new Reads(1)
      const first = yield* start(reads.queue.run(reads.read(0)))
      const second = yield* start(reads.queue.run(reads.read(1)))
      yield* Fiber.interrupt(first)
      assert.deepStrictEqual(reads.began, [0])
      reads.end(0)
      assert.deepStrictEqual(reads.began, [0, 1])
      reads.end(1)
      assert.strictEqual(yield* Fiber.join(second), 1)
    }))

  it.effect("does not make a read that everyone gave up before it began", () =>
    Effect.gen(function*() {
      const reads = new Reads(1)
      const first = yield* start(reads.queue.run(reads.read(0)))
      let ended = 0
      const shared = yield* reads.shared(1, () => ended++)
      const waiting = [yield* start(shared.result), yield* start(shared.result)]
      yield* Effect.forEach(waiting, Fiber.interrupt)
      assert.strictEqual(ended, 1)
      reads.end(0)
      assert.strictEqual(yield* Fiber.join(first), 0)
      assert.deepStrictEqual(reads.began, [0])
    }))

  it.effect("makes a read that was given up for one who comes to it later", () =>
    Effect.gen(function*() {
      const reads = new Reads(1)
      const first = yield* start(reads.queue.run(reads.read(0)))
      const shared = yield* reads.shared(1)
      yield* Fiber.interrupt(yield* start(shared.result))
      const late = yield* start(shared.result)
      reads.end(0)
      reads.end(1)
      assert.strictEqual(yield* Fiber.join(late), 1)
      assert.strictEqual(yield* Fiber.join(first), 0)
    }))

  it.effect("makes any number of reads that end at once", () =>
    Effect.gen(function*() {
      const queue = new ReadQueue(1)
      const reads = Array.from({ length: 20_000 }, (_, i) => queue.run(Effect.succeed(i)))
      const sum = (yield* Effect.all(reads, { concurrency: "unbounded" })).reduce((a, b) => a + b, 0)
      assert.strictEqual(sum, 19_999 * 10_000)
    }))

  it.effect("makes any number of waiting reads that end at once when their turn comes", () =>
    Effect.gen(function*() {
      const reads = new Reads(1)
      const first = yield* start(reads.queue.run(reads.read(0)))
      const waiting = yield* Effect.forEach(
        Array.from({ length: 20_000 }, (_, i) => i),
        (i) => start(reads.queue.run(Effect.succeed(i)))
      )
      reads.end(0)
      assert.strictEqual(yield* Fiber.join(first), 0)
      for (const [i, fiber] of waiting.entries()) assert.strictEqual(yield* Fiber.join(fiber), i)
    }))
})
