/**
 * Scans: a snapshot taken at the first pull, delivered in chunks (I8, I9).
 *
 * A scan pins its sequence for its life and takes the view anew for each chunk,
 * so that a slow consumer never holds memtables. A chunk that needs no disk is
 * made in one stretch; otherwise the view is retained while the chunk waits.
 */
import { Array as Arr, Cause, Channel, Effect, Scope, Stream } from "effect"
import type { Pull } from "effect"
import { MemtableSource } from "../memtable/MemtableSource.ts"
import { copyRange, noBytes } from "../record/Bytes.ts"
import { BatchPool } from "../record/EntryBatch.ts"
import type { EntryBatch, EntryRange } from "../record/EntryBatch.ts"
import { RecordKind } from "../record/RecordKind.ts"
import { MoveStatus } from "../record/VersionIterator.ts"
import type { Entry, ScanOptions, Snapshot } from "../Snapshot.ts"
import type { ReadError } from "../StoreError.ts"
import { EntryMerge } from "../table/EntryMerge.ts"
import { ReadAhead } from "../table/ReadAhead.ts"
import { readFailure } from "../table/ReadFailure.ts"
import { RunSource } from "../table/RunSource.ts"
import type { EngineStateShape } from "./EngineState.ts"
import { EntryCopier } from "./EntryCopier.ts"
import type { Memtable } from "./Memtable.ts"
import { PinnedSnapshot, sequenceOf } from "./PinnedSnapshot.ts"
import { readRefusal } from "./PointReads.ts"
import type { ReadView } from "./ReadView.ts"
import { scanRange } from "./ScanRange.ts"
import type { ScanRange } from "./ScanRange.ts"
import type { Pin } from "./SnapshotRegistry.ts"
import type { TableTree } from "./TableTree.ts"
import { ValueSlab } from "./ValueSlab.ts"

/** Entries of the first chunk, if the limit does not say how many are wanted; each further one has twice as many. */
const firstChunk = 32
const largestChunk = 256
/** A chunk ends after so many bytes. */
const chunkBytes = 256 * 1024
/** Keys looked at without a yield, deleted ones included. */
const keysPerSlice = 1024
/** Keys, or KiB, gathered in one turn on the event loop: about half a millisecond. */
const workPerTurn = 512

type Chunk = Arr.NonEmptyReadonlyArray<Entry>

/** A scan between two chunks. */
class Scan {
  readonly #engine: EngineStateShape
  readonly #range: ScanRange
  readonly #copier: EntryCopier
  readonly #batches: BatchPool
  readonly #snapshot: Snapshot | undefined
  #pin: Pin | undefined
  readonly #scope: Scope.Scope
  /** Pinned from the first pull until the scope is closed; -1 before. */
  #sequence = -1
  #isEnded = false
  /** What the sources of one chunk have read ahead for those of the next. */
  readonly #ahead = new ReadAhead()
  /** The last key looked at, which the scan goes on behind; its bytes are the scan's own. */
  #positionBuffer = noBytes
  #positionLength = -1
  /** What becomes the position once the chunk at hand is delivered: the last entry's key, or one looked at behind it. */
  #lastKey: Uint8Array | undefined
  #lookedBuffer = noBytes
  #lookedLength = -1
  #left: number
  #chunk: number
  /** Keys, or KiB, gathered since the scan last let others run: a consumer that never waits must not hold the event loop. */
  #unyielded = 0
  #isDone: boolean
  /** The tables that the last chunk was read from, and where they were left. */
  #tables: TableTree | undefined
  #tableSources: Array<RunSource> = []
  #memtableSources: Array<MemtableSource> = []
  /** A chunk waits for the disk, and uses its sources again. */
  #isWaiting = false

  constructor(
    engine: EngineStateShape,
    range: ScanRange,
    snapshot: Snapshot | undefined,
    slab: ValueSlab,
    batches: BatchPool,
    scope: Scope.Scope
  ) {
    this.#engine = engine
    this.#range = range
    this.#snapshot = snapshot
    this.#scope = scope
    this.#copier = new EntryCopier(slab)
    this.#batches = batches
    this.#left = range.limit
    this.#chunk = range.limit <= largestChunk ? range.limit : firstChunk
    this.#isDone = range.limit === 0
  }

