/**
 * Whether this store is still the one that may write in its directory (I26).
 *
 * The kernel's lock answers first. It can go, though: the kernel drops it when
 * the process itself opens and closes `LOCK`, and anybody may delete `LOCK`, or
 * move the directory away and put another in its place. The fence holds then.
 *
 * Whoever opens for writing creates `OWNER-g`, g above every generation in the
 * directory, removes the owner files below it, and only then reads the log. How
 * far above is left to chance: two who go on from one copy of a directory each
 * share no file's name from then on. So
 * an owner that finds its own file at its path, after a sync, knows that what it
 * synced is read by whoever comes next. Its looks:
 * - after each sync that a write waits for, before the write is acknowledged
 * - at most 10 ms before a write at another level is acknowledged
 * - before a structural event is appended, and after it is durable
 * - before a file is removed, and after a table is opened again
 *
 * Between a look and what follows it somebody may still take over. What follows
 * then does no harm, by its names: a file made carries this store's generation,
 * and a file removed is one that no manifest names which the newcomer can have
 * read. Only one who puts a copy of the directory in its place within that
 * moment can lose a file by it, and none that was made since the copy.
 *
 * Once lost, a fence stays lost.
 */
import { Effect, Random } from "effect"
import type { Clock, Scope } from "effect"
import type { Claim, Disk } from "../disk/Disk.ts"
import { removeFiles } from "../disk/removeFiles.ts"
import { StoreFenced, UnsupportedFormat } from "../StoreError.ts"
import type { DiskError } from "../StoreError.ts"
import { highestGeneration, largestNumber, ownerName, parseFileName, storeFiles } from "./FileNames.ts"
import type { StoreFile } from "./FileNames.ts"

/** Milliseconds for which a look holds where no sync is waited for. */
export const lookInterval = 10

/**
 * One look of so many lists the directory for a later owner, who may have made its file and not come further. To list a
 * few files takes 10 µs.
 */
const wholeLookEvery = 256

/** A new store's first generation is one of these: two stores at one path, one after the other, share no file's name. */
const lowestFirstGeneration = 1_000_000_000
const highestFirstGeneration = 4_000_000_000

/** A generation is at most so far above the highest one that is there. */
const longestStep = 2 ** 20

/** How often a generation is tried for that others take at the same moment. */
const attempts = 16

export class Fence {
  readonly generation: number
  readonly #directory: string
  readonly #claim: Claim
  readonly #isLater: (name: string) => boolean
  readonly #clock: Clock.Clock
  #lost: StoreFenced | undefined
  #lookedAt = -Infinity
  #sinceWhole = 0

  constructor(directory: string, generation: number, claim: Claim, clock: Clock.Clock) {
    this.#directory = directory
    this.generation = generation
    this.#claim = claim
    this.#isLater = (name) => {
      const file = parseFileName(name)
      return file?._tag === "Owner" && file.generation > generation
    }
    this.#clock = clock
  }

  /** Of the owner file. */
  get path(): string {
    return this.#claim.path
  }

  /** The loss, if a look has found it. */
  get lost(): StoreFenced | undefined {
    return this.#lost
  }

  /** Looks; the loss, or undefined. */
  look(): StoreFenced | undefined {
    this.#sinceWhole = 0
    return this.#lookFor(this.#isLater)
  }

  /**
   * The same after a sync, for one call to the system: a newcomer removes this store's owner file before it reads.
   * One look of several is a whole one.
   */
  lookAfterSync(): StoreFenced | undefined {
    this.#sinceWhole++
    return this.#sinceWhole < wholeLookEvery ? this.#lookFor(undefined) : this.look()
  }

  /** Looks if it has not done so here for 10 ms. */
  lookIfDue(): StoreFenced | undefined {
    if (this.#lost !== undefined) return this.#lost
    const now = this.#now()
    if (now - this.#lookedAt < lookInterval) return undefined
    this.#lookedAt = now
    return this.lookAfterSync()
  }

  /** Fails if the store is not the owner any more. */
  readonly check: Effect.Effect<void, StoreFenced> = Effect.suspend(() => {
    const lost = this.look()
    return lost === undefined ? Effect.void : Effect.fail(lost)
  })

  #lookFor(isRival: ((name: string) => boolean) | undefined): StoreFenced | undefined {
    if (this.#lost === undefined && !this.#claim.isHeld(isRival)) {
      this.#lost = new StoreFenced({ directory: this.#directory })
    }
    return this.#lost
  }

  /** Milliseconds; a clock that is set back must not make a look hold for longer. */
  #now(): number {
    return Number(this.#clock.monotonicTimeNanosUnsafe()) / 1e6
  }
}

