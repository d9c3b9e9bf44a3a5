import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { InvalidArgument, LsmStore, StoreReadOnly, WriteBatch } from "../../src/index.ts"
import type { Entry, ReadError, Snapshot, WriteError } from "../../src/index.ts"
import { interruptAtYield, SeededRandom, SimulatedDisk, StoreHistory } from "../../src/testing/index.ts"
import type { HistoryMark } from "../../src/testing/index.ts"
import { bytesOf, contentOf, contentOn, entriesOf, isSegment, runSeed, seeds, withStore } from "../engine/harness.ts"
import type { Store, TestOptions } from "../engine/harness.ts"

const key = (name: number) => bytesOf(`key/${name % 5}`)
const levels = ["sync", "buffered", "async"] as const

/** A few fibers that write and read the same keys in every way there is. */
const useStore = (store: Store, seed: number) =>
  Effect.gen(function*() {
    const random = new SeededRandom(seed)
    const turn = (fiber: number, at: number) =>
      Effect.scoped(Effect.gen(function*() {
        const value = bytesOf(`${fiber}/${at}`)
        const level = { durability: random.pick(levels) }
        const snapshot = yield* store.snapshot
        yield* store.put(key(at), value, level)
        yield* store.write(WriteBatch.make().put(key(at), value).delete(key(at + 1)).put(key(at + 2), value), level)
        yield* store.get(key(at))
        yield* store.has(key(at + 1))
        yield* store.getMany([key(0), key(1), key(3), key(0)])
        const range = { prefix: bytesOf("key/"), reverse: fiber === 1 }
        yield* Stream.runDrain(Stream.take(store.scan(range), 1 + random.int(5)))
        yield* store.get(key(at), { snapshot })
        yield* snapshot.getMany([key(0), key(1), key(2)])
        yield* Stream.runDrain(store.scan({ ...range, snapshot, limit: random.int(4) }))
        yield* store.delete(key(at + 3), level)
        yield* store.stats
        if (random.bool(0.2)) yield* store.flush
      }))
    const turns = Array.from({ length: 12 }, (_, at) => at)
    yield* Effect.forEach([0, 1, 2], (fiber) => Effect.forEach(turns, (at) => turn(fiber, at), { discard: true }), {
      concurrency: "unbounded",
      discard: true
    })
  })

/** Runs the program against a store that answers as `spoil` says, and gives what the history tells of. */
const brokenBy = (
  spoil: (store: Store) => Partial<Store>,
  use: (store: Store) => Effect.Effect<unknown, ReadError | WriteError>
) => {
  const history = new StoreHistory()
  const program = withStore(
    SimulatedDisk.make(),
    (store) => Effect.orDie(Effect.asVoid(use(history.observe(LsmStore.of({ ...store, ...spoil(store) })))))
  )
  runSeed(program, 1)
  return history.problems().map(({ invariant }) => invariant)
}

/** Puts a few keys, and then does this. */
const afterPuts = (use: (store: Store) => Effect.Effect<unknown, ReadError>) => (store: Store) =>
  Effect.andThen(Effect.forEach([0, 1, 2, 3], (name) => store.put(key(name), bytesOf("value"))), use(store))

const scanAll = afterPuts((store) => Stream.runDrain(store.scan()))

const changed =
  (store: Store, change: (entries: ReadonlyArray<Entry>) => ReadonlyArray<Entry>): Store["scan"] => (options) =>
    Stream.unwrap(Effect.map(Stream.runCollect(store.scan(options)), (entries) => Stream.fromIterable(change(entries))))

