import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit } from "effect"
import { readdirSync } from "node:fs"
import { levelled } from "../../src/compaction/Levelled.ts"
import { LsmStore } from "../../src/index.ts"
import type { EngineOptions } from "../../src/index.ts"
import { NodeLsmStore } from "../../src/node/index.ts"
import { temporaryDirectory } from "../disk/temporaryDirectory.ts"
import {
  bytes,
  contentOf,
  open,
  refuses,
  text,
  unprintable,
  untypedMemory,
  untypedNode,
  withStore
} from "./storeHelpers.ts"

const KiB = 1024
const MiB = 1024 * KiB

interface Range {
  readonly name: string
  readonly from: number
  readonly to: number
}

const ranges: ReadonlyArray<Range> = [
  { name: "memtableSize", from: 64 * KiB, to: 4095 * MiB },
  { name: "maxImmutables", from: 1, to: 1024 },
  { name: "blockSize", from: 512, to: 4 * MiB },
  { name: "blockCacheSize", from: 0, to: Number.MAX_SAFE_INTEGER },
  { name: "filterBitsPerKey", from: 0, to: 32 },
  { name: "maxOpenFiles", from: 8, to: 1_000_000 }
]

const flags = ["createIfMissing", "errorIfExists", "readOnly"]

/** Wrong options one at a time: which argument the error names, and how it describes what is right. */
const wrongOptions: ReadonlyArray<readonly [argument: string, value: unknown, reason: RegExp]> = [
  ...ranges.flatMap(({ from, name, to }) =>
    [from - 1, to + 2, from + 0.5, Number.NaN, Number.POSITIVE_INFINITY, "64", 64n, true, null, {}, ...unprintable].map(
      (value) => [name, value, new RegExp(`must be a whole number from ${from} to ${to}`)] as const
    )
  ),
  ...flags.flatMap((name) =>
    [0, 1, "true", null, {}, ...unprintable].map((value) => [name, value, /must be true or false/] as const)
  ),
  ...["fast", "Sync", "", 1, true, {}, ...unprintable].map((value) =>
    ["durability", value, /must be "sync", "buffered" or "async"/] as const
  ),
  ...["gzip", "LZ4", "", 0, true, {}, [], ["none", "gzip"], Array(8).fill("none"), [["none"]], ...unprintable].map(
    (value) => ["compression", value, /must be "none", "lz4", "zstd" or an array of them/] as const
  ),
  ...[1, 3, -1, "0", "2", true, {}, ...unprintable].map((value) => ["workers", value, /must be 0 or 2/] as const),
  ...["Owner", "world", "", 0o600, 0, true, null, {}, ["all"], ...unprintable].map((value) =>
    ["access", value, /must be "owner", "group" or "all"/] as const
  ),
  ...["levelled", 0, true, {}, () => 1, { name: "none", pick: () => undefined }, ...unprintable].map((value) =>
    ["compaction", value, /must be a compaction strategy, such as Compaction.levelled\(\)/] as const
  ),
  ...["soon", "", -1, 0, 0.5, Number.NaN, "2 hours", Number.POSITIVE_INFINITY, {}, [], ...unprintable].map((value) =>
    ["syncInterval", value, /must be a duration from 1 millisecond to 1 hour/] as const
  ),
  ["memtablesize", 1, /is not an option; the options are directory, memtableSize/],
  ["cacheSize", undefined, /is not an option/]
]

describe("a wrong option", () => {
  for (const argument of new Set(wrongOptions.map(([name]) => name))) {
    it.effect(`${argument} fails the layer with InvalidArgument before anything is written`, () =>
      Effect.gen(function*() {
        const parent = yield* temporaryDirectory
        for (const [name, value, reason] of wrongOptions) {
          if (name !== argument) continue
          const options = { directory: `${parent}/store`, [name]: value }
          yield* refuses(open(untypedNode.layer(options)), name, reason)
        }
        assert.deepStrictEqual(readdirSync(parent), [])
      }))
  }

  it.effect("is refused by the layer in memory too", () =>
    Effect.gen(function*() {
      const shaping = new Set([
        ...ranges.map(({ name }) => name),
        "durability",
        "compression",
        "compaction",
        "workers",
        "syncInterval"
      ])
      for (const [name, value, reason] of wrongOptions) {
        if (shaping.has(name)) yield* refuses(open(untypedMemory.layer({ [name]: value })), name, reason)
      }
    }))

  it.effect("of a directory's name is refused", () =>
    Effect.gen(function*() {
      for (const directory of [undefined, null, "", 5, {}, ["/tmp"], "a\0b", ...unprintable]) {
        yield* refuses(open(untypedNode.layer({ directory })), "directory", /must be a path that is not empty/)
      }
      yield* refuses(
        open(untypedNode.layer({ directory: new URL("file:///tmp") })),
        "directory",
        /must be a path, not a URL/
      )
    }))

  it.effect("is no object: the layer fails, and does not throw", () =>
    Effect.gen(function*() {
      for (const options of [undefined, null, 5, "dir", true]) {
        yield* refuses(open(untypedNode.layer(options)), "options", /must be an object with at least a directory/)
      }
    }))

  it.effect("errorIfExists with readOnly is refused", () =>
    Effect.gen(function*() {
      const parent = yield* temporaryDirectory
      const options = { directory: `${parent}/store`, readOnly: true, errorIfExists: true }
      yield* refuses(open(NodeLsmStore.layer(options)), "errorIfExists", /with readOnly/)
      assert.deepStrictEqual(readdirSync(parent), [])
    }))
})

