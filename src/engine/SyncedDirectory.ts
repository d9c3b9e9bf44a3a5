/**
 * Makes entries of the store's directory durable (I6, I7, I12).
 *
 * The actors share the directory, and a sync of it that fails for one of them
 * may have given up the entries of all: a later sync then succeeds without them.
 * So whoever makes a file takes a mark before, and learns from its sync whether
 * one has failed since. Syncs take turns, so that none that was begun before a
 * failure was known succeeds after it.
 */
import { Effect, Semaphore } from "effect"
import type { Disk } from "../disk/Disk.ts"
import type { DiskError } from "../StoreError.ts"

export class SyncedDirectory {
  readonly path: string
  readonly #disk: Disk["Service"]
  readonly #turn = Semaphore.makeUnsafe(1)
  #failures = 0
  #lastFailure: DiskError | undefined

  constructor(disk: Disk["Service"], path: string) {
    this.#disk = disk
    this.path = path
  }

  /** To be taken before the files are made that are to be synced. */
  get mark(): number {
    return this.#failures
  }

  /**
   * Makes durable what was made in the directory since the mark was taken. False
   * if a sync for somebody else has failed since: what was made is to be made anew.
   */
  trySync(mark: number): Effect.Effect<boolean, DiskError> {
    return this.#turn.withPermit(Effect.suspend(() => {
      if (this.#failures > mark) return Effect.succeed(false)
      return Effect.as(
        Effect.tapError(this.#disk.syncDirectory(this.path), (error) =>
          Effect.sync(() => {
            this.#failures++
            this.#lastFailure = error
          })),
        true
      )
    }))
  }

  /** The same for one who can't make it anew: then it fails as the other sync has. */
  sync(mark: number): Effect.Effect<void, DiskError> {
    return Effect.flatMap(
      this.trySync(mark),
      (isDurable) => isDurable || this.#lastFailure === undefined ? Effect.void : Effect.fail(this.#lastFailure)
    )
  }
}
