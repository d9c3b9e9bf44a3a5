/** Short forms for tests of the public face. */
import { assert, it } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Layer, Stream } from "effect"
import type { Scope } from "effect"
import { DiskError, InvalidArgument, LsmStore, StoreClosed, StoreReadOnly } from "../../src/index.ts"
import type { EngineOptions, Entry, ReadError, StoreOpenError, StoreOptions, WriteError } from "../../src/index.ts"
import { NodeLsmStore } from "../../src/node/index.ts"
import { simulate, SimulatedDisk } from "../../src/testing/index.ts"
import type { SimulationOptions } from "../../src/testing/index.ts"
import { temporaryDirectory } from "../disk/temporaryDirectory.ts"

export type Store = LsmStore["Service"]

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export const bytes = (text: string): Uint8Array<ArrayBuffer> => encoder.encode(text)
export const text = (content: Uint8Array | undefined): string | undefined =>
  content === undefined ? undefined : decoder.decode(content)
export const texts = (contents: ReadonlyArray<Uint8Array | undefined>): ReadonlyArray<string | undefined> =>
  contents.map(text)

/** Entries as `key=value`. */
export const lines = (entries: ReadonlyArray<Entry>): ReadonlyArray<string> =>
  entries.map(([key, value]) => `${text(key)}=${text(value)}`)

/** All that the store holds, as `key=value`. */
export const contentOf = (store: Store) => Effect.map(Stream.runCollect(store.scan()), lines)

/** Opens a store for the scope. */
export const open = <E>(layer: Layer.Layer<LsmStore, E>): Effect.Effect<Store, E, Scope.Scope> =>
  Effect.map(Layer.build(Layer.fresh(layer)), (context) => Context.get(context, LsmStore))

/** Opens a store for as long as `use` takes. */
export const withStore = <E, A, E2, R>(
  layer: Layer.Layer<LsmStore, E>,
  use: (store: Store) => Effect.Effect<A, E2, R>
): Effect.Effect<A, E | E2, Exclude<R, Scope.Scope>> => Effect.scoped(Effect.flatMap(open(layer), use))

/** A path in a directory of its own that does not exist yet. */
export const freshDirectory = Effect.map(temporaryDirectory, (directory) => `${directory}/store`)

export interface Backend {
  readonly name: string
  readonly open: (options?: EngineOptions) => Effect.Effect<Store, StoreOpenError, Scope.Scope>
}

export const backends: ReadonlyArray<Backend> = [
  { name: "in memory", open: (options) => open(LsmStore.layerMemory(options)) },
  {
    name: "on disk",
    open: (options) =>
      Effect.flatMap(freshDirectory, (directory) => open(NodeLsmStore.layer({ ...options, directory })))
  }
]

/** One behaviour, tested on a new store in memory and on a new one on the real disk. */
export const onEachStore = <E>(
  name: string,
  body: (store: Store) => Effect.Effect<void, E, Scope.Scope>,
  options?: EngineOptions
): void => {
  for (const backend of backends) {
    it.effect(`${name} (${backend.name})`, () => Effect.flatMap(backend.open(options), body))
  }
}

/** The smallest memtable: a few hundred records rotate it. */
export const tinyMemtable = { memtableSize: 64 * 1024 } as const

/** A store on a simulated disk. */
export const simulatedLayer = (disk: SimulatedDisk, options?: Partial<StoreOptions>) =>
  LsmStore.layer({ directory: "/store", ...options }).pipe(Layer.provide(disk.layer))

/** Runs a program under a seed and returns what it succeeded with. */
export const runSimulated = <A, E>(
  seed: number,
  program: Effect.Effect<A, E>,
  options?: Omit<SimulationOptions, "seed">
): A => {
  const { exit } = simulate(program, { ...options, seed })
  if (Exit.isSuccess(exit)) return exit.value
  throw new Error(`Seed ${seed}: ${Cause.pretty(exit.cause)}`, { cause: Cause.squash(exit.cause) })
}