/** For who opens tables by their paths: whether the path is still the store's. */
export interface FileWatch {
  /** The loss that is known: no file is opened by its path any more. */
  readonly lost: () => StoreFenced | undefined
  /** Looks whether a file that was opened can be another store's. */
  readonly afterOpening: Effect.Effect<StoreFenced | undefined>
  /** Looks why a file is not there, or not as it was. */
  readonly look: (path: string) => Effect.Effect<StoreFenced | undefined>
}

export const ownersWatch = (fence: Fence): FileWatch => {
  return {
    lost: () => fence.lost,
    afterOpening: Effect.sync(() => fence.lookAfterSync()),
    look: () => Effect.sync(() => fence.look())
  }
}

/**
 * For a store that only reads: what it can't find may have been taken away by
 * another that has opened the directory for writing since, or by one whom the lock
 * has not kept out. `isNamed`: the manifest in force names the file.
 */
export const readersWatch = (
  disk: Disk["Service"],
  directory: string,
  generation: number,
  isNamed: (path: string) => Effect.Effect<boolean>
): FileWatch => ({
  lost: () => undefined,
  afterOpening: Effect.succeed(undefined),
  look: (path) =>
    Effect.flatMap(
      Effect.match(disk.list(directory), {
        onFailure: () => false,
        onSuccess: (names) => highestGeneration(storeFiles(names)) === generation
      }),
      (isSame) =>
        Effect.map(
          isSame ? isNamed(path) : Effect.succeed(false),
          (isDamage) => isDamage ? undefined : new StoreFenced({ directory })
        )
    )
})

const noneLeft = (directory: string, files: ReadonlyMap<string, StoreFile>): UnsupportedFormat => {
  const last = [...files].find(([, file]) => "generation" in file && file.generation >= largestNumber)
  return new UnsupportedFormat({ file: `${directory}/${last?.[0]}`, reason: "no generation is left behind its own" })
}

const claimNext = Effect.fnUntraced(function*(
  disk: Disk["Service"],
  directory: string
): Effect.fn.Return<{ readonly generation: number; readonly claim: Claim }, DiskError | UnsupportedFormat> {
  for (let left = attempts;; left--) {
    const files = storeFiles(yield* disk.list(directory))
    const highest = highestGeneration(files)
    if (highest >= largestNumber) return yield* noneLeft(directory, files)
    const generation = highest < 0
      ? yield* Random.nextIntBetween(lowestFirstGeneration, highestFirstGeneration)
      : Math.min(largestNumber, highest + (yield* Random.nextIntBetween(1, longestStep)))
    const claimed = yield* Effect.result(disk.claim(`${directory}/${ownerName(generation)}`))
    if (claimed._tag === "Success") return { generation, claim: claimed.success }
    if (claimed.failure.code !== "EEXIST" || left === 1) return yield* claimed.failure
  }
})

/**
 * Takes the next generation of a directory: from here on no other store's
 * acknowledgement counts that has not been given yet. The owner file is closed
 * with the scope and stays; a store that does not open takes it away again.
 */
export const takeOwnership = Effect.fnUntraced(function*(
  disk: Disk["Service"],
  directory: string
): Effect.fn.Return<Fence, DiskError | StoreFenced | UnsupportedFormat, Scope.Scope> {
  const clock = yield* Effect.clockWith(Effect.succeed)
  const { claim, generation } = yield* Effect.acquireRelease(
    claimNext(disk, directory),
    (claimed) => claimed.claim.close
  )
  const fence = new Fence(directory, generation, claim, clock)
  const retireOthers = Effect.gen(function*() {
    const files = storeFiles(yield* disk.list(directory))
    // Somebody has come since the generation was chosen: it is not the highest.
    if (highestGeneration(files) > generation) return yield* new StoreFenced({ directory })
    for (const [name, file] of files) {
      if (file._tag !== "Owner" || file.generation >= generation) continue
      yield* fence.check
      yield* Effect.catchIf(disk.remove(`${directory}/${name}`), ({ code }) => code === "ENOENT", () => Effect.void)
    }
    yield* fence.check
  })
  yield* Effect.onError(retireOthers, () => giveUp(disk, fence))
  return fence
})

/** A store that did not open leaves the directory without an owner, unless there is another one by now. */
export const giveUp = (disk: Disk["Service"], fence: Fence): Effect.Effect<void> =>
  Effect.suspend(() => fence.look() === undefined ? removeFiles(disk, [fence.path]) : Effect.void)
