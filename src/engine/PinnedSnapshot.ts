/**
 * A pinned sequence, and how a read finds the sequence it reads at (I8).
 */
import { Effect } from "effect"
import type { Scope, Stream } from "effect"
import type { Entry, Snapshot, SnapshotScanOptions } from "../Snapshot.ts"
import { InvalidArgument } from "../StoreError.ts"
import type { ReadError } from "../StoreError.ts"
import type { EngineStateShape } from "./EngineState.ts"
import type { ReadView } from "./ReadView.ts"
import type { Pin } from "./SnapshotRegistry.ts"

/** The reads that a snapshot offers, at a snapshot given. */
export interface SnapshotReads {
  readonly get: (key: Uint8Array, at: Snapshot) => Effect.Effect<Uint8Array | undefined, ReadError>
  readonly getMany: (
    keys: ReadonlyArray<Uint8Array>,
    at: Snapshot
  ) => Effect.Effect<ReadonlyArray<Uint8Array | undefined>, ReadError>
  readonly has: (key: Uint8Array, at: Snapshot) => Effect.Effect<boolean, ReadError>
  readonly scan: (options: SnapshotScanOptions | undefined, at: Snapshot) => Stream.Stream<Entry, ReadError>
}

export class PinnedSnapshot implements Snapshot {
  readonly #pin: Pin
  readonly #engine: EngineStateShape
  readonly #reads: SnapshotReads
  #released = false

  constructor(engine: EngineStateShape, reads: SnapshotReads) {
    this.#engine = engine
    this.#reads = reads
    this.#pin = engine.snapshots.pin(engine.visible, engine.milliseconds(), engine.view.value)
  }

  get sequence(): number {
    return this.#pin.sequence
  }

  /** The view that it keeps, if it was taken during a drop. */
  get keptView(): ReadView | undefined {
    return this.#pin.view
  }

  readonly get = (key: Uint8Array) => this.#reads.get(key, this)
  readonly getMany = (keys: ReadonlyArray<Uint8Array>) => this.#reads.getMany(keys, this)
  readonly has = (key: Uint8Array) => this.#reads.has(key, this)
  readonly scan = (options?: SnapshotScanOptions) => this.#reads.scan(options, this)

  release(): void {
    if (this.#released) return
    this.#released = true
    this.#engine.snapshots.unpin(this.#pin)
  }

  /** True if it is a snapshot that pins its sequence in this store. */
  static isLiveIn(engine: EngineStateShape, value: unknown): value is PinnedSnapshot {
    return typeof value === "object" && value !== null && #released in value && !value.#released
      && value.#engine === engine
  }
}

/** Pins the visible sequence for the scope. */
export const takeSnapshot = (
  engine: EngineStateShape,
  reads: SnapshotReads
): Effect.Effect<PinnedSnapshot, ReadError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.suspend(() => {
      const { closed } = engine.status.value
      return closed === undefined ? Effect.succeed(new PinnedSnapshot(engine, reads)) : Effect.fail(closed)
    }),
    (snapshot) => Effect.sync(() => snapshot.release())
  )

/** The view to read in. REQUIRES a snapshot of which `sequenceOf` gives the sequence. */
export const viewOf = (engine: EngineStateShape, snapshot: Snapshot | undefined): ReadView =>
  snapshot instanceof PinnedSnapshot ? snapshot.keptView ?? engine.view.value : engine.view.value

/** The sequence to read at, or why the snapshot can't be read. */
export const sequenceOf = (engine: EngineStateShape, snapshot: Snapshot | undefined): number | InvalidArgument => {
  if (snapshot === undefined) return engine.visible
  if (PinnedSnapshot.isLiveIn(engine, snapshot)) return snapshot.sequence
  return new InvalidArgument({
    argument: "snapshot",
    reason: "is not a live snapshot of this store; keep the scope open that it was taken in"
  })
}
