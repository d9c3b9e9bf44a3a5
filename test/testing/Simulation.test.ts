import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  Context,
  Deferred,
  Effect,
  Exit,
  Fiber,
  Layer,
  PubSub,
  Queue,
  Random,
  Semaphore,
  Stream,
  TxRef
} from "effect"
import type { Scope } from "effect"
import {
  interruptAtYield,
  runSimulation,
  simulate,
  SimulatedDisk,
  type SimulationOptions,
  SimulationStuck
} from "../../src/testing/index.ts"

const seeds = Array.from({ length: 60 }, (_, seed) => seed)

/** All values that a program comes to. */
const outcomes = <A, E>(effect: Effect.Effect<A, E>, options: Partial<SimulationOptions> = {}): Set<A> => {
  const values = new Set<A>()
  for (const seed of seeds) {
    const exit = runSimulation(effect, { ...options, seed })
    if (Exit.isFailure(exit)) throw new Error(`seed ${seed}: ${Cause.pretty(exit.cause)}`)
    values.add(exit.value)
  }
  return values
}

const stuck = <A, E>(effect: Effect.Effect<A, E>, options: SimulationOptions): SimulationStuck => {
  const exit = runSimulation(effect, options)
  const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  assert.instanceOf(error, SimulationStuck)
  return error
}

/** Each in a fiber of its own, which starts when the scheduler picks it. */
const together = (effects: ReadonlyArray<Effect.Effect<void>>): Effect.Effect<void> =>
  Effect.asVoid(Effect.flatMap(Effect.forEach(effects, (effect) => Effect.forkChild(effect)), Fiber.joinAll))

/** Two fibers that each read a count, then write it back raised by one. */
const unguarded = Effect.gen(function*() {
  let count = 0
  const increment = Effect.gen(function*() {
    const seen = yield* Effect.sync(() => count)
    yield* Effect.sync(() => {
      count = seen + 1
    })
  })
  yield* Effect.all([increment, increment], { concurrency: "unbounded" })
  return count
})

/** A program that uses all there is: fibers, chance, time and the disk. */
const busy = Effect.gen(function*() {
  const disk = SimulatedDisk.make({ delay: Effect.sleep("1 milli") })
  const queue = yield* Queue.bounded<number>(3)
  const log: Array<string> = []
  const writer = yield* Effect.forkChild(Effect.gen(function*() {
    const file = yield* disk.service.createAppend("log")
    for (let turn = 0; turn < 10; turn++) {
      const value = yield* Queue.take(queue)
      yield* file.append([Uint8Array.of(value)])
      log.push(`wrote ${value}`)
    }
    yield* file.sync
  }))
  for (let producer = 0; producer < 2; producer++) {
    yield* Effect.forkChild(Effect.gen(function*() {
      for (let turn = 0; turn < 5; turn++) {
        yield* Effect.sleep(yield* Random.nextIntBetween(1, 4))
        yield* Queue.offer(queue, producer)
        log.push(`offered ${producer}`)
      }
    }))
  }
  yield* Fiber.join(writer)
  return log.join(", ")
})

describe("simulate: determinism", () => {
  it("the same seed gives the same trace and the same result", () => {
    for (const seed of seeds) {
      const one = simulate(busy, { seed, trace: true })
      const other = simulate(busy, { seed, trace: true })
      assert.strictEqual(one.trace.join("\n"), other.trace.join("\n"))
      assert.deepStrictEqual(one, other)
      assert.isAbove(one.trace.length, 50)
    }
  })

  it("the trace does not depend on what ran before in this process", () => {
    const first = simulate(busy, { seed: 4, trace: true })
    for (let other = 0; other < 10; other++) Effect.runSync(unguarded)
    assert.deepStrictEqual(simulate(busy, { seed: 4, trace: true }), first)
  })

  it("different seeds reach different interleavings", () => {
    assert.isAbove(outcomes(busy).size, 30)
    assert.isAbove(new Set(seeds.map((seed) => simulate(busy, { seed }).digest)).size, 50)
  })

  it("a program's Random is decided by the seed", () => {
    const program = Effect.all([Random.nextInt, Random.next, Random.nextIntBetween(0, 1_000_000)])
    assert.deepStrictEqual(runSimulation(program, { seed: 1 }), runSimulation(program, { seed: 1 }))
    assert.notDeepEqual(runSimulation(program, { seed: 1 }), runSimulation(program, { seed: 2 }))
  })

  it("a program's Random does not shift the interleaving", () => {
    const withDraws = (draws: number) =>
      Effect.gen(function*() {
        const random = yield* Random.Random
        for (let draw = 0; draw < draws; draw++) random.nextIntUnsafe()
        return yield* unguarded
      })
    for (const seed of seeds) {
      assert.strictEqual(simulate(withDraws(0), { seed }).digest, simulate(withDraws(7), { seed }).digest)
    }
  })
})

