/**
 * A store over a simulated disk, small enough that it rotates after a few writes,
 * and a runner whose failures name their seed.
 */
import { Cause, Context, Effect, Exit, Layer, Logger } from "effect"
import type { Scope } from "effect"
import { Disk, LsmStore } from "../../src/index.ts"
import type { StoreOpenError, StoreOptions } from "../../src/index.ts"
import { parseSegmentName } from "../../src/log/SegmentName.ts"
import { simulate, SimulatedDisk } from "../../src/testing/index.ts"
import type { DiskCall, SimulationOptions } from "../../src/testing/index.ts"

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

const encoder = new TextEncoder()
const decoder = new TextDecoder()
export const bytesOf = (value: string): Uint8Array => encoder.encode(value)
export const textOf = (bytes: Uint8Array): string => decoder.decode(bytes)

/** `name`, and as many further bytes as make up `size`. */
export const padded = (name: string, size: number): Uint8Array => bytesOf(`${name}:`.padEnd(size, "."))

/** What was padded. */
export const nameIn = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : textOf(value.subarray(0, value.indexOf(58)))

/** The store's files on the disk, in order. */
export const filesOf = (disk: SimulatedDisk): ReadonlyArray<string> =>
  disk.files().map((path) => path.slice(path.lastIndexOf("/") + 1))

/** The name of the file of the segment with this number. */
export const segmentFile = (disk: SimulatedDisk, number: number): string =>
  filesOf(disk).find((name) => parseSegmentName(name)?.segment === number) ?? ""

export const isSegment = (call: DiskCall): boolean => call.path.endsWith(".seg")
export const isTable = (call: DiskCall): boolean => call.path.endsWith(".sst")
export const isManifest = (call: DiskCall): boolean => call.path.includes("/manifest-")