describe("A history of a store", () => {
  it.for(seeds(10))("I1, I3, I4, I5, I8: has no problems, nor has what a crash leaves (seed %i)", (seed) => {
    const disk = SimulatedDisk.make({ seed })
    const history = new StoreHistory()
    const taken: Array<
      { readonly image: SimulatedDisk; readonly mark: HistoryMark; readonly end: "power cut" | "kill" }
    > = []
    disk.onCall(({ index }, phase) => {
      if (phase !== "before" || index % 20 !== seed % 20) return
      const mark = history.mark()
      taken.push({ image: disk.crashImage("random"), mark, end: "power cut" }, {
        image: disk.killImage(),
        mark,
        end: "kill"
      })
    })
    runSeed(withStore(disk, (store) => useStore(history.observe(store), seed)), seed)
    assert.deepStrictEqual(history.problems(), [])
    assert.strictEqual(history.givenUp(), 0)
    assert.isAbove(history.figures.acknowledged, 100)
    for (const { end, image, mark } of taken) {
      const content = entriesOf(runSeed(contentOn(image), seed))
      assert.deepStrictEqual(history.problemsAfter(content, mark, end), [])
    }
    const content = entriesOf(runSeed(contentOn(disk), seed))
    assert.deepStrictEqual(history.problemsAfter(content, history.mark(), "close"), [])
    assert.isNotEmpty(history.problemsAfter(content.slice(1), history.mark(), "close"))
  })

  it("I5: knows the store's own level, for writes that name none", () => {
    for (const durability of levels) {
      const disk = SimulatedDisk.make()
      const history = new StoreHistory()
      const options: TestOptions = { durability }
      runSeed(
        withStore(disk, (store) => history.observe(store, { durability }).put(key(0), bytesOf("value")), options),
        0
      )
      const lost = (end: "power cut" | "kill") => history.problemsAfter([], history.mark(), end).length > 0
      assert.deepStrictEqual([lost("power cut"), lost("kill")], [durability === "sync", durability !== "async"])
    }
  })

  it("starts from a content", () => {
    const history = new StoreHistory([[key(0), bytesOf("old")]])
    const program = withStore(SimulatedDisk.make(), (store) =>
      Effect.gen(function*() {
        const observed = history.observe(store)
        yield* observed.get(key(0))
      }))
    runSeed(program, 0)
    assert.deepStrictEqual(history.problems().map(({ invariant }) => invariant), ["I1"])
  })

  it("goes on with the store when it was closed and opened again", () => {
    const disk = SimulatedDisk.make()
    const history = new StoreHistory()
    for (const seed of [1, 2]) runSeed(withStore(disk, (store) => useStore(history.observe(store), seed)), seed)
    assert.deepStrictEqual(history.problems(), [])
  })

  it("takes the last change that a batch makes to a key", () => {
    const history = new StoreHistory()
    const batch = WriteBatch.make().put(key(0), bytesOf("1")).delete(key(1)).put(key(0), bytesOf("2")).put(
      key(1),
      bytesOf("1")
    )
    const program = withStore(SimulatedDisk.make(), (store) => {
      const observed = history.observe(store)
      return Effect.andThen(observed.write(batch), observed.getMany([key(0), key(1)]))
    })
    runSeed(program, 0)
    assert.deepStrictEqual(history.problems(), [])
    assert.isEmpty(history.problemsAfter([[key(0), bytesOf("2")], [key(1), bytesOf("1")]], history.mark(), "close"))
    assert.isNotEmpty(history.problemsAfter([[key(0), bytesOf("1")], [key(1), bytesOf("1")]], history.mark(), "close"))
  })
})

