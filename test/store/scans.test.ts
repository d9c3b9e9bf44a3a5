import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Scope, Stream } from "effect"
import { LsmStore, WriteBatch } from "../../src/index.ts"
import type { Entry, ScanOptions } from "../../src/index.ts"
import { interruptAtYield, SimulatedDisk } from "../../src/testing/index.ts"
import {
  bytes,
  contentOf,
  detachedBytes,
  lines,
  notBytes,
  onEachStore,
  open,
  refuses,
  runSimulated,
  simulatedLayer,
  text,
  tinyMemtable,
  unprintable,
  untyped
} from "./storeHelpers.ts"
import type { Store } from "./storeHelpers.ts"

type Key = ReadonlyArray<number>

const bytesOf = (key: Key): Uint8Array => Uint8Array.from(key)
const compare = (a: Uint8Array, b: Uint8Array): number => Buffer.compare(a, b)

/** Keys at which bounds and prefixes can go wrong: empty, zeros, 0xff at the end and throughout, prefixes of others. */
const keys: ReadonlyArray<Uint8Array> = [
  [],
  [0x00],
  [0x00, 0x00],
  [0x61],
  [0x61, 0x00],
  [0x61, 0x62],
  [0x61, 0xff],
  [0x61, 0xff, 0x00],
  [0x61, 0xff, 0xff],
  [0x62],
  [0x7f],
  [0x80],
  [0xff],
  [0xff, 0x00],
  [0xff, 0xff],
  [0xff, 0xff, 0xff]
].map(bytesOf)

const bounds: ReadonlyArray<Uint8Array> = [...keys, bytesOf([0x61, 0xfe]), bytesOf([0x60]), bytesOf([0xff, 0xff, 0x01])]

const isWithin = (options: ScanOptions, key: Uint8Array): boolean =>
  (options.gt === undefined || compare(key, options.gt) > 0)
  && (options.gte === undefined || compare(key, options.gte) >= 0)
  && (options.lt === undefined || compare(key, options.lt) < 0)
  && (options.lte === undefined || compare(key, options.lte) <= 0)
  && (options.prefix === undefined || compare(key.subarray(0, options.prefix.length), options.prefix) === 0)

const expected = (present: ReadonlyArray<Uint8Array>, options: ScanOptions): ReadonlyArray<string> => {
  const within = present.filter((key) => isWithin(options, key)).toSorted(compare)
  if (options.reverse === true) within.reverse()
  return within.slice(0, options.limit ?? within.length).map((key) => Buffer.from(key).toString("hex"))
}

const hexKeys = (entries: ReadonlyArray<Entry>) => entries.map(([key]) => Buffer.from(key).toString("hex"))

/** The keys spread over a merged table, a table, and the memtable, with newer versions and tombstones above older ones. */
const spread = (store: Store) =>
  Effect.gen(function*() {
    const gone = bytesOf([0x61, 0x01])
    for (const [i, key] of keys.entries()) if (i % 3 === 0) yield* store.put(key, bytes("old"))
    yield* store.put(gone, bytes("old"))
    yield* store.flush
    for (const [i, key] of keys.entries()) if (i % 2 === 0) yield* store.put(key, bytes("new"))
    yield* store.delete(gone)
    yield* store.flush
    for (const key of keys) yield* store.put(key, key)
    yield* store.put(bytesOf([0x61, 0x02]), bytes("gone"))
    yield* store.delete(bytesOf([0x61, 0x02]))
  })

const checkRanges = (store: Store, ranges: ReadonlyArray<ScanOptions>) =>
  Effect.forEach(ranges, (range) =>
    Effect.gen(function*() {
      for (const reverse of [false, true]) {
        for (const limit of [undefined, 0, 1, 3]) {
          const options = { ...range, reverse, limit }
          const entries = yield* Stream.runCollect(store.scan(options))
          assert.deepStrictEqual(hexKeys(entries), expected(keys, options))
          assert.isTrue(entries.every(([key, value]) => compare(key, value) === 0))
        }
      }
    }), { discard: true })

