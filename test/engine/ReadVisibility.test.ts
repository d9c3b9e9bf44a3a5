import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { smallLevels, smallTiers } from "../../scripts/support/smallStrategies.ts"
import type { Durability, ReadError } from "../../src/index.ts"
import { StoreReadMode } from "../../src/table/ReadPolicy.ts"
import type { ReadMode } from "../../src/table/ReadPolicy.ts"
import { SeededRandom, SimulatedDisk } from "../../src/testing/index.ts"
import { bytesOf, contentOf, nameIn, padded, runSeed, seeds, withStore } from "./harness.ts"
import type { Store } from "./harness.ts"

const levels: ReadonlyArray<Durability> = ["sync", "buffered", "async"]

/** A key whose one writer raises its version with each write; every fifth one deletes it. */
class VersionedKey {
  readonly name: string
  begun = 0
  acknowledged = 0

  constructor(name: string) {
    this.name = name
  }

  static found(version: number): string | undefined {
    return version % 5 === 0 ? undefined : String(version)
  }

  raise(store: Store, random: SeededRandom) {
    return Effect.suspend(() => {
      const version = ++this.begun
      const key = bytesOf(this.name)
      const options = { durability: random.pick(levels) }
      const write = VersionedKey.found(version) === undefined
        ? store.delete(key, options)
        : store.put(key, padded(String(version), 500 + random.int(3_000)), options)
      return Effect.map(write, () => {
        this.acknowledged = version
      })
    })
  }
}

/** Ways to read some keys. */
type Read = (store: Store, keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<string | undefined>, ReadError>

const reads: { readonly [name in "get" | "getMany" | "scan" | "snapshot"]: Read } = {
  get: (store, keys) => Effect.forEach(keys, (key) => Effect.map(store.get(bytesOf(key)), nameIn)),
  getMany: (store, keys) => Effect.map(store.getMany(keys.map(bytesOf)), (values) => values.map(nameIn)),
  scan: (store, keys) => Effect.map(contentOf(store), (content) => keys.map((key) => nameIn(content.get(key)))),
  snapshot: (store, keys) =>
    Effect.scoped(Effect.gen(function*() {
      const snapshot = yield* store.snapshot
      yield* Effect.yieldNow
      return yield* Effect.forEach(keys, (key) => Effect.map(snapshot.get(bytesOf(key)), nameIn))
    }))
}

/** Reads versioned keys over and over; each read is between what was acknowledged before it and what had begun after. */
const watch = (store: Store, read: Read, keys: ReadonlyArray<VersionedKey>, isOver: () => boolean) =>
  Effect.gen(function*() {
    const seen = new Map<VersionedKey, number>()
    const problems: Array<string> = []
    let count = 0
    while (!isOver()) {
      const from = keys.map((key) => Math.max(key.acknowledged, seen.get(key) ?? 0))
      const found = yield* read(store, keys.map(({ name }) => name))
      count++
      keys.forEach((key, at) => {
        const isPossible = Array.from({ length: key.begun - from[at]! + 1 }, (_, i) => from[at]! + i)
          .some((version) => VersionedKey.found(version) === found[at])
        if (!isPossible) problems.push(`${key.name}: ${found[at]}, though ${from[at]} was visible before`)
        seen.set(key, Math.max(from[at]!, Number(found[at] ?? 0)))
      })
      yield* Effect.yieldNow
    }
    assert.isAbove(count, 20)
    return problems
  })

const readersBesideWriters = (read: Read, seed: number) =>
  withStore(
    SimulatedDisk.make(),
    (store) =>
      Effect.gen(function*() {
        const random = new SeededRandom(seed)
        const keys = Array.from({ length: 6 }, (_, at) => new VersionedKey(`key/${at}`))
        let isOver = false
        const readers = yield* Effect.forEach([0, 1], () => Effect.forkChild(watch(store, read, keys, () => isOver)))
        const writers = yield* Effect.forEach(keys, (key) => {
          const own = random.fork()
          return Effect.forkChild(Effect.repeat(key.raise(store, own), { times: 24 }))
        })
        yield* Fiber.joinAll(writers)
        yield* store.flush
        yield* store.compact()
        isOver = true
        const problems = yield* Fiber.joinAll(readers)
        const { flushes, rotations } = yield* store.stats
        assert.isAbove(rotations, 2)
        assert.isAbove(flushes, 2)
        return problems.flat()
      }),
    { blockCacheSize: 0, compaction: seed % 2 === 0 ? smallLevels : smallTiers }
  )

describe("Reads beside rotations, flushes and compactions", () => {
  for (const [name, read] of Object.entries(reads)) {
    for (const mode of ["sync", "async"] satisfies ReadonlyArray<ReadMode>) {
      it.for(seeds(6))(`I1: ${name} sees what was acknowledged, blocks read ${mode} (seed %i)`, (seed) => {
        const program = Effect.provideService(readersBesideWriters(read, seed), StoreReadMode, mode)
        assert.deepStrictEqual(runSeed(program, seed), [])
      })
    }
  }
})