describe("the options", () => {
  const accepted: ReadonlyArray<EngineOptions> = [
    {},
    ...ranges.filter(({ name }) => name !== "memtableSize").flatMap(({ from, name, to }) => [
      { [name]: from },
      { [name]: to },
      { [name]: undefined }
    ]),
    { memtableSize: 64 * KiB },
    { memtableSize: 64 * KiB + 1 },
    { durability: "sync" },
    { durability: "buffered" },
    { durability: "async" },
    ...(["none", "zstd", ["none"], ["none", "none", "zstd"], Array<"none">(7).fill("none")] as const).map(
      (compression) => ({ compression })
    ),
    { workers: 0 },
    { compaction: levelled() },
    { compaction: levelled({ tableSize: 64 * KiB, level0Tables: 1, baseLevelSize: 64 * KiB, levelRatio: 2 }) },
    { syncInterval: 1 },
    { syncInterval: "1 hour" },
    { syncInterval: Duration.seconds(2) }
  ]

  it.effect("may each have any value of their range", () =>
    Effect.forEach(accepted, (options) =>
      withStore(LsmStore.layerMemory(options), (store) =>
        Effect.gen(function*() {
          for (let i = 0; i < 20; i++) yield* store.put(bytes(`key-${i}`), new Uint8Array(200).fill(i))
          yield* store.flush
          yield* store.compact()
          for (let i = 0; i < 20; i++) assert.strictEqual((yield* store.get(bytes(`key-${i}`)))?.[0], i)
        })), { discard: true }))

  it.effect("I10: may differ at each opening, and the content is the same", () =>
    Effect.gen(function*() {
      const directory = `${yield* temporaryDirectory}/store`
      const expected: Array<string> = []
      for (const [round, options] of accepted.entries()) {
        yield* withStore(NodeLsmStore.layer({ ...options, directory }), (store) =>
          Effect.gen(function*() {
            assert.deepStrictEqual(yield* contentOf(store), expected)
            const key = `key-${String(round).padStart(3, "0")}`
            yield* store.put(bytes(key), bytes(String(round)), { durability: "async" })
            expected.push(`${key}=${round}`)
            if (round % 3 === 0) yield* store.flush
            if (round % 9 === 0) yield* store.compact()
          }))
      }
    }))

  it.effect("are read when the layer is made, and not changed", () =>
    Effect.gen(function*() {
      const directory = `${yield* temporaryDirectory}/store`
      const options = Object.freeze({ directory, memtableSize: 64 * KiB })
      yield* withStore(NodeLsmStore.layer(options), (store) => store.put(bytes("a"), bytes("1")))
      yield* withStore(NodeLsmStore.layer(options), (store) =>
        Effect.gen(function*() {
          assert.strictEqual(text(yield* store.get(bytes("a"))), "1")
        }))
    }))

  it.effect("of durability set the level of writes that name none", () =>
    Effect.gen(function*() {
      const syncsAfterPut = (durability: "sync" | "buffered" | "async") =>
        withStore(LsmStore.layerMemory({ durability }), (store) =>
          Effect.gen(function*() {
            yield* store.put(bytes("a"), bytes("1"))
            return (yield* store.stats).log.syncs
          }))
      assert.strictEqual(yield* syncsAfterPut("sync"), 1)
      assert.strictEqual(yield* syncsAfterPut("buffered"), 0)
      assert.strictEqual(yield* syncsAfterPut("async"), 0)
    }))

  it.effect("createIfMissing off opens only a store that exists", () =>
    Effect.gen(function*() {
      const parent = yield* temporaryDirectory
      const directory = `${parent}/store`
      const layer = NodeLsmStore.layer({ directory, createIfMissing: false })
      yield* refuses(open(layer), "directory", /there is no store at .*; leave createIfMissing on/)
      assert.deepStrictEqual(readdirSync(parent), [])
      yield* refuses(open(NodeLsmStore.layer({ directory: parent, createIfMissing: false })), "directory", /no store/)
      assert.deepStrictEqual(readdirSync(parent), [])
      yield* Effect.scoped(open(NodeLsmStore.layer({ directory })))
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(Effect.scoped(open(layer)))))
    }))

  it.effect("errorIfExists on opens only a new store", () =>
    Effect.gen(function*() {
      const directory = `${yield* temporaryDirectory}/store`
      const layer = NodeLsmStore.layer({ directory, errorIfExists: true })
      yield* withStore(layer, (store) => store.put(bytes("a"), bytes("1")))
      const files = readdirSync(directory).sort()
      yield* refuses(open(layer), "directory", /there is a store at .* already, and errorIfExists is on/)
      assert.deepStrictEqual(readdirSync(directory).sort(), files)
    }))
})