  /**
   * The sources of a view, from where the scan begins or goes on. Those of tables stay where the last chunk left them
   * while the view has the same ones. Memtables are not held between chunks.
   */
  #merge({ active, immutables, tables }: ReadView): EntryMerge {
    this.#engine.counters.chunks++
    this.#forgetMemtables()
    const { lower, reverse, upper } = this.#range
    const sequence = this.#sequence
    const range: EntryRange = { start: this.#start(reverse ? upper : lower), reverse, sequence }
    if (tables !== this.#tables) {
      this.#forgetTables()
      this.#ahead.renew()
      this.#tables = tables
      for (const run of tables.sources) {
        this.#tableSources.push(new RunSource(run, range, this.#batches.take(reverse), this.#ahead))
      }
    }
    const memtables = this.#memtableSources
    const addMemtable = (memtable: Memtable): void => {
      // What comes into an empty memtable from now on is behind the scan's sequence.
      if (memtable.index.isEmpty) return
      memtables.push(new MemtableSource(memtable.index.cursor(), range, this.#batches.take(reverse)))
    }
    addMemtable(active)
    for (const memtable of immutables) addMemtable(memtable)
    const sources = memtables.length === 0 ? this.#tableSources : [...memtables, ...this.#tableSources]
    return new EntryMerge(sources, reverse ? lower : upper, reverse)
  }

  #forgetMemtables(): void {
    if (this.#memtableSources.length === 0) return
    for (const { batch } of this.#memtableSources) this.#batches.give(batch)
    this.#memtableSources = []
  }

  #forgetSources(): void {
    this.#forgetMemtables()
    this.#forgetTables()
  }

  #forgetTables(): void {
    for (const { batch } of this.#tableSources) this.#batches.give(batch)
    this.#tableSources = []
    this.#tables = undefined
  }

  /** Where the scan goes on or begins; undefined at an end of the store. */
  #start(bound: ScanRange["lower"]): EntryRange["start"] {
    return this.#positionLength < 0
      ? bound
      : { key: this.#positionBuffer.subarray(0, this.#positionLength), inclusive: false }
  }

  /** What has been gathered for the chunk at hand. */
  #entries: Array<Entry> = []
  #looked = 0

  /** Gathers the entries in front until the chunk or the slice is full, the range ends, or a block is lacking. */
  #gather(merge: EntryMerge): MoveStatus {
    const entries = this.#entries
    const copier = this.#copier
    for (;;) {
      const wanted = Math.min(this.#chunk, this.#left) - entries.length
      if (wanted <= 0 || this.#looked >= keysPerSlice || copier.bytes >= chunkBytes) return MoveStatus.ready
      if (merge.advance(wanted) === MoveStatus.needsLoad) return MoveStatus.needsLoad
      const length = merge.front(Math.min(wanted, keysPerSlice - this.#looked))
      if (length === 0) {
        this.#isDone = true
        return MoveStatus.ready
      }
      const { batch } = merge
      const passed = copier.copy(batch, length, entries, chunkBytes)
      this.#looked += passed
      this.#keepPlace(batch, batch.at + (passed - 1) * batch.step)
      this.#isDone = entries.length === this.#left
      merge.pass(passed)
    }
  }

  /** Keeps which entry was looked at last. */
  #keepPlace({ keyLengths, keyOffsets, keys, kinds }: EntryBatch, at: number): void {
    if (kinds[at] === RecordKind.put) {
      this.#lastKey = this.#entries[this.#entries.length - 1]![0]
    } else {
      this.#lastKey = undefined
      this.#keepLooked(keys, keyOffsets[at]!, keyLengths[at]!)
    }
  }

  #keepLooked(buffer: Uint8Array, offset: number, length: number): void {
    if (length > this.#lookedBuffer.length) this.#lookedBuffer = new Uint8Array(Math.max(64, length * 2))
    copyRange(buffer, offset, this.#lookedBuffer, 0, length)
    this.#lookedLength = length
  }

  /** The scan goes on behind what was looked at last. */
  #keepPosition(): void {
    const last = this.#lastKey
    if (last !== undefined) this.#keepLooked(last, 0, last.length)
    this.#lastKey = undefined
    if (this.#lookedLength < 0) return
    const before = this.#positionBuffer
    this.#positionBuffer = this.#lookedBuffer
    this.#positionLength = this.#lookedLength
    this.#lookedBuffer = before
    this.#lookedLength = -1
  }

  /** Waits for what sources lack, unless entries are at hand already. */
  #gatherSlowly(merge: EntryMerge): Effect.Effect<void, ReadError> {
    return Effect.gen({ self: this }, function*() {
      while (this.#gather(merge) === MoveStatus.needsLoad && this.#entries.length === 0) yield* merge.load
    })
  }

  /** Gathers without waiting; false if not even one step could be taken. */
  #gatherNow(): boolean {
    return this.#gather(this.#merge(this.#view())) === MoveStatus.ready || this.#looked > 0
  }

  #view(): ReadView {
    return this.#pin?.view ?? this.#engine.view.value
  }

  /** The next entries, or the end. */
  readonly pull: Effect.Effect<Chunk, ReadError | Cause.Done> = Effect.suspend(() => {
    const refusal = readRefusal(this.#engine)
    if (refusal !== undefined) return Effect.fail(refusal)
    if (this.#sequence < 0) return this.#begin
    if (this.#isDone) return Cause.done()
    if (this.#unyielded < workPerTurn) return this.#pullNow()
    this.#unyielded = 0
    return Effect.flatMap(Effect.yieldNow, () => this.pull)
  })

  /** Pins the sequence to read at; what unpins it is registered first, so that no interrupt comes between the two. */
  readonly #begin: Effect.Effect<Chunk, ReadError | Cause.Done> = Effect.suspend(() =>
    Effect.flatMap(
      Scope.addFinalizer(this.#scope, Effect.sync(() => this.#end())),
      () => {
        if (this.#isEnded) return Cause.done()
        const engine = this.#engine
        const sequence = sequenceOf(engine, this.#snapshot)
        if (typeof sequence !== "number") return Effect.fail(sequence)
        this.#pin = engine.snapshots.pin(
          sequence,
          engine.milliseconds(),
          engine.view.value,
          PinnedSnapshot.isLiveIn(engine, this.#snapshot) ? this.#snapshot.keptView : undefined
        )
        this.#sequence = sequence
        return this.pull
      }
    )
  )

  #end(): void {
    this.#isEnded = true
    this.#isDone = true
    if (!this.#isWaiting) this.#forgetSources()
    if (this.#pin !== undefined) this.#engine.snapshots.unpin(this.#pin)
  }

  #pullNow(): Effect.Effect<Chunk, ReadError | Cause.Done> {
    // The last chunk waited for the disk, had what it needed, and was interrupted before it was delivered.
    if (this.#isWaiting) this.#giveUp()
    this.#entries = []
    this.#copier.bytes = 0
    this.#looked = 0
    try {
      if (this.#gatherNow()) return this.#deliver()
    } catch (thrown) {
      this.#giveUp()
      return readFailure(thrown)
    }
    this.#isWaiting = true
    return Effect.flatMap(
      Effect.onError(this.#gatherRetained, () => Effect.sync(() => this.#giveUp())),
      () => Effect.suspend(() => this.#deliver())
    )
  }

  /** What a chunk that failed or was interrupted has gathered is lost, so the next one begins from the position. */
  #giveUp(): void {
    this.#lastKey = undefined
    this.#lookedLength = -1
    this.#memtableSources = []
    this.#tableSources = []
    this.#tables = undefined
    this.#isWaiting = false
  }

  readonly #gatherRetained: Effect.Effect<void, ReadError> = Effect.uninterruptibleMask((restore) => {
    const view = this.#view()
    view.retain()
    return Effect.ensuring(
      restore(Effect.catchDefect(
        Effect.suspend(() => this.#gatherSlowly(this.#merge(view))),
        readFailure
      )),
      Effect.sync(() => view.release())
    )
  })

  #deliver(): Effect.Effect<Chunk, ReadError | Cause.Done> {
    const entries = this.#entries
    this.#isWaiting = false
    this.#forgetMemtables()
    this.#left -= entries.length
    this.#unyielded += Math.max(this.#looked, this.#copier.bytes >>> 10)
    if (!this.#isDone) this.#keepPosition()
    if (!Arr.isReadonlyArrayNonEmpty(entries)) {
      return this.#isDone ? Cause.done() : Effect.andThen(Effect.yieldNow, this.pull)
    }
    this.#chunk = Math.min(largestChunk, this.#chunk * 2)
    return Effect.succeed(entries)
  }
}

export const makeScan = (
  engine: EngineStateShape
): (options: ScanOptions | undefined, at: Snapshot | undefined) => Stream.Stream<Entry, ReadError> => {
  const slab = new ValueSlab()
  const batches = new BatchPool()
  return (options, at) =>
    Stream.fromChannel(Channel.fromTransform((_, scope) =>
      Effect.sync((): Pull.Pull<Chunk, ReadError> => {
        const range = scanRange(options)
        if ("_tag" in range) return Effect.fail(range)
        return new Scan(engine, range, at ?? options?.snapshot, slab, batches, scope).pull
      })
    ))
}
