/**
 * A `Disk` in memory that knows what a power cut would take: which bytes and
 * which directory entries are not on stable storage yet. Made for checks of
 * I4 to I7, I12, I15 and I16: take an image at any call, open a store on it,
 * and compare.
 *
 * A call waits for the disk's `delay`, takes effect in one step, waits again,
 * and returns; it is counted and traced right before it takes effect, or stalls.
 * `readSync` and `isHeld` take effect at once. Images and the methods that tests look with
 * are not calls.
 */
import { type Duration, Effect, Layer } from "effect"
import { Disk } from "../disk/Disk.ts"
import type { AppendFile, AppendOptions, Claim, ReadFile } from "../disk/Disk.ts"
import { LockRegistry } from "../disk/LockRegistry.ts"
import { DiskError, StoreLocked } from "../StoreError.ts"
import { crash } from "./CrashImage.ts"
import type { CrashMode } from "./CrashImage.ts"
import type { DiskCall, DiskRequest } from "./DiskCall.ts"
import { type CallEffect, type DiskCallListener, DiskCalls, diskError } from "./DiskCalls.ts"
import { Errno } from "./Errno.ts"
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
  /**
   * How long a call takes besides, on the clock of the fiber that calls; nothing
   * unless told. What it leaves to chance it draws from the generator, which is
   * the disk's own and comes from its seed. `readSync` takes no time.
   */
  readonly latency?: (request: DiskRequest, random: SeededRandom) => Duration.Input
}