describe("simulate: exploring", () => {
  it("finds an update that is lost between two operations, though nothing yields there", () => {
    assert.deepStrictEqual(outcomes(unguarded), new Set([1, 2]))
  })

  it("finds no lost update where there is none", () => {
    const guarded = Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(1)
      let count = 0
      const increment = Effect.gen(function*() {
        const seen = yield* Effect.sync(() => count)
        yield* Effect.sync(() => {
          count = seen + 1
        })
      })
      yield* Effect.all([increment, increment, increment].map(semaphore.withPermits(1)), { concurrency: "unbounded" })
      return count
    })
    assert.deepStrictEqual(outcomes(guarded), new Set([3]))
  })

  it("starts fibers in every order, and lets one starve for long", () => {
    const program = Effect.gen(function*() {
      const log: Array<string> = []
      const worker = (name: string) =>
        Effect.gen(function*() {
          for (let turn = 0; turn < 4; turn++) {
            log.push(name)
            yield* Effect.yieldNow
          }
        })
      yield* together([worker("a"), worker("b"), worker("c")])
      return log.join("")
    })
    const logs = [...outcomes(program)]
    for (const first of ["a", "b", "c"]) assert.isTrue(logs.some((log) => log.startsWith(first)))
    assert.isTrue(logs.some((log) => log.startsWith("aaaa") || log.startsWith("cccc")))
    assert.isTrue(logs.some((log) => log.startsWith("abc")))
  })

  it("a fiber that only spins does not keep the others from running", () => {
    const program = Effect.gen(function*() {
      let done = false
      yield* Effect.forkChild(Effect.sync(() => {
        done = true
      }))
      yield* Effect.yieldNow.pipe(Effect.repeat({ until: () => done }))
      return done
    })
    for (const order of ["any", "oldest", "newest"] as const) {
      assert.deepStrictEqual(outcomes(program, { order }), new Set([true]))
    }
  })

  it("even a fiber that is made to yield wherever it can be gets on", () => {
    assert.deepStrictEqual(outcomes(Effect.map(busy, (log) => log.length > 0), { yieldChance: 1 }), new Set([true]))
  })
})

