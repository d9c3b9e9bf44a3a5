/**
 * Scans: a snapshot taken at the first pull, delivered in chunks (I8, I9).
 *
 * A scan pins its sequence for its life and takes the view anew for each chunk,
 * so that a slow consumer never holds memtables. A chunk that needs no disk is
 * made in one stretch; otherwise the view is retained while the chunk waits.
 */
import { Array as Arr, Cause, Channel, Effect, Scope, Stream } from "effect"
import type { Pull } from "effect"
import { compareRanges, copyRange, noBytes } from "../record/Bytes.ts"
import { CursorStatus } from "../record/Cursor.ts"
import type { Cursor } from "../record/Cursor.ts"
import { RecordKind } from "../record/RecordKind.ts"
import type { Entry, ScanOptions, Snapshot } from "../Snapshot.ts"
import type { ReadError } from "../StoreError.ts"
import { MergingCursor } from "../table/MergingCursor.ts"
import { ReadAhead } from "../table/ReadAhead.ts"
import { readFailure } from "../table/ReadFailure.ts"
import { RunCursor } from "../table/RunCursor.ts"
import type { EngineStateShape } from "./EngineState.ts"
import { sequenceOf } from "./PinnedSnapshot.ts"
import { readRefusal } from "./PointReads.ts"
import type { ReadView } from "./ReadView.ts"
import { isBehind, scanRange } from "./ScanRange.ts"
import type { ScanRange } from "./ScanRange.ts"
import { ValueSlab } from "./ValueSlab.ts"

/** Entries of the first chunk, if the limit does not say how many are wanted; each further one has twice as many. */
const firstChunk = 32
const largestChunk = 256
/** A chunk ends after so many bytes. */
const chunkBytes = 256 * 1024
/** Keys looked at without a yield, deleted ones included. */
const keysPerSlice = 1024
/** Keys, or KiB, gathered in one turn on the event loop: about half a millisecond. */
const workPerTurn = 256

type Chunk = Arr.NonEmptyReadonlyArray<Entry>

/** A scan between two chunks. */
class Scan {
  readonly #engine: EngineStateShape
  readonly #range: ScanRange
  readonly #slab: ValueSlab
  readonly #snapshot: Snapshot | undefined
  readonly #scope: Scope.Scope
  /** Pinned from the first pull until the scope is closed; -1 before. */
  #sequence = -1
  #isEnded = false
  /** What the cursors of one chunk have read ahead for those of the next. */
  readonly #ahead = new ReadAhead()
  /** The last key looked at, which the scan goes on behind; its bytes are the scan's own. */
  #positionBuffer = noBytes
  #positionLength = -1
  /** The last entry's key, if no key was looked at behind it: the position is taken from it before it is delivered. */
  #lastKey: Uint8Array | undefined
  #left: number
  #chunk: number
  /** Keys, or KiB, gathered since the scan last let others run: a consumer that never waits must not hold the event loop. */
  #unyielded = 0
  #isDone: boolean

  constructor(
    engine: EngineStateShape,
    range: ScanRange,
    snapshot: Snapshot | undefined,
    slab: ValueSlab,
    scope: Scope.Scope
  ) {
    this.#engine = engine
    this.#range = range
    this.#snapshot = snapshot
    this.#scope = scope
    this.#slab = slab
    this.#left = range.limit
    this.#chunk = range.limit <= largestChunk ? range.limit : firstChunk
    this.#isDone = range.limit === 0
  }