describe("the range of a scan", () => {
  const lowers = [{}, ...bounds.flatMap((key) => [{ gt: key }, { gte: key }])]
  const uppers = [{}, ...bounds.flatMap((key) => [{ lt: key }, { lte: key }])]

  onEachStore(
    "is between a lower and an upper bound, open or closed, in both directions",
    (store) =>
      Effect.gen(function*() {
        yield* spread(store)
        yield* checkRanges(store, lowers.flatMap((lower) => uppers.map((upper) => Object.assign({}, lower, upper))))
      }),
    { durability: "async" }
  )

  onEachStore("with a prefix holds what begins with it, also with 0xff at its end", (store) =>
    Effect.gen(function*() {
      yield* spread(store)
      const prefixes = bounds.map((prefix) => ({ prefix }))
      yield* checkRanges(store, prefixes)
      yield* checkRanges(store, prefixes.flatMap(({ prefix }) => bounds.slice(0, 12).map((gt) => ({ prefix, gt }))))
      yield* checkRanges(store, prefixes.flatMap(({ prefix }) => bounds.slice(4).map((lte) => ({ prefix, lte }))))
    }), { durability: "async" })

  onEachStore("is narrowed by every bound that is given", (store) =>
    Effect.gen(function*() {
      yield* spread(store)
      const [a, ab, aff, b] = [bytesOf([0x61]), bytesOf([0x61, 0x62]), bytesOf([0x61, 0xff]), bytesOf([0x62])]
      yield* checkRanges(store, [
        { gt: a, gte: a },
        { gt: a, gte: ab },
        { gt: ab, gte: a },
        { lt: b, lte: b },
        { lt: b, lte: aff },
        { lt: aff, lte: b },
        { gt: a, gte: ab, lt: b, lte: aff, prefix: a }
      ])
    }))

  onEachStore("may be empty, or upside down", (store) =>
    Effect.gen(function*() {
      yield* spread(store)
      const [a, b] = [bytesOf([0x61]), bytesOf([0x62])]
      for (
        const range of [{ gt: a, lt: a }, { gte: a, lt: a }, { gt: a, lte: a }, { gte: b, lte: a }, {
          gt: b,
          prefix: a
        }]
      ) {
        for (const reverse of [false, true]) {
          assert.deepStrictEqual(yield* Stream.runCollect(store.scan({ ...range, reverse })), [])
        }
      }
    }))

  onEachStore("is all of the store unless told", (store) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Stream.runCollect(store.scan()), [])
      yield* spread(store)
      for (
        const options of [undefined, {}, { reverse: undefined, limit: undefined, gt: undefined, prefix: undefined }]
      ) {
        assert.deepStrictEqual(hexKeys(yield* Stream.runCollect(store.scan(options))), expected(keys, {}))
      }
    }))

  onEachStore("is refused with InvalidArgument if a part of it is wrong", (store) =>
    Effect.gen(function*() {
      const scan = (options: unknown) => Stream.runCollect(untyped(store).scan(options))
      for (const name of ["gt", "gte", "lt", "lte", "prefix"]) {
        for (const [, wrong] of notBytes) {
          if (wrong !== undefined) yield* refuses(scan({ [name]: wrong }), name, /must be a Uint8Array/)
        }
        yield* refuses(scan({ [name]: new Uint8Array(65_536) }), name, /65536 bytes; at most 65535/)
        yield* refuses(scan({ [name]: detachedBytes() }), name, /transferred/)
      }
      for (const limit of [-1, 1.5, Number.NaN, Number.NEGATIVE_INFINITY, "3", 3n, null, ...unprintable]) {
        yield* refuses(scan({ limit }), "limit", /must be a whole number from 0/)
      }
      for (const reverse of [0, 1, "yes", null, ...unprintable]) {
        yield* refuses(scan({ reverse }), "reverse", /must be true or false/)
      }
      for (const wrong of [null, 5, "all", true]) yield* refuses(scan(wrong), "range", /must be an object/)
      yield* refuses(scan({ start: bytes("a") }), "start", /is not part of a range; use gt, gte, lt, lte, prefix/)
      yield* refuses(scan({ snapshot: {} }), "snapshot", /not a live snapshot/)
      yield* refuses(untyped(store).compact({ gt: "a" }), "gt", /must be a Uint8Array/)
    }))
})

const manyKeys = Array.from({ length: 1_200 }, (_, i) => `key-${String(i).padStart(4, "0")}`)
const putMany = (store: Store, value: string) => {
  const batch = WriteBatch.make()
  for (const key of manyKeys) batch.put(bytes(key), bytes(value))
  return store.write(batch, { durability: "async" })
}