describe("simulate: stopping", () => {
  it("reports a deadlock", () => {
    const deadlock = Effect.gen(function*() {
      const one = yield* Semaphore.make(1)
      const other = yield* Semaphore.make(1)
      const both = (first: Semaphore.Semaphore, second: Semaphore.Semaphore) =>
        first.withPermits(1)(Effect.andThen(Effect.yieldNow, second.withPermits(1)(Effect.void)))
      yield* together([both(one, other), both(other, one)])
    })
    const reasons = new Set(seeds.map((seed) => runSimulation(deadlock, { seed })._tag))
    assert.deepStrictEqual(reasons, new Set(["Success", "Failure"]))
    const seed = seeds.find((each) => runSimulation(deadlock, { seed: each })._tag === "Failure") ?? -1
    const error = stuck(deadlock, { seed })
    assert.strictEqual(error.reason, "deadlock")
    assert.strictEqual(error.seed, seed)
    assert.strictEqual(error.fibers.length, 3)
  })

  it("names the spans of the fibers that wait", () => {
    const program = Effect.withSpan(Effect.flatMap(Deferred.make<void>(), Deferred.await), "wait for nobody")
    assert.match(stuck(program, { seed: 1 }).message, /Seed 1 .*0 \(wait for nobody\)/)
  })

  it("takes something real for a deadlock rather than waiting for it", () => {
    assert.strictEqual(stuck(Effect.promise(() => Promise.resolve()), { seed: 1 }).reason, "deadlock")
  })

  it("stops at the bound on steps", () => {
    const error = stuck(Effect.forever(Effect.yieldNow), { seed: 1, maxSteps: 500 })
    assert.deepStrictEqual([error.reason, error.steps], ["steps", 500])
    assert.strictEqual(stuck(Effect.forever(Effect.sleep("1 second")), { seed: 1, maxSteps: 500 }).reason, "steps")
  })

  it("a failure and a defect are the exit, not thrown", () => {
    assert.deepStrictEqual(runSimulation(Effect.fail("no"), { seed: 1 }), Exit.fail("no"))
    const exit = runSimulation(Effect.andThen(Effect.yieldNow, Effect.die("bug")), { seed: 1 })
    assert.deepStrictEqual(exit, Exit.die("bug"))
  })

  it("reports fibers that outlive the program", () => {
    const leaking = Effect.gen(function*() {
      const started = yield* Deferred.make<void>()
      yield* Effect.forkDetach(Effect.andThen(Deferred.succeed(started, undefined), Effect.never))
      yield* Deferred.await(started)
    })
    assert.strictEqual(simulate(leaking, { seed: 1 }).fibersLeft.length, 1)
    assert.deepStrictEqual(simulate(busy, { seed: 1 }).fibersLeft, [])
  })
})

