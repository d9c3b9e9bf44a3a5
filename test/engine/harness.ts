/**
 * What every engine test under simulation needs: a store over a simulated disk,
 * small enough that it rotates after a few writes, and a runner whose failures
 * name their seed.
 */
import { Cause, Context, Effect, Exit, Layer, Logger, Stream } from "effect"
import type { Scope } from "effect"
import { crc32 } from "node:zlib"
import { Disk, LsmStore } from "../../src/index.ts"
import type { Entry, ReadError, StoreOpenError, StoreOptions } from "../../src/index.ts"
import { SeededRandom, simulate, SimulatedDisk } from "../../src/testing/index.ts"
import type { CrashMode, DiskCall, SimulationOptions } from "../../src/testing/index.ts"

export type Store = LsmStore["Service"]

export const directory = "/store"

const smallOptions = { directory, memtableSize: 64 * 1024, maxImmutables: 2, syncInterval: 20 }

export type TestOptions = Partial<StoreOptions>

/** A simulated disk, or something around one. */
export interface TestDisk {
  readonly layer: Layer.Layer<Disk>
}

/** Opens a small store for the scope. */
export const openStore = (
  disk: TestDisk,
  options: TestOptions = {}
): Effect.Effect<Store, StoreOpenError, Scope.Scope> =>
  Effect.map(
    Layer.build(Layer.provide(LsmStore.layer({ ...smallOptions, ...options }), disk.layer)),
    (context) => Context.get(context, LsmStore)
  )

/** Opens a small store, uses it and closes it. */
export const withStore = <A, E>(
  disk: TestDisk,
  use: (store: Store) => Effect.Effect<A, E, Scope.Scope>,
  options?: TestOptions
): Effect.Effect<A, E | StoreOpenError> => Effect.scoped(Effect.flatMap(openStore(disk, options), use))

/** Runs the program under the seed; throws, with the seed, if it fails or leaves fibers behind. */
export const runSeed = <A, E>(
  program: Effect.Effect<A, E>,
  seed: number,
  options: Partial<SimulationOptions> = {}
): A => {
  // The clock moves on when nothing can run: what ends by itself has ended then.
  const settled = Effect.ensuring(program, Effect.sleep("1 second")).pipe(Effect.provide(Logger.layer([])))
  const { exit, fibersLeft } = simulate(settled, { ...options, seed })
  if (Exit.isFailure(exit)) throw new Error(`seed ${seed}: ${Cause.pretty(exit.cause)}`)
  if (fibersLeft.length > 0) throw new Error(`seed ${seed}: fibers were left behind: ${fibersLeft.join(", ")}`)
  return exit.value
}

const effort = Number(process.env["ENGINE_EFFORT"] ?? 1)

/** The first `count` seeds; `ENGINE_EFFORT=10` tries ten times as many. */
export const seeds = (count: number): ReadonlyArray<number> =>
  Array.from({ length: Math.ceil(count * effort) }, (_, seed) => seed)

const encoder = new TextEncoder()
const decoder = new TextDecoder()
export const bytesOf = (value: string): Uint8Array => encoder.encode(value)
export const textOf = (bytes: Uint8Array): string => decoder.decode(bytes)

/** `name`, and as many further bytes as make up `size`. */
export const padded = (name: string, size: number): Uint8Array => bytesOf(`${name}:`.padEnd(size, "."))

/** What was padded. */
export const nameIn = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : textOf(value.subarray(0, value.indexOf(58)))

/** Everything in the store, by key. */
export const contentOf = (store: Store): Effect.Effect<Map<string, Uint8Array>, ReadError> =>
  Effect.map(Stream.runCollect(store.scan()), (entries) => new Map(entries.map(([key, value]) => [textOf(key), value])))

/** Everything in the store on the disk, by key; opens it, and closes it again. */
export const contentOn = (disk: TestDisk, options?: TestOptions) => withStore(disk, contentOf, options)

/** The same as entries. */
export const entriesOf = (content: ReadonlyMap<string, Uint8Array>): ReadonlyArray<Entry> =>
  Array.from(content, ([key, value]) => [bytesOf(key), value])

/** What two stores' contents are compared by: quicker than byte by byte, and shorter to read. */
export const summaryOf = (content: ReadonlyMap<string, Uint8Array>): Map<string, string> =>
  new Map(Array.from(content, ([key, value]) => [key, `${nameIn(value)}, ${value.length} bytes, CRC ${crc32(value)}`]))

export const summaryOn = (disk: TestDisk, options?: TestOptions) => Effect.map(contentOn(disk, options), summaryOf)

/** The store's files on the disk, in order. */
export const filesOf = (disk: SimulatedDisk): ReadonlyArray<string> =>
  disk.files().map((path) => path.slice(path.lastIndexOf("/") + 1))

export const isSegment = (call: DiskCall): boolean => call.path.endsWith(".seg")
export const isTable = (call: DiskCall): boolean => call.path.endsWith(".sst")
export const isManifest = (call: DiskCall): boolean => call.path.includes("/manifest-")

/** Repeats the step until it is over, and tells how often. */
export const repeatUntil = <E>(isOver: () => boolean, step: Effect.Effect<void, E>) =>
  Effect.gen(function*() {
    let count = 0
    for (; !isOver(); count++) {
      yield* step
      yield* Effect.yieldNow
    }
    return count
  })

/** An image together with what the test knew when it was taken. */
export interface Taken<Known> {
  readonly image: SimulatedDisk
  readonly mode: CrashMode | "kill"
  readonly call: DiskCall
  readonly known: Known
}

/** Takes images right before each of the calls that `wanted` picks, from now on. */
export const takeImages = <Known>(
  disk: SimulatedDisk,
  modes: ReadonlyArray<CrashMode | "kill">,
  wanted: (call: DiskCall) => boolean,
  known: () => Known
): ReadonlyArray<Taken<Known>> => {
  const taken: Array<Taken<Known>> = []
  const random = new SeededRandom(0)
  disk.onCall((call, phase) => {
    if (phase !== "before" || !wanted(call)) return
    for (const mode of modes) {
      const image = mode === "kill" ? disk.killImage() : disk.crashImage(mode, random)
      taken.push({ image, mode, call, known: known() })
    }
  })
  return taken
}

/** For messages: which image it was. */
export const describeTaken = ({ call, mode }: Taken<unknown>): string =>
  `"${mode}" before call ${call.index} (${call.operation} ${call.path})`
