import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Context, Effect, Layer } from "effect"
import { InvalidArgument, LsmStore } from "../../src/index.ts"
import { NodeLsmStore } from "../../src/node/index.ts"
import { bytes, contentOf, failureOf, freshDirectory, open, text, withStore } from "./storeHelpers.ts"

class Left extends Context.Service<Left, LsmStore["Service"]>()("test/Left") {}
class Right extends Context.Service<Right, LsmStore["Service"]>()("test/Right") {}

describe("layerMemory", () => {
  it.effect("forgets its content with its scope", () =>
    Effect.gen(function*() {
      const layer = LsmStore.layerMemory()
      yield* withStore(layer, (store) => store.put(bytes("a"), bytes("1")))
      assert.deepStrictEqual(yield* withStore(layer, contentOf), [])
    }))

  it.effect("made twice is two stores, also in one program", () =>
    Effect.gen(function*() {
      const left = Layer.effect(Left, LsmStore).pipe(Layer.provide(LsmStore.layerMemory()))
      const right = Layer.effect(Right, LsmStore).pipe(Layer.provide(LsmStore.layerMemory()))
      const both = yield* Layer.build(Layer.merge(left, right))
      yield* Context.get(both, Left).put(bytes("a"), bytes("left"))
      yield* Context.get(both, Right).put(bytes("a"), bytes("right"))
      assert.strictEqual(text(yield* Context.get(both, Left).get(bytes("a"))), "left")
      assert.strictEqual(text(yield* Context.get(both, Right).get(bytes("a"))), "right")
    }))

  it.effect("provided to two services is one store, as any layer is", () =>
    Effect.gen(function*() {
      const memory = LsmStore.layerMemory()
      const both = yield* Layer.build(
        Layer.merge(Layer.effect(Left, LsmStore), Layer.effect(Right, LsmStore)).pipe(Layer.provide(memory))
      )
      yield* Context.get(both, Left).put(bytes("a"), bytes("left"))
      assert.strictEqual(text(yield* Context.get(both, Right).get(bytes("a"))), "left")
    }))

  it.effect("meets every level at once, and keeps them in one order", () =>
    withStore(LsmStore.layerMemory(), (store) =>
      Effect.gen(function*() {
        for (const durability of ["async", "sync", "buffered", "async", "sync"] as const) {
          yield* store.put(bytes("key"), bytes(durability), { durability })
          assert.strictEqual(text(yield* store.get(bytes("key"))), durability)
        }
        assert.strictEqual((yield* store.stats).sequence, 5)
      })))
})

describe("NodeLsmStore.layerConfig", () => {
  const layer = NodeLsmStore.layerConfig({
    directory: Config.String("DIRECTORY"),
    memtableSize: Config.Int("MEMTABLE_SIZE").pipe(Config.withDefault(1024 * 1024)),
    durability: Config.Literals(["sync", "buffered", "async"], "DURABILITY").pipe(Config.withDefault("buffered")),
    syncInterval: Config.Duration("SYNC_INTERVAL").pipe(Config.withDefault(undefined)),
    readOnly: Config.Boolean("READ_ONLY").pipe(Config.withDefault(false))
  })
  const configured = (config: Readonly<Record<string, string>>) =>
    layer.pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(config))))

  it.effect("opens the store that the configuration describes", () =>
    Effect.gen(function*() {
      const DIRECTORY = yield* freshDirectory
      const config = { DIRECTORY, MEMTABLE_SIZE: "65536", DURABILITY: "async", SYNC_INTERVAL: "10 millis" }
      yield* withStore(configured(config), (store) =>
        Effect.gen(function*() {
          yield* store.put(bytes("a"), bytes("1"))
          assert.strictEqual((yield* store.stats).log.syncs, 0)
          yield* store.put(bytes("b"), new Uint8Array(100_000))
          yield* store.put(bytes("c"), new Uint8Array(100_000))
          assert.isAbove((yield* store.stats).rotations, 0)
        }))
      yield* withStore(configured({ DIRECTORY, READ_ONLY: "true" }), (store) =>
        Effect.gen(function*() {
          assert.isTrue((yield* store.stats).readOnly)
          assert.strictEqual(text(yield* store.get(bytes("a"))), "1")
        }))
    }))

  it.effect("takes one Config of all options as well", () =>
    Effect.gen(function*() {
      const directory = yield* freshDirectory
      const whole = NodeLsmStore.layerConfig(Config.succeed({ directory, durability: "async" }))
      assert.deepStrictEqual(yield* withStore(whole, contentOf), [])
    }))

  it.effect("fails with a ConfigError where the configuration is missing or no value of its kind", () =>
    Effect.gen(function*() {
      const directory = yield* freshDirectory
      for (
        const config of [{}, { DIRECTORY: directory, MEMTABLE_SIZE: "much" }, { DIRECTORY: directory, DURABILITY: "x" }]
      ) {
        const error = yield* failureOf(open(configured(config)))
        assert.strictEqual(error._tag, "ConfigError")
        assert.match(error.message, /DIRECTORY|MEMTABLE_SIZE|DURABILITY/)
      }
    }))

  it.effect("fails with InvalidArgument where a value is out of its range", () =>
    Effect.gen(function*() {
      const directory = yield* freshDirectory
      const error = yield* failureOf(open(configured({ DIRECTORY: directory, MEMTABLE_SIZE: "5" })))
      assert.instanceOf(error, InvalidArgument)
      assert.strictEqual(error.argument, "memtableSize")
    }))
})