describe("simulate: what programs are made of", () => {
  it("Effect.tx: transactions that conflict are run again, and none is lost", () => {
    const program = Effect.gen(function*() {
      const ref = yield* TxRef.make(0)
      let attempts = 0
      const increment = Effect.tx(Effect.gen(function*() {
        attempts++
        const seen = yield* TxRef.get(ref)
        yield* TxRef.set(ref, seen + 1)
      }))
      yield* Effect.all([increment, increment, increment], { concurrency: "unbounded" })
      return [yield* TxRef.get(ref), attempts > 3] as const
    })
    const results = seeds.map((seed) => runSimulation(program, { seed, yieldChance: 1 / 8 }))
    for (const exit of results) assert.deepStrictEqual(Exit.map(exit, ([count]) => count), Exit.succeed(3))
    assert.isTrue(results.some((exit) => Exit.isSuccess(exit) && exit.value[1]))
  })

  it("Effect.txRetry: waits until what it read changes", () => {
    const program = Effect.gen(function*() {
      const ref = yield* TxRef.make(0)
      const waiting = yield* Effect.forkChild(Effect.tx(Effect.gen(function*() {
        const seen = yield* TxRef.get(ref)
        return seen < 3 ? yield* Effect.txRetry : seen
      })))
      for (let turn = 1; turn <= 3; turn++) {
        yield* TxRef.set(ref, turn)
        yield* Effect.sleep("1 second")
      }
      return yield* Fiber.join(waiting)
    })
    assert.deepStrictEqual(outcomes(program), new Set([3]))
  })

  it("Queue: a bounded queue loses nothing and keeps each producer's order", () => {
    const program = Effect.gen(function*() {
      const queue = yield* Queue.bounded<readonly [string, number]>(2)
      const producer = (name: string) => Effect.forEach([1, 2, 3, 4], (n) => Queue.offer(queue, [name, n] as const))
      const consumer = Effect.forEach(Array.from({ length: 8 }), () => Queue.take(queue))
      const [taken] = yield* Effect.all([consumer, producer("a"), producer("b")], { concurrency: "unbounded" })
      const orderOf = (name: string): string => taken.filter(([from]) => from === name).map(([, n]) => n).join("")
      return `${orderOf("a")} ${orderOf("b")}`
    })
    assert.deepStrictEqual(outcomes(program), new Set(["1234 1234"]))
  })

  it("Effect.callback: resumes when it is called back, and is cancelled when interrupted", () => {
    const program = Effect.gen(function*() {
      let resume: ((result: Effect.Effect<number>) => void) | undefined
      let cancelled = false
      const waiting = yield* Effect.forkChild(
        Effect.callback<number>((callback) => {
          resume = callback
        }),
        { startImmediately: true }
      )
      const interrupted = yield* Effect.forkChild(
        Effect.callback<never>(() =>
          Effect.sync(() => {
            cancelled = true
          })
        ),
        { startImmediately: true }
      )
      yield* Effect.sleep("1 second")
      resume?.(Effect.succeed(42))
      yield* Fiber.interrupt(interrupted)
      return [yield* Fiber.join(waiting), cancelled].join()
    })
    assert.deepStrictEqual(outcomes(program), new Set(["42,true"]))
  })

  it("forkScoped: the fiber ends with its scope; forkChild: with its parent", () => {
    const program = Effect.gen(function*() {
      const ended: Array<string> = []
      const waitAs = (name: string) => Effect.onInterrupt(Effect.never, () => Effect.sync(() => ended.push(name)))
      yield* Effect.scoped(Effect.gen(function*() {
        yield* Effect.forkScoped(waitAs("scoped"))
        yield* Effect.sleep("1 second")
      }))
      const parent = yield* Effect.forkChild(
        Effect.andThen(Effect.forkChild(waitAs("child")), Effect.sleep("1 second"))
      )
      yield* Fiber.join(parent)
      return ended.join()
    })
    assert.deepStrictEqual(outcomes(program), new Set(["scoped,child"]))
  })

  it("Stream and PubSub: every subscriber sees every message, in order", () => {
    const program: Effect.Effect<string> = Effect.scoped(Effect.gen(function*() {
      const hub = yield* PubSub.unbounded<number>()
      const subscribe: Effect.Effect<Effect.Effect<ReadonlyArray<number>>, never, Scope.Scope> = Effect.map(
        PubSub.subscribe(hub),
        (subscription) => Stream.runCollect(Stream.take(Stream.fromSubscription(subscription), 5))
      )
      const readers = [yield* subscribe, yield* subscribe]
      const publish = Stream.range(1, 5).pipe(
        Stream.mapEffect((n) => Effect.as(Effect.yieldNow, n)),
        Stream.runForEach((n) => PubSub.publish(hub, n))
      )
      const [one, other] = yield* Effect.all([...readers, Effect.as(publish, [])], { concurrency: "unbounded" })
      return `${one?.join("")} ${other?.join("")}`
    }))
    assert.deepStrictEqual(outcomes(program), new Set(["12345 12345"]))
  })

  it("layers are built, shared and released", () => {
    class Service extends Context.Service<Service, { readonly queue: Queue.Queue<number> }>()("test/Service") {}
    const program = Effect.gen(function*() {
      const log: Array<string> = []
      const layer = Layer.effect(
        Service,
        Effect.gen(function*() {
          const queue = yield* Queue.unbounded<number>()
          yield* Effect.addFinalizer(() => Effect.sync(() => log.push("released")))
          yield* Effect.forkScoped(Effect.forever(Effect.map(Queue.take(queue), (n) => log.push(`took ${n}`))))
          return { queue }
        })
      )
      yield* Effect.gen(function*() {
        const { queue } = yield* Service
        yield* Queue.offer(queue, 1)
        yield* Effect.sleep("1 second")
      }).pipe(Effect.provide(layer))
      return log.join(", ")
    })
    assert.deepStrictEqual(outcomes(program), new Set(["took 1, released"]))
  })
})

describe("a power cut at every call", () => {
  /** Acknowledges each value once it is in a new file; with a mistake, if `careful` is false. */
  const writeValues = (disk: SimulatedDisk, acknowledged: Array<number>, careful: boolean) =>
    Effect.forEach([1, 2, 3], (value) =>
      Effect.gen(function*() {
        const file = yield* disk.service.createAppend(String(value))
        yield* file.append([Uint8Array.of(value)])
        yield* file.sync
        if (careful) yield* disk.service.syncDirectory("/")
        acknowledged.push(value)
      }), { concurrency: "unbounded" })

  /** Whether some image lacks something that had been acknowledged when the power was cut. */
  const losesSomething = (careful: boolean): boolean =>
    seeds.some((seed) => {
      for (let cut = 0;; cut++) {
        const disk = SimulatedDisk.make({ seed })
        const acknowledged: Array<number> = []
        let image: SimulatedDisk | undefined
        disk.onCall((call, phase) => {
          if (call.index !== cut || phase !== "before") return
          image = disk.crashImage("random")
          disk.powerCut()
        })
        runSimulation(Effect.ignore(writeValues(disk, acknowledged, careful)), { seed })
        if (image === undefined) return false
        const files = image.files()
        if (!acknowledged.every((value) => files.includes(String(value)))) return true
      }
    })

  it("finds the acknowledgement that comes before the directory is synced", () => {
    assert.isTrue(losesSomething(false))
  })

  it("finds nothing where the order is right", () => {
    assert.isFalse(losesSomething(true))
  })
})