describe("An answer that is wrong", () => {
  it("I1: of get shows", () => {
    const use = (store: Store) =>
      Effect.andThen(afterPuts(() => Effect.void)(store), Effect.andThen(store.delete(key(0)), store.get(key(0))))
    assert.deepStrictEqual(brokenBy(() => ({ get: () => Effect.succeed(bytesOf("value")) }), use), ["I1"])
    assert.deepStrictEqual(brokenBy(() => ({}), use), [])
  })

  it("I1: of has shows", () => {
    const use = afterPuts((store) => store.has(key(0)))
    assert.deepStrictEqual(brokenBy(() => ({ has: () => Effect.succeed(false) }), use), ["I1"])
  })

  it("I3: of getMany shows, also where it gives a key twice", () => {
    const use = afterPuts((store) => store.getMany([key(0), key(1), key(0)]))
    const getMany = (...values: ReadonlyArray<string | undefined>) => () => ({
      getMany: () => Effect.succeed(values.map((value) => value === undefined ? undefined : bytesOf(value)))
    })
    assert.deepStrictEqual(brokenBy(getMany("value", undefined, "value"), use), ["I3"])
    assert.include(brokenBy(getMany("value", "value", undefined), use), "I3")
    assert.deepStrictEqual(brokenBy(getMany("value", "value", "value"), use), [])
  })

  it.each<readonly [string, (entries: ReadonlyArray<Entry>) => ReadonlyArray<Entry>]>([
    ["skips a key", (entries) => entries.toSpliced(1, 1)],
    ["ends early", (entries) => entries.slice(0, -1)],
    ["gives a key twice", (entries) => [...entries.slice(0, 2), ...entries.slice(1)]],
    ["is out of order", (entries) => entries.toReversed()],
    ["gives a key that nobody wrote", (entries) => [...entries, [bytesOf("more"), bytesOf("value")]]],
    ["gives another value", (entries) => entries.map(([name]) => [name, bytesOf("other")])]
  ])("I8: of a scan that %s shows", (_, change) => {
    const broken = brokenBy((store) => ({ scan: changed(store, change) }), scanAll)
    assert.isNotEmpty(broken)
    assert.deepStrictEqual([...new Set(broken)], ["I8"])
  })

  it.each<readonly [string, Parameters<Store["scan"]>[0]]>([
    ["lower bound", { gt: key(1) }],
    ["upper bound", { lte: key(1) }],
    ["prefix", { prefix: key(2) }],
    ["limit", { limit: 2 }],
    ["order", { reverse: true }]
  ])("I8: of a scan that forgets its %s shows", (_, options) => {
    const use = afterPuts((store) => Stream.runDrain(store.scan(options)))
    const broken = brokenBy((store) => ({ scan: () => store.scan() }), use)
    assert.isNotEmpty(broken)
    assert.deepStrictEqual([...new Set(broken)], ["I8"])
    assert.deepStrictEqual(brokenBy(() => ({}), use), [])
  })

  it.each<
    readonly [
      string,
      (store: Store) => Partial<Store>,
      (store: Store, snapshot: Snapshot) => Effect.Effect<unknown, ReadError>
    ]
  >([
    ["by its own reads", (store) => ({
      snapshot: Effect.map(store.snapshot, (snapshot) => ({ ...snapshot, getMany: (keys) => store.getMany(keys) }))
    }), (_, snapshot) => snapshot.getMany([key(0)])],
    [
      "by those of the store",
      (store) => ({ get: (name) => store.get(name) }),
      (store, snapshot) => store.get(key(0), { snapshot })
    ]
  ])("I8: of a snapshot that sees a later write shows, %s", (_, spoil, read) => {
    const use = (store: Store) =>
      Effect.scoped(Effect.gen(function*() {
        yield* store.write(WriteBatch.make().put(key(0), bytesOf("1")))
        const snapshot = yield* store.snapshot
        yield* store.write(WriteBatch.make().put(key(0), bytesOf("2")))
        yield* read(store, snapshot)
      }))
    assert.deepStrictEqual(brokenBy(spoil, use), ["I8"])
    assert.deepStrictEqual(brokenBy(() => ({}), use), [])
  })

  it("I3: of a write whose sequence was given before shows", () => {
    const use = (store: Store) =>
      Effect.forEach([0, 1, 2], (name) => store.write(WriteBatch.make().put(key(name), bytesOf("value"))))
    const repeat = (store: Store) => ({
      write: (batch: WriteBatch) => Effect.as(store.write(batch), { sequence: 7 })
    })
    assert.isNotEmpty(brokenBy(repeat, use))
    assert.deepStrictEqual(brokenBy(() => ({}), use), [])
  })
})

/** Ends one write so, and tells how it was recorded. */
const outcomeOf = (write: (store: Store) => Effect.Effect<unknown, WriteError>, options?: TestOptions) => {
  const history = new StoreHistory()
  const disk = SimulatedDisk.make()
  runSeed(withStore(disk, () => Effect.void), 0)
  runSeed(withStore(disk, (store) => Effect.exit(write(history.observe(store))), options), 0)
  const { acknowledged, failed, refused, unknown } = history.figures
  return { acknowledged, failed, refused, unknown }
}

const no = { acknowledged: 0, failed: 0, refused: 0, unknown: 0 }

