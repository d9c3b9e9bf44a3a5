/**
 * Scans: a snapshot taken at the first pull, delivered in chunks (I8, I9).
 *
 * A scan pins its sequence for its life and takes the view anew for each chunk,
 * so that a slow consumer never holds memtables. A chunk that needs no disk is
 * made in one stretch; otherwise the view is retained while the chunk waits.
 */
import { Array as Arr, Cause, Effect, Stream } from "effect"
import { compareRanges, copyRange } from "../record/Bytes.ts"
import { CursorStatus } from "../record/Cursor.ts"
import { RecordKind } from "../record/RecordKind.ts"
import type { Entry, ScanOptions, Snapshot } from "../Snapshot.ts"
import type { ReadError } from "../StoreError.ts"
import { MergingCursor } from "../table/MergingCursor.ts"
import { ReadAhead } from "../table/ReadAhead.ts"
import { readFailure } from "../table/ReadFailure.ts"
import { RunCursor } from "../table/RunCursor.ts"
import type { EngineStateShape } from "./EngineState.ts"
import { pinSequence } from "./PinnedSnapshot.ts"
import { readRefusal } from "./PointReads.ts"
import type { ReadView } from "./ReadView.ts"
import { isBehind, scanRange } from "./ScanRange.ts"
import type { ScanRange } from "./ScanRange.ts"
import { ValueSlab } from "./ValueSlab.ts"

/** Entries of the first chunk; each further one has twice as many, up to the largest. */
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
  readonly #sequence: number
  /** What the cursors of one chunk have read ahead for those of the next. */
  readonly #ahead = new ReadAhead()
  /** The last key looked at, which the scan goes on behind; its bytes are the scan's own. */
  #position: Uint8Array | undefined
  #positionBuffer = new Uint8Array(64)
  #positionLength = -1
  #left: number
  #chunk = firstChunk
  /** Keys, or KiB, gathered since the scan last let others run: a consumer that never waits must not hold the event loop. */
  #unyielded = 0
  #isDone: boolean

  constructor(engine: EngineStateShape, range: ScanRange, sequence: number, slab: ValueSlab) {
    this.#engine = engine
    this.#range = range
    this.#sequence = sequence
    this.#slab = slab
    this.#left = range.limit
    this.#isDone = range.limit === 0
  }

  #cursor(view: ReadView): MergingCursor {
    this.#ahead.renew()
    this.#engine.counters.chunks++
    return new MergingCursor([
      view.active.index.cursor(),
      ...view.immutables.map((memtable) => memtable.index.cursor()),
      ...view.tables.level0.map((table) => table.reader.cursor(this.#ahead)),
      ...view.tables.runs.map((run) => new RunCursor(run, this.#ahead))
    ])
  }

  /** To where the scan begins or goes on; the key there may be the one to go on behind. */
  #seek(cursor: MergingCursor): CursorStatus {
    const { lower, reverse, upper } = this.#range
    const start = this.#position ?? (reverse ? upper?.key : lower?.key)
    if (start === undefined) return reverse ? cursor.seekLast() : cursor.seekFirst()
    return reverse ? cursor.seekAtOrBefore(start) : cursor.seekAtOrAfter(start)
  }

  /** True if the cursor stands on the bound that the scan begins behind. */
  #isOnStart(cursor: MergingCursor): boolean {
    const { lower, reverse, upper } = this.#range
    const bound = reverse ? upper : lower
    const start = this.#position ?? (bound?.inclusive === false ? bound.key : undefined)
    return start !== undefined && cursor.valid
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
  #gather(cursor: MergingCursor, isSelecting: boolean): "needsStep" | "needsSelect" | "full" {
    const { reverse } = this.#range
    let selecting = isSelecting
    for (;;) {
      if (!selecting) {
        if (!cursor.valid || isBehind(this.#range, cursor.keyBuffer, cursor.keyOffset, cursor.keyLength)) {
          this.#isDone = true
          return "full"
        }
        if (this.#entries.length >= this.#chunk || this.#bytes >= chunkBytes || this.#looked >= keysPerSlice) {
          return "full"
        }
        if (cursor.select(this.#sequence) === CursorStatus.needsLoad) return "needsSelect"
      }
      selecting = false
      this.#looked++
      this.#keepPosition(cursor)
      if (cursor.selected && cursor.kind === RecordKind.put) {
        const key = this.#slab.copy(cursor.keyBuffer, cursor.keyOffset, cursor.keyLength)
        const value = this.#slab.copy(cursor.valueBuffer, cursor.valueOffset, cursor.valueLength)
        this.#entries.push([key, value])
        this.#bytes += key.length + value.length
        if (--this.#left === 0) {
          this.#isDone = true
          return "full"
        }
      }
      if ((reverse ? cursor.previous() : cursor.next()) === CursorStatus.needsLoad) return "needsStep"
    }
  }

  #keepPosition(cursor: MergingCursor): void {
    const length = cursor.keyLength
    if (length > this.#positionBuffer.length) this.#positionBuffer = new Uint8Array(length * 2)
    copyRange(cursor.keyBuffer, cursor.keyOffset, this.#positionBuffer, 0, length)
    this.#positionLength = length
  }

  /** Waits for what the cursor lacks, unless entries are at hand already. */
  #gatherSlowly(cursor: MergingCursor): Effect.Effect<void, ReadError> {
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
    if (this.#isDone) return Cause.done()
    if (this.#unyielded < workPerTurn) return this.#pullNow()
    this.#unyielded = 0
    return Effect.flatMap(Effect.yieldNow, () => this.pull)
  })

  #pullNow(): Effect.Effect<Chunk, ReadError | Cause.Done> {
    this.#entries = []
    this.#bytes = 0
    this.#looked = 0
    if (this.#positionLength >= 0) this.#position = this.#positionBuffer.slice(0, this.#positionLength)
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
    Stream.suspend(() => {
      const range = scanRange(options)
      if ("_tag" in range) return Stream.fail(range)
      return Stream.unwrap(Effect.map(pinSequence(engine, at ?? options?.snapshot), (sequence) =>
        Stream.fromPull(Effect.succeed(new Scan(engine, range, sequence, slab).pull))))
    })
}