describe("interruptAtYield", () => {
  /** A resource that leaks if its user is interrupted between the two steps. */
  const leaky = (open: Set<string>) =>
    Effect.gen(function*() {
      yield* Effect.sync(() => open.add("file"))
      yield* Effect.onExit(Effect.yieldNow, () => Effect.sync(() => open.delete("file")))
    })

  const safe = (open: Set<string>) =>
    Effect.acquireUseRelease(
      Effect.andThen(Effect.sync(() => open.add("file")), Effect.yieldNow),
      () => Effect.yieldNow,
      () => Effect.sync(() => open.delete("file"))
    )

  /** At which points an interruption leaks, and how many there are. */
  const sweep = (victim: (open: Set<string>) => Effect.Effect<unknown>) =>
    Effect.gen(function*() {
      const leaks: Array<number> = []
      let n = 0
      for (;; n++) {
        const open = new Set<string>()
        const { exit, struck } = yield* interruptAtYield(victim(open), n)
        if (open.size > 0) leaks.push(n)
        if (!struck) {
          assert.isTrue(Exit.isSuccess(exit))
          return { leaks: leaks.length, points: n }
        }
      }
    })

  it("finds a point at which an interruption leaks", () => {
    for (const seed of seeds) {
      const exit = runSimulation(sweep(leaky), { seed })
      assert.isTrue(Exit.isSuccess(exit) && exit.value.leaks > 0 && exit.value.points > exit.value.leaks)
    }
  })

  it("finds none where there is none", () => {
    for (const seed of seeds) {
      const exit = runSimulation(sweep(safe), { seed })
      assert.isTrue(Exit.isSuccess(exit) && exit.value.leaks === 0 && exit.value.points > 3)
    }
  })

  it("interrupts before the fiber goes on", () => {
    const program = Effect.gen(function*() {
      const log: Array<number> = []
      const steps = Effect.forEach([0, 1, 2, 3, 4, 5], (step) => Effect.sync(() => log.push(step)))
      const lengths: Array<number> = []
      for (let n = 0; n < 40; n++) {
        log.length = 0
        const { exit, struck } = yield* interruptAtYield(steps, n)
        if (struck) assert.isTrue(Exit.hasInterrupts(exit))
        lengths.push(log.length)
      }
      return lengths
    })
    const exit = runSimulation(program, { seed: 1 })
    assert.isTrue(Exit.isSuccess(exit))
    if (Exit.isFailure(exit)) return
    assert.deepStrictEqual(exit.value, exit.value.toSorted((a, b) => a - b))
    assert.deepStrictEqual(new Set(exit.value), new Set([0, 1, 2, 3, 4, 5, 6]))
  })

  it("leaves an uninterruptible effect whole", () => {
    const program = Effect.gen(function*() {
      const lengths = new Set<number>()
      for (let n = 0; n < 30; n++) {
        const log: Array<number> = []
        yield* interruptAtYield(
          Effect.uninterruptible(Effect.forEach([0, 1, 2], (step) => Effect.sync(() => log.push(step)))),
          n
        )
        lengths.add(log.length)
      }
      return [...lengths].join()
    })
    const found = outcomes(program)
    for (const lengths of found) assert.match(lengths, /^(0,)?3$/)
  })

  it("is a defect outside of a simulation", () => {
    assert.isTrue(Exit.hasDies(Effect.runSyncExit(interruptAtYield(Effect.void, 0))))
  })
})