/** A file that a program has open. */
interface Handle {
  readonly path: string
  isClosed: boolean
}

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
  readonly #options: SimulatedDiskOptions
  readonly #random: SeededRandom
  readonly #tree: SimulatedTree
  readonly #calls: DiskCalls
  readonly #handles = new Set<Handle>()
  #locks = new LockRegistry<SimulatedDirectory>()
  #writes: number

  private constructor(options: SimulatedDiskOptions, random: SeededRandom, tree: SimulatedTree, writes: number) {
    const { delay = Effect.yieldNow, latency } = options
    this.#options = options
    this.#random = random
    this.#tree = tree
    this.#writes = writes
    const latencyRandom = new SeededRandom(options.seed ?? 0).fork()
    this.#calls = new DiskCalls(
      (request) =>
        latency === undefined
          ? delay
          : Effect.andThen(delay, Effect.suspend(() => Effect.sleep(latency(request, latencyRandom)))),
      delay
    )
    this.service = this.#makeService()
    this.layer = Layer.succeed(Disk, this.service)
  }

  /** An empty disk. */
  static make(options: SimulatedDiskOptions = {}): SimulatedDisk {
    return new SimulatedDisk(options, new SeededRandom(options.seed ?? 0), new SimulatedTree(), 0)
  }

  /** How many calls were taken up, failed ones included; the next one has this index. */
  get calls(): number {
    return this.#calls.trace.length
  }

  /** All calls so far. */
  get trace(): ReadonlyArray<DiskCall> {
    return this.#calls.trace
  }

  /**
   * The paths of all files that are open, as they were opened, in that order,
   * once for each handle: from when its opening takes effect until its closing
   * has ended. A program that leaves none behind leaks none.
   */
  get openHandles(): ReadonlyArray<string> {
    return Array.from(this.#handles, ({ path }) => path)
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
    return this.#calls.listen(listener)
  }

  /**
   * Makes calls fail, or stall. Of several plans whose turn it is the first strikes.
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
   *
   * const third = disk.fail({ when: (call) => call.operation === "createAppend", nth: 2, code: "EMFILE" })
   * const { createAppend } = disk.service
   * const two = Effect.andThen(createAppend("one"), createAppend("two"))
   * const failed = await Effect.runPromise(Effect.flip(Effect.andThen(two, createAppend("three"))))
   *
   * failed.code // => "EMFILE"
   * failed.path // => "three"
   * third.fired // => 1
   * ```
   */
  fail(plan: FaultPlan): Fault {
    return this.#calls.fail(plan)
  }

  /**
   * From here on no call has any effect: each fails with `ESHUTDOWN`, those
   * under way too, so that a program that was left behind can neither act nor
   * acknowledge, and its scope can still be closed. Images can still be taken.
   */
  powerCut(): void {
    this.#calls.cutPower()
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

  /**
   * From here on nobody has a directory locked, as when the system has dropped a
   * process's locks: who held one goes on, and is not told.
   *
   * @example
   * ```ts
   * import { Effect } from "effect"
   * import { SimulatedDisk } from "effect-lsm/testing"
   *
   * const disk = SimulatedDisk.make()
   * const { lock, makeDirectory } = disk.service
   * const program = Effect.gen(function*() {
   *   yield* makeDirectory("store")
   *   yield* lock("store", "exclusive")
   *   disk.dropLocks()
   *   yield* lock("store", "exclusive")
   * })
   * const exit = await Effect.runPromiseExit(Effect.scoped(program))
   *
   * exit._tag // => "Success"
   * ```
   */
  dropLocks(): void {
    this.#locks = new LockRegistry()
  }

  /** Gives a file or a directory another name, durably, as somebody else does behind a program's back. */
  move(path: string, to: string): void {
    this.#look("rename", path, () => this.#tree.settle(this.#tree.rename(path, to)))
  }

  #image(tree: SimulatedTree): SimulatedDisk {
    return new SimulatedDisk(this.#options, this.#random.fork(), tree, this.#writes)
  }

  #makeService(): Disk["Service"] {
    const tree = this.#tree
    const call = <A>(request: DiskRequest, apply: () => A): Effect.Effect<A, DiskError> =>
      this.#calls.make(request, { apply })
    return {
      createAppend: (path, options) =>
        this.#open({ operation: "createAppend", path }, (handle) => {
          const file = new SimulatedFile()
          tree.link(path, file)
          return this.#appendFile(handle, file, options)
        }),
      claim: (path) =>
        this.#open({ operation: "claim", path }, (handle) => {
          const file = new SimulatedFile()
          tree.link(path, file)
          return this.#claim(handle, file)
        }),
      openRead: (path) =>
        this.#open({ operation: "openRead", path }, (handle) => this.#readFile(handle, tree.file(path))),
      kind: (path) => call({ operation: "kind", path }, () => tree.find(path)?.kind ?? "missing"),
      list: (path) => call({ operation: "list", path }, () => [...tree.directory(path).entries.keys()]),
      makeDirectory: (path) =>
        call({ operation: "makeDirectory", path }, () => void tree.link(path, new SimulatedDirectory())),
      rename: (path, to) => call({ operation: "rename", path, to }, () => void tree.rename(path, to)),
      remove: (path) => call({ operation: "remove", path }, () => tree.unlink(path)),
      syncDirectory: (path) =>
        this.#calls.make({ operation: "syncDirectory", path }, {
          apply: () => tree.sync(tree.directory(path)),
          failPartly: () => tree.failSync(tree.directory(path))
        }),
      checkWritable: (path) => call({ operation: "checkWritable", path }, () => void tree.directory(path)),
      lock: (path, mode) =>
        Effect.acquireRelease(
          Effect.flatMap(
            call({ operation: "lock", path }, () => tree.directory(path)),
            (directory) => {
              const locks = this.#locks
              return locks.acquire(directory, mode)
                ? Effect.succeed({ directory, locks })
                : Effect.fail(new StoreLocked({ directory: path, holder: "this process" }))
            }
          ),
          // Those that it was taken among: once they are dropped another may have it.
          ({ directory, locks }) => Effect.sync(() => locks.release(directory))
        ).pipe(Effect.asVoid)
    }
  }

  /** A call that opens a file; the handle goes again if the call fails after all. */
  #open<A>(request: DiskRequest, apply: (handle: Handle) => A): Effect.Effect<A, DiskError> {
    return Effect.suspend(() => {
      const handle: Handle = { path: request.path, isClosed: false }
      const opened = this.#calls.make(request, {
        apply: () => {
          const file = apply(handle)
          this.#handles.add(handle)
          return file
        }
      })
      return Effect.uninterruptible(Effect.tapError(opened, () => Effect.sync(() => this.#handles.delete(handle))))
    })
  }

  #appendFile(handle: Handle, file: SimulatedFile, options: AppendOptions | undefined): AppendFile {
    const { path } = handle
    const extendBy = options?.extendBy ?? 0
    return {
      path,
      append: (chunks) =>
        Effect.suspend(() => {
          const bytes = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0)
          return this.#use(handle, { operation: "append", path, bytes }, {
            apply: () => file.append(chunks, extendBy, this.#writes++),
            failPartly: (keep) => {
              if (keep === "some") file.append(this.#someOf(chunks, bytes), 0, this.#writes++)
            }
          })
        }),
      sync: this.#use(handle, { operation: "sync", path }, {
        apply: () => file.sync(),
        failPartly: () => file.failSync()
      }),
      close: this.#close(handle)
    }
  }

  #claim(handle: Handle, file: SimulatedFile): Claim {
    const { path } = handle
    return {
      path,
      isHeld: (isRival) => {
        const request: DiskRequest = { operation: "isHeld", path }
        try {
          return this.#calls.makeSync(request, {
            apply: () =>
              this.#tree.find(path) === file && (isRival === undefined || !this.#namesBeside(path).some(isRival))
          })
        } catch {
          return false
        }
      },
      close: this.#close(handle)
    }
  }

  #namesBeside(path: string): ReadonlyArray<string> {
    return [...this.#tree.directory(path.slice(0, path.lastIndexOf("/"))).entries.keys()]
  }

  #readFile(handle: Handle, file: SimulatedFile): ReadFile {
    const { path } = handle
    return {
      path,
      size: file.size,
      read: (offset, bytes) =>
        this.#use(handle, { operation: "read", path, bytes }, { apply: () => file.read(offset, bytes) }),
      readSync: (offset, bytes) => {
        const request: DiskRequest = { operation: "readSync", path, bytes }
        if (handle.isClosed) throw diskError(request, "EBADF")
        return this.#calls.makeSync(request, { apply: () => file.read(offset, bytes) })
      },
      close: this.#close(handle)
    }
  }

  /** A call through a handle: refused once that is closed, but not if it was only closed while the call was under way. */
  #use<A>(handle: Handle, request: DiskRequest, effect: CallEffect<A>): Effect.Effect<A, DiskError> {
    return Effect.suspend(() =>
      handle.isClosed
        ? Effect.fail(diskError(request, "EBADF"))
        : this.#calls.make(request, effect)
    )
  }

  #close(handle: Handle): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (handle.isClosed) return Effect.void
      handle.isClosed = true
      const close = this.#calls.make({ operation: "close", path: handle.path }, { apply: () => {} })
      return Effect.uninterruptible(
        Effect.andThen(Effect.ignore(close), Effect.sync(() => void this.#handles.delete(handle)))
      )
    })
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