describe("a scan", () => {
  it("I8: is a snapshot as of its first pull, whatever is written, deleted, flushed and compacted then", () => {
    for (let seed = 0; seed < 8; seed++) {
      const program = Effect.gen(function*() {
        const options = { ...tinyMemtable, blockCacheSize: 0 }
        const store = yield* open(simulatedLayer(SimulatedDisk.make({ seed }), options))
        yield* putMany(store, "0")
        if (seed % 2 === 0) yield* store.flush
        const writer = yield* Effect.forkChild(Effect.gen(function*() {
          for (let round = 1; round < 5; round++) {
            yield* putMany(store, String(round))
            yield* Effect.forEach(manyKeys.slice(0, 50), (key) => store.delete(bytes(key)), { concurrency: 10 })
            yield* store.flush
            yield* store.compact()
            yield* putMany(store, String(round))
          }
        }))
        const scanOnce = (reverse: boolean) =>
          Effect.gen(function*() {
            const seen: Array<string> = []
            const values = new Set<string | undefined>()
            yield* Stream.runForEachArray(store.scan({ reverse }), (chunk) => {
              for (const [key, value] of chunk) {
                seen.push(text(key) ?? "")
                values.add(text(value))
              }
              return Effect.yieldNow
            })
            assert.strictEqual(values.size, 1)
            const inOrder = reverse ? seen.toReversed() : seen
            const first = manyKeys.indexOf(inOrder[0] ?? "")
            assert.isAtMost(first, 50)
            assert.deepStrictEqual(inOrder, manyKeys.slice(first))
          })
        while (writer.pollUnsafe() === undefined) {
          yield* Effect.all([scanOnce(false), scanOnce(true)], { concurrency: "unbounded", discard: true })
        }
        yield* Fiber.join(writer)
        assert.strictEqual((yield* store.stats).snapshots.count, 0)
      })
      runSimulated(seed, Effect.scoped(program))
    }
  })

  onEachStore("takes its snapshot at its first pull, not before", (store) =>
    Effect.gen(function*() {
      yield* store.put(bytes("a"), bytes("1"))
      const scan = store.scan()
      yield* store.put(bytes("b"), bytes("1"))
      const pull = yield* Stream.toPull(scan)
      yield* store.put(bytes("c"), bytes("1"))
      assert.deepStrictEqual(lines(yield* pull), ["a=1", "b=1", "c=1"])
      assert.deepStrictEqual(yield* contentOf(store), ["a=1", "b=1", "c=1"])
    }))

  onEachStore("can be run again, and is a new snapshot then", (store) =>
    Effect.gen(function*() {
      const scan = store.scan({ prefix: bytes("k") })
      yield* store.put(bytes("k1"), bytes("1"))
      assert.deepStrictEqual(lines(yield* Stream.runCollect(scan)), ["k1=1"])
      yield* store.put(bytes("k2"), bytes("2"))
      assert.deepStrictEqual(lines(yield* Stream.runCollect(scan)), ["k1=1", "k2=2"])
    }))

  onEachStore(
    "pins its sequence while it runs, and nothing once it has ended in whatever way",
    (store) =>
      Effect.gen(function*() {
        const before = (yield* putMany(store, "1")).sequence
        const pins = Effect.map(store.stats, ({ snapshots }) => snapshots)
        const scan = store.scan()

        yield* Effect.scoped(Effect.gen(function*() {
          const pull = yield* Stream.toPull(scan)
          assert.strictEqual((yield* pins).count, 0)
          yield* pull
          yield* store.put(bytes("later"), bytes("1"))
          assert.strictEqual((yield* pins).count, 1)
          assert.strictEqual((yield* pins).oldest?.sequence, before)
        }))
        assert.strictEqual((yield* pins).count, 0)

        yield* Stream.runDrain(scan)
        assert.strictEqual((yield* pins).count, 0)
        yield* Stream.runDrain(Stream.take(scan, 1))
        assert.strictEqual((yield* pins).count, 0)
        yield* Effect.exit(Stream.runForEach(scan, () => Effect.fail("enough")))
        assert.strictEqual((yield* pins).count, 0)
        yield* Effect.exit(Stream.runForEach(scan, () => Effect.die("enough")))
        assert.strictEqual((yield* pins).count, 0)

        const reached = yield* Deferred.make<void>()
        const stuck = Stream.runForEach(scan, () => Effect.andThen(Deferred.succeed(reached, undefined), Effect.never))
        const fiber = yield* Effect.forkChild(stuck)
        yield* Deferred.await(reached)
        assert.strictEqual((yield* pins).count, 1)
        yield* Fiber.interrupt(fiber)
        assert.strictEqual((yield* pins).count, 0)
        assert.isUndefined((yield* pins).oldest)
      })
  )

  onEachStore(
    "gives its pin back when it is done, though the stream goes on with something else",
    (store) =>
      Effect.gen(function*() {
        yield* putMany(store, "1")
        const counts: Array<number> = []
        const look = Stream.fromEffectDrain(
          Effect.map(store.stats, ({ snapshots }) => void counts.push(snapshots.count))
        )
        yield* Stream.runDrain(Stream.concat(store.scan(), look))
        yield* Stream.runDrain(Stream.concat(Stream.take(store.scan(), 3), look))
        assert.deepStrictEqual(counts, [0, 0])
      })
  )

  onEachStore("of a slow consumer keeps no memtable and no table back", (store) =>
    Effect.gen(function*() {
      yield* putMany(store, "old")
      const scope = yield* Scope.make()
      const pull = yield* Scope.provide(Stream.toPull(store.scan()), scope)
      const seen = lines(yield* pull).slice()
      for (let round = 0; round < 10; round++) {
        yield* putMany(store, String(round))
        yield* store.flush
        yield* store.compact()
      }
      const stats = yield* store.stats
      assert.strictEqual(stats.immutables.count, 0)
      assert.strictEqual(stats.tables.count, 1)
      for (;;) {
        const chunk = yield* Effect.exit(pull)
        if (Exit.isFailure(chunk)) break
        seen.push(...lines(chunk.value))
      }
      assert.deepStrictEqual(seen, manyKeys.map((key) => `${key}=old`))
      yield* Scope.close(scope, Exit.void)
    }), tinyMemtable)

  onEachStore("goes over thousands of tombstones", (store) =>
    Effect.gen(function*() {
      yield* putMany(store, "1")
      for (const round of [0, 1]) {
        const batch = WriteBatch.make()
        for (const key of manyKeys.slice(1, -1)) batch.delete(bytes(key))
        yield* store.write(batch)
        const rest = [`${manyKeys[0]}=1`, `${manyKeys.at(-1)}=1`]
        assert.deepStrictEqual(yield* contentOf(store), rest)
        const backward = yield* Stream.runCollect(store.scan({ reverse: true }))
        assert.deepStrictEqual(lines(backward), rest.toReversed())
        if (round === 0) yield* store.flush
      }
    }), tinyMemtable)

  onEachStore("brings as few entries as a limit allows in one chunk", (store) =>
    Effect.gen(function*() {
      yield* putMany(store, "1")
      const lengths: Array<number> = []
      yield* Stream.runForEachArray(
        store.scan({ limit: 100 }),
        (chunk) => Effect.sync(() => lengths.push(chunk.length))
      )
      assert.deepStrictEqual(lengths, [100])
    }))

  onEachStore("goes on where it was, whatever its caller makes of the keys", (store) =>
    Effect.gen(function*() {
      yield* putMany(store, "1")
      let count = 0
      yield* Stream.runForEachArray(store.scan(), (chunk) =>
        Effect.sync(() => {
          for (const [key] of chunk) key.fill(0)
          count += chunk.length
        }))
      assert.strictEqual(count, manyKeys.length)
    }), tinyMemtable)

  onEachStore("brings values larger than a chunk", (store) =>
    Effect.gen(function*() {
      const sizes = [1, 300_000, 5, 1_100_000, 0, 262_144]
      for (const [i, size] of sizes.entries()) yield* store.put(Uint8Array.of(i), new Uint8Array(size).fill(i))
      for (const step of [Effect.void, store.flush]) {
        yield* step
        const entries = yield* Stream.runCollect(store.scan())
        assert.deepStrictEqual(entries.map(([key, value]) => [key[0], value.length]), sizes.map((size, i) => [i, size]))
        assert.isTrue(entries.every(([key, value]) => value.every((byte) => byte === key[0])))
      }
    }), tinyMemtable)

  it("I14: interrupted at any point leaves no pin", () => {
    const program = Effect.gen(function*() {
      const store = yield* open(simulatedLayer(SimulatedDisk.make(), { blockCacheSize: 0 }))
      yield* putMany(store, "1")
      yield* store.flush
      for (let n = 0;; n++) {
        const { struck } = yield* interruptAtYield(Stream.runDrain(store.scan({ limit: 100 })), n)
        assert.strictEqual((yield* store.stats).snapshots.count, 0)
        if (!struck) return n
      }
    })
    assert.isAbove(runSimulated(1, Effect.scoped(program)), 10)
  })
})

describe("a scan in memory", () => {
  it.effect("fails with the store's error when the store closes under it", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const store = yield* Scope.provide(open(LsmStore.layerMemory()), scope)
      yield* putMany(store, "1")
      const pull = yield* Stream.toPull(store.scan())
      yield* pull
      yield* Scope.close(scope, Exit.void)
      const failure = yield* Effect.flip(pull)
      assert.strictEqual(failure._tag, "StoreClosed")
    }))
})
