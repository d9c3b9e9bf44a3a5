/**
 * A `Disk` in memory that knows what a power cut would take: which bytes and
 * which directory entries are not on stable storage yet. Made for checks of
 * I4 to I7, I12, I15 and I16: take an image at any call, open a store on it,
 * and compare.
 *
 * A call waits for the disk's `delay`, takes effect in one step, waits again,
 * and returns; it is counted and traced when it takes effect. `readSync` takes
 * effect at once. Images and the methods that tests look with are not calls.
 */
import { Effect, Layer } from "effect"
import { Disk } from "../disk/Disk.ts"
import type { AppendFile, AppendOptions, ReadFile } from "../disk/Disk.ts"
import { LockRegistry } from "../disk/LockRegistry.ts"
import { DiskError, StoreLocked } from "../StoreError.ts"
import { crash } from "./CrashImage.ts"
import type { CrashMode } from "./CrashImage.ts"
import type { DiskCall } from "./DiskCall.ts"
import { Errno } from "./Errno.ts"
import { ActiveFault } from "./FaultPlan.ts"
import type { Fault, FaultPlan } from "./FaultPlan.ts"
import { SeededRandom } from "./SeededRandom.ts"
import { SimulatedFile } from "./SimulatedFile.ts"
import { SimulatedDirectory, SimulatedTree } from "./SimulatedTree.ts"

/** How a simulated disk behaves. */
export interface SimulatedDiskOptions {
  /** For what the disk itself leaves to chance: torn appends, and images taken without a generator. 0 unless told. */
  readonly seed?: number
  /**
   * What a call waits for before it takes effect, and again before it returns:
   * `Effect.yieldNow` unless told. `Effect.sleep("1 milli")` makes a slow disk,
   * `Effect.void` one that never leaves the fiber.
   */
  readonly delay?: Effect.Effect<void>
}

/** Told of each call right before it takes effect, and right after. */
export type DiskCallListener = (call: DiskCall, phase: "before" | "after") => void

type DiskRequest = Omit<DiskCall, "index">

/** After a power cut every call fails with this code. */
const NO_POWER = "ESHUTDOWN"

/**
 * A simulated disk, and what a test does to it.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { SimulatedDisk } from "effect-lsm/testing"
 *
 * const disk = SimulatedDisk.make()
 * const bytes = new TextEncoder().encode("hello")
 * await Effect.runPromise(Effect.gen(function*() {
 *   const file = yield* disk.service.createAppend("greeting")
 *   yield* file.append([bytes])
 *   yield* file.sync
 *   yield* disk.service.syncDirectory("/")
 *   yield* file.append([bytes])
 * }))
 *
 * disk.readFile("greeting").length // => 10
 * disk.killImage().readFile("greeting").length // => 10
 * disk.crashImage("synced").readFile("greeting").length // => 5
 * disk.trace.map((call) => call.operation) // => ["createAppend", "append", "sync", "syncDirectory", "append"]
 * ```
 */
export class SimulatedDisk {
  /** The disk as a service. */
  readonly service: Disk["Service"]
  /** The disk as a layer. */
  readonly layer: Layer.Layer<Disk>
  readonly #delay: Effect.Effect<void>
  readonly #random: SeededRandom
  readonly #tree: SimulatedTree
  readonly #trace: Array<DiskCall> = []
  readonly #listeners = new Set<DiskCallListener>()
  readonly #locks = new LockRegistry<SimulatedDirectory>()
  #faults: ReadonlyArray<ActiveFault> = []
  #powerless = false
  #writes: number

  private constructor(delay: Effect.Effect<void>, random: SeededRandom, tree: SimulatedTree, writes: number) {
    this.#delay = delay
    this.#random = random
    this.#tree = tree
    this.#writes = writes
    this.service = this.#makeService()
    this.layer = Layer.succeed(Disk, this.service)
  }

  /** An empty disk. */
  static make(options: SimulatedDiskOptions = {}): SimulatedDisk {
    const random = new SeededRandom(options.seed ?? 0)
    return new SimulatedDisk(options.delay ?? Effect.yieldNow, random, new SimulatedTree(), 0)
  }

  /** How many calls have taken effect, failed ones included; the next one has this index. */
  get calls(): number {
    return this.#trace.length
  }

  /** All calls so far. */
  get trace(): ReadonlyArray<DiskCall> {
    return this.#trace
  }