describe("The outcome of a write", () => {
  it("is acknowledged when it succeeds", () => {
    const value = bytesOf("value")
    assert.deepStrictEqual(outcomeOf((store) => store.put(key(0), value)), { ...no, acknowledged: 1 })
    assert.deepStrictEqual(outcomeOf((store) => store.delete(key(0))), { ...no, acknowledged: 1 })
    assert.deepStrictEqual(outcomeOf((store) => store.write(WriteBatch.make().put(key(0), value))), {
      ...no,
      acknowledged: 1
    })
  })

  it("is none for an empty batch, and for what is no bytes", () => {
    assert.deepStrictEqual(outcomeOf((store) => store.write(WriteBatch.make())), no)
    const spent = WriteBatch.make().put(key(0), bytesOf("value"))
    assert.deepStrictEqual(outcomeOf((store) => Effect.andThen(store.write(spent), store.write(spent))), {
      ...no,
      acknowledged: 1
    })
  })

  it("is refused for a bad argument, in a store that is closed, and in one that is opened for reading", () => {
    const put = (store: Store) => store.put(new Uint8Array(70_000), bytesOf("value"))
    assert.deepStrictEqual(outcomeOf(put), { ...no, refused: 1 })
    assert.deepStrictEqual(outcomeOf((store) => store.put(key(0), bytesOf("value")), { readOnly: true }), {
      ...no,
      refused: 1
    })
    let closed: Store | undefined
    const history = new StoreHistory()
    runSeed(
      withStore(SimulatedDisk.make(), (store) =>
        Effect.sync(() => {
          closed = history.observe(store)
        })),
      0
    )
    if (closed !== undefined) runSeed(Effect.exit(closed.put(key(0), bytesOf("value"))), 0)
    assert.strictEqual(history.figures.refused, 1)
  })

  it("is failed when the store stops taking writes", () => {
    const disk = SimulatedDisk.make()
    const history = new StoreHistory()
    const program = withStore(disk, (store) => {
      disk.fail({ when: (call) => isSegment(call) && call.operation === "sync" })
      return Effect.exit(history.observe(store).put(key(0), bytesOf("value")))
    })
    runSeed(program, 0)
    assert.strictEqual(history.figures.failed, 1)
  })

  it.each<readonly [string, Effect.Effect<never, WriteError>]>([
    ["an interrupt", Effect.interrupt],
    ["a defect", Effect.die(new Error("a defect"))],
    [
      "an interrupt beside a failure",
      Effect.ensuring(
        Effect.fail(new StoreReadOnly({ cause: "failure", reason: "a failure" })),
        Effect.interrupt
      )
    ],
    [
      "a defect beside a refusal",
      Effect.ensuring(
        Effect.fail(new InvalidArgument({ argument: "key", reason: "is none" })),
        Effect.die(new Error("a defect"))
      )
    ]
  ])("is unknown after %s", (_, end) => {
    const history = new StoreHistory()
    const program = withStore(
      SimulatedDisk.make(),
      (store) => Effect.exit(history.observe(LsmStore.of({ ...store, put: () => end })).put(key(0), bytesOf("value")))
    )
    runSeed(program, 0)
    assert.strictEqual(history.figures.unknown, 1)
  })

  it("is unknown while it is under way", () => {
    const history = new StoreHistory()
    const program = withStore(SimulatedDisk.make(), (store) =>
      Effect.gen(function*() {
        const observed = history.observe(LsmStore.of({ ...store, put: () => Effect.never }))
        const fiber = yield* Effect.forkChild(observed.put(key(0), bytesOf("value")))
        yield* Effect.sleep("1 second")
        assert.strictEqual(history.figures.unknown, 1)
        yield* Fiber.interrupt(fiber)
      }))
    runSeed(program, 0)
  })
})

/** What can be interrupted; each try of a write has a value of its own. */
const operations: {
  readonly [name: string]: (store: Store, turn: number) => Effect.Effect<unknown, ReadError | WriteError>
} = {
  "put": (store, turn) => store.put(key(0), bytesOf(`put ${turn}`)),
  "delete": (store) => store.delete(key(1)),
  "write": (store, turn) => {
    const value = bytesOf(`write ${turn}`)
    return store.write(WriteBatch.make().put(key(0), value).put(key(1), value))
  },
  "get": (store) => store.get(key(0)),
  "getMany": (store) => store.getMany([key(0), key(1)]),
  "scan": (store) => Stream.runCollect(store.scan()),
  "snapshot": (store) => Effect.scoped(Effect.flatMap(store.snapshot, (snapshot) => snapshot.get(key(0)))),
  "sync": (store) => store.sync,
  "flush": (store) => store.flush,
  "stats": (store) => store.stats
}

describe("An interrupt of a call that is recorded", () => {
  for (const [name, operation] of Object.entries(operations)) {
    it.for(seeds(3))(`I14: of ${name} comes through wherever it strikes (seed %i)`, (seed) => {
      const disk = SimulatedDisk.make()
      const history = new StoreHistory()
      const program = withStore(disk, (inner) =>
        Effect.gen(function*() {
          const store = history.observe(inner)
          yield* store.write(WriteBatch.make().put(key(0), bytesOf("first")).put(key(1), bytesOf("first")))
          for (let turn = 0;; turn++) {
            const { struck } = yield* interruptAtYield(operation(store, turn), turn)
            yield* contentOf(store)
            const { log, snapshots } = yield* inner.stats
            assert.deepStrictEqual([log.queuedBytes, snapshots.count], [0, 0])
            if (!struck) return turn
          }
        }))
      assert.isAbove(runSeed(program, seed), 0)
      assert.deepStrictEqual(history.problems(), [])
      const content = entriesOf(runSeed(contentOn(disk), seed))
      assert.deepStrictEqual(history.problemsAfter(content, history.mark(), "close"), [])
    })
  }
})