/** The typed failure of an effect; success, a defect or an interrupt fail the test. */
export const failureOf = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<E, never, R> =>
  Effect.flatMap(Effect.exit(effect), (exit) => {
    if (Exit.isSuccess(exit)) return Effect.die(new Error("It succeeded where it should fail."))
    const [reason] = exit.cause.reasons
    if (exit.cause.reasons.length !== 1 || reason === undefined || !Cause.isFailReason(reason)) {
      return Effect.die(new Error(`It did not fail in a typed way: ${Cause.pretty(exit.cause)}`))
    }
    return Effect.succeed(reason.error)
  })

/** That an effect fails with `InvalidArgument` about this argument, for this reason. */
export const refuses = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  argument: string,
  reason: RegExp
): Effect.Effect<void, never, R> =>
  Effect.map(failureOf(effect), (error) => {
    assert.instanceOf(error, InvalidArgument)
    assert.strictEqual(error.argument, argument)
    assert.match(error.reason, reason)
    assert.include(error.message, argument)
  })

/** That an effect fails with `StoreClosed`. */
export const isClosed = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<void, never, R> =>
  Effect.map(failureOf(effect), (error) => assert.instanceOf(error, StoreClosed))

/** That an effect fails with `StoreReadOnly` for this cause. */
export const isReadOnly = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  cause: "failure" | "option"
): Effect.Effect<void, never, R> =>
  Effect.map(failureOf(effect), (error) => {
    assert.instanceOf(error, StoreReadOnly)
    assert.strictEqual(error.cause, cause)
  })

export const isDiskError = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  code: string
): Effect.Effect<void, never, R> =>
  Effect.map(failureOf(effect), (error) => {
    assert.instanceOf(error, DiskError)
    assert.strictEqual(error.code, code)
  })

/** The store as a program without types sees it. */
export interface UntypedStore {
  get(key: unknown, options?: unknown): Effect.Effect<unknown, ReadError>
  getMany(keys: unknown, options?: unknown): Effect.Effect<unknown, ReadError>
  has(key: unknown, options?: unknown): Effect.Effect<unknown, ReadError>
  put(key: unknown, value: unknown, options?: unknown): Effect.Effect<unknown, WriteError>
  delete(key: unknown, options?: unknown): Effect.Effect<unknown, WriteError>
  write(batch: unknown, options?: unknown): Effect.Effect<unknown, WriteError>
  scan(options?: unknown): Stream.Stream<Entry, ReadError>
  compact(range?: unknown): Effect.Effect<unknown, WriteError>
}
export const untyped = (store: Store): UntypedStore => store

/** The layers, likewise. */
export interface UntypedLayers {
  layer(options?: unknown): Layer.Layer<LsmStore, StoreOpenError>
}
export const untypedNode: UntypedLayers = NodeLsmStore
export const untypedMemory: UntypedLayers = { layer: LsmStore.layerMemory }

/** Values that are no `Uint8Array`. */
export const notBytes: ReadonlyArray<readonly [name: string, value: unknown]> = [
  ["undefined", undefined],
  ["null", null],
  ["a string", "key"],
  ["a number", 7],
  ["a bigint", 7n],
  ["a symbol", Symbol("key")],
  ["an array", [1, 2, 3]],
  ["an ArrayBuffer", new ArrayBuffer(4)],
  ["a DataView", new DataView(new ArrayBuffer(4))],
  ["a Uint8ClampedArray", new Uint8ClampedArray(4)],
  ["a Uint16Array", new Uint16Array(4)],
  ["an object that pretends", { length: 1, 0: 1, buffer: new ArrayBuffer(1) }],
  ["an object without a prototype", Object.create(null)],
  ["a function", () => new Uint8Array(1)]
]

/** Bytes whose buffer was handed to somebody else. */
export const detachedBytes = (): Uint8Array => {
  const array = bytes("detached")
  transferAway(array)
  return array
}

/** Transfers the buffer behind an array to nobody; throws if the buffer can't be transferred. */
export const transferAway = (content: Uint8Array | undefined): void => {
  const buffer = content?.buffer
  assert.instanceOf(buffer, ArrayBuffer)
  structuredClone(buffer, { transfer: [buffer] })
}

/** Values that can't be put into words. */
export const unprintable: ReadonlyArray<object> = [
  {
    toString: () => {
      throw new Error("no words")
    }
  },
  Object.freeze(Object.setPrototypeOf({}, null))
]