  /**
   * Tells the listener of every call from now on, until what is returned is
   * called. A listener may take images, plan faults and cut the power: cut
   * before a call, that call has no effect.
   *
   * @example
   * ```ts
   * import { Effect } from "effect"
   * import { SimulatedDisk } from "effect-lsm/testing"
   *
   * const disk = SimulatedDisk.make()
   * let image = disk
   * disk.onCall((call, phase) => {
   *   if (call.index !== 1 || phase !== "before") return
   *   image = disk.crashImage("all")
   *   disk.powerCut()
   * })
   * const { makeDirectory } = disk.service
   * const program = Effect.andThen(makeDirectory("one"), makeDirectory("two"))
   * const exit = await Effect.runPromiseExit(program)
   *
   * exit._tag // => "Failure"
   * await Effect.runPromise(image.service.list("/")) // => ["one"]
   * ```
   */
  onCall(listener: DiskCallListener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /**
   * Makes calls fail. Of several plans that are about a call the first counts.
   *
   * @example
   * ```ts
   * import { Effect } from "effect"
   * import { SimulatedDisk } from "effect-lsm/testing"
   *
   * const disk = SimulatedDisk.make()
   * const full = disk.fail({ when: (call) => call.operation === "createAppend", code: "ENOSPC", times: Infinity })
   * const error = await Effect.runPromise(Effect.flip(disk.service.createAppend("log")))
   * full.heal()
   * await Effect.runPromise(disk.service.createAppend("log"))
   *
   * error.code // => "ENOSPC"
   * disk.files() // => ["log"]
   * ```
   */
  fail(plan: FaultPlan): Fault {
    const fault = new ActiveFault(plan)
    this.#faults = [...this.#faults, fault]
    return fault
  }

  /**
   * From here on no call has any effect: each fails with `ESHUTDOWN`, those
   * under way too, so that a program that was left behind can neither act nor
   * acknowledge, and its scope can still be closed. Images can still be taken.
   */
  powerCut(): void {
    this.#powerless = true
  }

  /**
   * A new disk with what may be found after a power cut at this moment, see
   * {@link CrashMode}. All of it is durable, no directory is locked, and no
   * faults are planned.
   */
  crashImage(mode: CrashMode, random: SeededRandom = this.#random): SimulatedDisk {
    return this.#image(crash(this.#tree, mode, random))
  }

  /**
   * A new disk with what is found after the process was killed at this moment:
   * everything that took effect, and still not on stable storage what was not.
   * No directory is locked, and no faults are planned.
   */
  killImage(): SimulatedDisk {
    return this.#image(this.#tree.copy())
  }

  /** The paths of all files, in order. */
  files(): ReadonlyArray<string> {
    return this.#tree.files()
  }

  /** A copy of what a file holds now. Throws a `DiskError`, as the other methods for tests do. */
  readFile(path: string): Uint8Array {
    return this.#look("read", path, () => {
      const file = this.#tree.file(path)
      return file.read(0, file.size)
    })
  }

  /** Puts durable content into a file, which is made if need be, with its directories: to damage it, for one. */
  writeFile(path: string, bytes: Uint8Array): void {
    this.#look("write", path, () => {
      const parents = path.split("/").slice(0, -1)
      for (let depth = 1; depth <= parents.length; depth++) {
        const parent = parents.slice(0, depth).join("/")
        if (this.#tree.find(parent) === undefined) this.#tree.settle(this.#tree.link(parent, new SimulatedDirectory()))
      }
      if (this.#tree.find(path) === undefined)
        this.#tree.settle(this.#tree.link(path, new SimulatedFile(bytes.slice())))
      else this.#tree.file(path).replace(bytes.slice())
    })
  }

  #image(tree: SimulatedTree): SimulatedDisk {
    return new SimulatedDisk(this.#delay, this.#random.fork(), tree, this.#writes)
  }

  #makeService(): Disk["Service"] {
    const tree = this.#tree
    return {
      createAppend: (path, options) =>
        this.#call({ operation: "createAppend", path }, () => {
          const file = new SimulatedFile()
          tree.link(path, file)
          return this.#appendFile(path, file, options)
        }),
      openRead: (path) => this.#call({ operation: "openRead", path }, () => this.#readFile(path, tree.file(path))),
      kind: (path) => this.#call({ operation: "kind", path }, () => tree.find(path)?.kind ?? "missing"),
      list: (path) => this.#call({ operation: "list", path }, () => [...tree.directory(path).entries.keys()]),
      makeDirectory: (path) =>
        this.#call({ operation: "makeDirectory", path }, () => void tree.link(path, new SimulatedDirectory())),
      rename: (path, to) => this.#call({ operation: "rename", path, to }, () => tree.rename(path, to)),
      remove: (path) => this.#call({ operation: "remove", path }, () => tree.unlink(path)),
      syncDirectory: (path) =>
        this.#call(
          { operation: "syncDirectory", path },
          () => tree.sync(tree.directory(path)),
          () => tree.failSync(tree.directory(path))
        ),
      checkWritable: (path) => this.#call({ operation: "checkWritable", path }, () => void tree.directory(path)),
      lock: (path, mode) =>
        Effect.acquireRelease(
          Effect.flatMap(
            this.#call({ operation: "lock", path }, () => tree.directory(path)),
            (directory) =>
              this.#locks.acquire(directory, mode)
                ? Effect.succeed(directory)
                : Effect.fail(new StoreLocked({ directory: path, holder: "this process" }))
          ),
          (directory) => Effect.sync(() => this.#locks.release(directory))
        ).pipe(Effect.asVoid)
    }
  }

  #appendFile(path: string, file: SimulatedFile, options: AppendOptions | undefined): AppendFile {
    const extendBy = options?.extendBy ?? 0
    const handle = { path, closed: false }
    return {
      path,
      append: (chunks) =>
        Effect.suspend(() => {
          const bytes = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0)
          return this.#use(handle, { operation: "append", path, bytes }, () => {
            file.append(chunks, extendBy, this.#writes++)
          }, (keep) => {
            if (keep === "some") file.append(this.#someOf(chunks, bytes), 0, this.#writes++)
          })
        }),
      sync: this.#use(handle, { operation: "sync", path }, () => file.sync(), () => file.failSync()),
      close: this.#close(handle)
    }
  }

  #readFile(path: string, file: SimulatedFile): ReadFile {
    const handle = { path, closed: false }
    return {
      path,
      size: file.size,
      read: (offset, bytes) => this.#use(handle, { operation: "read", path, bytes }, () => file.read(offset, bytes)),
      readSync: (offset, bytes) => {
        const request: DiskRequest = { operation: "readSync", path, bytes }
        if (handle.closed) throw this.#error(request, "EBADF")
        return this.#perform(request, () => file.read(offset, bytes))
      },
      close: this.#close(handle)
    }
  }

  /** A call through a handle: refused once that is closed, but not if it was only closed while the call was under way. */
  #use<A>(
    handle: { readonly path: string; readonly closed: boolean },
    request: DiskRequest,
    apply: () => A,
    failPartly?: (keep: "none" | "some") => void
  ): Effect.Effect<A, DiskError> {
    return Effect.suspend(() =>
      handle.closed
        ? Effect.fail(this.#error(request, "EBADF"))
        : this.#call(request, apply, failPartly)
    )
  }

  #close(handle: { readonly path: string; closed: boolean }): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (handle.closed) return Effect.void
      handle.closed = true
      return Effect.ignore(this.#call({ operation: "close", path: handle.path }, () => {}))
    })
  }

  #call<A>(
    request: DiskRequest,
    apply: () => A,
    failPartly?: (keep: "none" | "some") => void
  ): Effect.Effect<A, DiskError> {
    const perform = Effect.suspend(() => {
      try {
        return Effect.succeed(this.#perform(request, apply, failPartly))
      } catch (cause) {
        return cause instanceof DiskError ? Effect.fail(cause) : Effect.die(cause)
      }
    })
    return this.#delay.pipe(
      Effect.andThen(Effect.exit(perform)),
      Effect.tap(this.#delay),
      Effect.flatMap((exit) => this.#powerless ? Effect.fail(this.#error(request, NO_POWER)) : exit),
      Effect.uninterruptible
    )
  }

  /** The moment at which a call takes effect. */
  #perform<A>(request: DiskRequest, apply: () => A, failPartly?: (keep: "none" | "some") => void): A {
    if (this.#powerless) throw this.#error(request, NO_POWER)
    const call: DiskCall = { index: this.#trace.length, ...request }
    this.#trace.push(call)
    this.#tell(call, "before")
    if (this.#powerless) throw this.#error(request, NO_POWER)
    const fault = this.#faults.find((each) => each.strikes(call))
    try {
      if (fault === undefined) return apply()
      if (fault.keep === "all") apply()
      else failPartly?.(fault.keep)
      throw new Errno(fault.code)
    } catch (cause) {
      throw cause instanceof Errno ? this.#error(request, cause.code) : cause
    } finally {
      this.#tell(call, "after")
    }
  }

  #tell(call: DiskCall, phase: "before" | "after"): void {
    for (const listener of this.#listeners) listener(call, phase)
  }

  #error(request: DiskRequest, code: string): DiskError {
    const operation = request.operation === "readSync" ? "read" : request.operation
    return new DiskError({ operation, path: request.path, code })
  }

  #look<A>(operation: string, path: string, look: () => A): A {
    try {
      return look()
    } catch (cause) {
      throw cause instanceof Errno ? new DiskError({ operation, path, code: cause.code }) : cause
    }
  }

  /** A proper beginning of the chunks, as one. */
  #someOf(chunks: ReadonlyArray<Uint8Array>, bytes: number): ReadonlyArray<Uint8Array> {
    const whole = new Uint8Array(bytes)
    let filled = 0
    for (const chunk of chunks) {
      whole.set(chunk, filled)
      filled += chunk.byteLength
    }
    return [whole.subarray(0, this.#random.int(bytes))]
  }
}