  #cursor({ active, immutables, tables: { level0, runs } }: ReadView): Cursor {
    this.#ahead.renew()
    this.#engine.counters.chunks++
    const sources: Array<Cursor> = []
    // What comes into an empty memtable from now on is behind the scan's sequence.
    if (!active.index.isEmpty) sources.push(active.index.cursor())
    for (const { index } of immutables) if (!index.isEmpty) sources.push(index.cursor())
    for (const { reader } of level0) sources.push(reader.cursor(this.#ahead))
    for (const run of runs) sources.push(new RunCursor(run, this.#ahead))
    const [only] = sources
    return only !== undefined && sources.length === 1 ? only : new MergingCursor(sources)
  }

  /** Where the scan goes on or begins; undefined at an end of the store. */
  #start(bound: ScanRange["lower"]): Uint8Array | undefined {
    return this.#positionLength >= 0 ? this.#positionBuffer.subarray(0, this.#positionLength) : bound?.key
  }

  /** To where the scan begins or goes on; the key there may be the one to go on behind. */
  #seek(cursor: Cursor): CursorStatus {
    const { lower, reverse, upper } = this.#range
    const start = this.#start(reverse ? upper : lower)
    if (start === undefined) return reverse ? cursor.seekLast() : cursor.seekFirst()
    return reverse ? cursor.seekAtOrBefore(start) : cursor.seekAtOrAfter(start)
  }

  /** True if the cursor stands on the key that the scan begins or goes on behind. */
  #isOnStart(cursor: Cursor): boolean {
    const { lower, reverse, upper } = this.#range
    const bound = reverse ? upper : lower
    if (!cursor.valid || (this.#positionLength < 0 && bound?.inclusive !== false)) return false
    const start = this.#start(bound)
    return start !== undefined
      && compareRanges(cursor.keyBuffer, cursor.keyOffset, cursor.keyLength, start, 0, start.length) === 0
  }

  /** What has been gathered for the chunk at hand. */
  #entries: Array<Entry> = []
  #bytes = 0
  #looked = 0

  /**
   * Gathers entries from where the cursor stands until the chunk or the slice is
   * full, the range ends, or a block is lacking. `isSelecting` says that the
   * cursor is in the middle of choosing a version.
   */
  #gather(cursor: Cursor, isSelecting: boolean): "needsStep" | "needsSelect" | "full" {
    const range = this.#range
    const sequence = this.#sequence
    const slab = this.#slab
    const entries = this.#entries
    let selecting = isSelecting
    for (;;) {
      if (!selecting) {
        if (!cursor.valid || isBehind(range, cursor.keyBuffer, cursor.keyOffset, cursor.keyLength)) {
          this.#isDone = true
          return "full"
        }
        if (entries.length >= this.#chunk || this.#bytes >= chunkBytes || this.#looked >= keysPerSlice) return "full"
        if (cursor.select(sequence) === CursorStatus.needsLoad) return "needsSelect"
      }
      selecting = false
      this.#looked++
      const { keyBuffer, keyLength, keyOffset } = cursor
      if (cursor.selected && cursor.kind === RecordKind.put) {
        const { valueLength } = cursor
        const key = slab.copy(keyBuffer, keyOffset, keyLength)
        entries.push([key, slab.copy(cursor.valueBuffer, cursor.valueOffset, valueLength)])
        this.#lastKey = key
        this.#bytes += keyLength + valueLength
        if (--this.#left === 0) {
          this.#isDone = true
          return "full"
        }
      } else {
        this.#lastKey = undefined
        this.#keepPosition(keyBuffer, keyOffset, keyLength)
      }
      if ((range.reverse ? cursor.previous() : cursor.next()) === CursorStatus.needsLoad) return "needsStep"
    }
  }

  #keepPosition(buffer: Uint8Array, offset: number, length: number): void {
    if (length > this.#positionBuffer.length) this.#positionBuffer = new Uint8Array(Math.max(64, length * 2))
    copyRange(buffer, offset, this.#positionBuffer, 0, length)
    this.#positionLength = length
  }

  /** Waits for what the cursor lacks, unless entries are at hand already. */
  #gatherSlowly(cursor: Cursor): Effect.Effect<void, ReadError> {
    let selecting = false
    const settle = (status: CursorStatus): Effect.Effect<void, ReadError> =>
      status === CursorStatus.needsLoad
        ? Effect.flatMap(cursor.load, () => Effect.suspend(() => settle(cursor.resume())))
        : Effect.void
    return Effect.gen({ self: this }, function*() {
      yield* settle(this.#seek(cursor))
      if (this.#isOnStart(cursor)) yield* settle(this.#range.reverse ? cursor.previous() : cursor.next())
      for (;;) {
        const end = this.#gather(cursor, selecting)
        if (end === "full" || this.#entries.length > 0) return
        yield* Effect.flatMap(cursor.load, () => Effect.suspend(() => settle(cursor.resume())))
        selecting = end === "needsSelect"
      }
    })
  }

  /** Gathers without waiting; false if not even one step could be taken. */
  #gatherNow(): boolean {
    const before = this.#looked
    const cursor = this.#cursor(this.#engine.view.value)
    if (this.#seek(cursor) === CursorStatus.needsLoad) return false
    if (this.#isOnStart(cursor)) {
      if ((this.#range.reverse ? cursor.previous() : cursor.next()) === CursorStatus.needsLoad) return false
    }
    return this.#gather(cursor, false) === "full" || this.#looked > before
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
        engine.snapshots.pin(sequence, engine.milliseconds())
        this.#sequence = sequence
        return this.pull
      }
    )
  )

  #end(): void {
    this.#isEnded = true
    this.#isDone = true
    if (this.#sequence >= 0) this.#engine.snapshots.unpin(this.#sequence)
  }

  #pullNow(): Effect.Effect<Chunk, ReadError | Cause.Done> {
    this.#entries = []
    this.#bytes = 0
    this.#looked = 0
    try {
      if (this.#gatherNow()) return this.#deliver()
    } catch (thrown) {
      return readFailure(thrown)
    }
    return Effect.flatMap(this.#gatherRetained, () => Effect.suspend(() => this.#deliver()))
  }

  readonly #gatherRetained: Effect.Effect<void, ReadError> = Effect.uninterruptibleMask((restore) => {
    const view = this.#engine.view.value
    view.retain()
    return Effect.ensuring(
      restore(Effect.catchDefect(
        Effect.suspend(() => this.#gatherSlowly(this.#cursor(view))),
        readFailure
      )),
      Effect.sync(() => view.release())
    )
  })

  #deliver(): Effect.Effect<Chunk, ReadError | Cause.Done> {
    const entries = this.#entries
    this.#unyielded += Math.max(this.#looked, this.#bytes >>> 10)
    const last = this.#lastKey
    this.#lastKey = undefined
    if (last !== undefined && !this.#isDone) this.#keepPosition(last, 0, last.length)
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
  return (options, at) =>
    Stream.fromChannel(Channel.fromTransform((_, scope) =>
      Effect.sync((): Pull.Pull<Chunk, ReadError> => {
        const range = scanRange(options)
        if ("_tag" in range) return Effect.fail(range)
        return new Scan(engine, range, at ?? options?.snapshot, slab, scope).pull
      })
    ))
}
