/**
 * Walks the groups of one segment from its first to the first place where there
 * is none, and delivers the records of each. Carries I4 in the small: a group's
 * records are delivered only after the whole group has been checked.
 *
 * The file is read in pieces; a window holds at most one piece, or one record if
 * that is longer. A group that fits a piece is checked and delivered from one
 * read; a longer one is read twice. No length is believed before it is known to
 * lie inside the file. `step` is synchronous and bounded, so that whoever drives
 * it yields between steps; reading is its caller's, through `load`.
 *
 * Called by the replay only, never while the segment is being written.
 */
import { Effect } from "effect"
import type { ReadFile } from "../disk/Disk.ts"
import { checksum } from "../record/Checksum.ts"
import { RecordReader } from "../record/RecordCodec.ts"
import type { RecordKind } from "../record/RecordKind.ts"
import type { DiskError } from "../StoreError.ts"
import { GroupHeader, groupHeaderSize, groupSize, payloadSeed, segmentHeaderSize } from "./SegmentFormat.ts"
import type { SegmentIdentity } from "./SegmentFormat.ts"

/** A group that has been checked and whose records follow. */
export interface ReplayedGroup {
  readonly segment: number
  readonly offset: number
  readonly firstSequence: number
  readonly count: number
  readonly payloadLength: number
}

/** Takes one record; the buffer is the replay's, and its content is valid during the call. */
export type RecordSink = (
  buffer: Uint8Array,
  kind: RecordKind,
  keyOffset: number,
  keyLength: number,
  valueOffset: number,
  valueLength: number,
  sequence: number
) => void

/** What the reader asks and tells while it walks. */
export interface SegmentSink<E, R> {
  /** Whether the log goes on with the group at `offset`; false stops the walk before it. */
  readonly accepts: (header: GroupHeader, offset: number) => boolean
  /** Before the records of a group; an effect that it returns is run before they follow. */
  readonly onGroup: (group: ReplayedGroup) => Effect.Effect<void, E, R> | undefined
  readonly onRecord: RecordSink
}

/** Why the walk stopped at `SegmentReader.offset`. */
export type SegmentStop =
  /** There is no sound group, or none that `accepts` takes. */
  | { readonly _tag: "NoGroup"; readonly reason: string }
  /** A group that was sound when it was checked was not when it was read again. */
  | { readonly _tag: "Unstable"; readonly reason: string }

const pieceLength = 1024 * 1024

/** Bytes within which the kind and the lengths of any record lie: a byte and two varints of at most eight. */
const recordHeadLength = 17

/** One unit of work is a record or `bytesPerUnit` bytes; a step of this many takes about half a millisecond. */
const unitsPerStep = 1024
const bytesPerUnit = 512

const Phase = { header: 0, checksum: 1, structure: 2, announce: 3, deliver: 4 } as const
type Phase = typeof Phase[keyof typeof Phase]

type Step = "load" | "yield" | "run" | "stopped"

export class SegmentReader<E, R> {
  /** Where the group begins that is being read, or where there was none. */
  offset = segmentHeaderSize
  groups = 0
  records = 0
  readonly #file: ReadFile
  readonly #identity: SegmentIdentity
  readonly #sink: SegmentSink<E, R>
  readonly #header = new GroupHeader()
  readonly #record = new RecordReader()
  #phase: Phase = Phase.header
  #stop: SegmentStop | undefined
  #groupEffect: Effect.Effect<void, E, R> = Effect.void

  #window: Uint8Array = new Uint8Array(0)
  #windowStart = 0
  #windowEnd = 0
  #needOffset = 0
  #needLength = 0

  #payloadEnd = 0
  /** Behind the bytes that the checksum covers so far. */
  #summedEnd = 0
  #sum = 0
  /** Where the next record begins, and how many came before it. */
  #next = 0
  #passed = 0

  constructor(file: ReadFile, identity: SegmentIdentity, sink: SegmentSink<E, R>) {
    this.#file = file
    this.#identity = identity
    this.#sink = sink
  }

  /** Walks to the end. */
  get run(): Effect.Effect<SegmentStop, DiskError | E, R> {
    return Effect.gen({ self: this }, function*() {
      while (this.#stop === undefined) {
        switch (this.#step()) {
          case "load":
            yield* this.#load
            break
          case "yield":
            yield* Effect.yieldNow
            break
          case "run": {
            const effect = this.#groupEffect
            yield* effect
            break
          }
          case "stopped":
            break
        }
      }
      return this.#stop
    })
  }

  get #load(): Effect.Effect<void, DiskError> {
    const offset = this.#needOffset
    const length = Math.min(Math.max(pieceLength, this.#needLength), this.#file.size - offset)
    return Effect.map(this.#file.read(offset, length), (bytes) => {
      this.#window = bytes
      this.#windowStart = offset
      this.#windowEnd = offset + bytes.length
    })
  }

  /** True if the window holds the range; otherwise the next load makes it so. REQUIRES the range inside the file. */
  #has(offset: number, length: number): boolean {
    if (offset >= this.#windowStart && offset + length <= this.#windowEnd) return true
    this.#needOffset = offset
    this.#needLength = length
    return false
  }

  #stopped(tag: SegmentStop["_tag"], reason: string): "stopped" {
    this.#stop = { _tag: tag, reason }
    return "stopped"
  }

  #step(): Step {
    let work = 0
    while (work < unitsPerStep) {
      switch (this.#phase) {
        case Phase.header: {
          const step = this.#readHeader()
          if (step !== undefined) return step
          work++
          break
        }
        case Phase.checksum: {
          const before = this.#summedEnd
          const step = this.#extendChecksum()
          if (step !== undefined) return step
          work += Math.ceil((this.#summedEnd - before) / bytesPerUnit)
          break
        }
        case Phase.structure: {
          const before = this.#passed
          const step = this.#checkRecords(unitsPerStep - work)
          if (step !== undefined) return step
          // Checking a record is several times cheaper than delivering it.
          work += Math.ceil((this.#passed - before) / 4)
          break
        }
        case Phase.announce: {
          this.#rewind(Phase.deliver)
          const { count, firstSequence, payloadLength } = this.#header
          const segment = this.#identity.segment
          const effect = this.#sink.onGroup({ segment, offset: this.offset, firstSequence, count, payloadLength })
          if (effect !== undefined) {
            this.#groupEffect = effect
            return "run"
          }
          break
        }
        case Phase.deliver: {
          const before = this.#passed
          const step = this.#deliverRecords(unitsPerStep - work)
          if (step !== undefined) return step
          work += this.#passed - before
          break
        }
      }
    }
    return "yield"
  }

  #rewind(phase: Phase): void {
    this.#next = this.offset + groupHeaderSize
    this.#passed = 0
    this.#phase = phase
  }

  #readHeader(): Step | undefined {
    const { offset } = this
    if (offset + groupHeaderSize > this.#file.size) return this.#stopped("NoGroup", "the segment's file ends here")
    if (!this.#has(offset, groupHeaderSize)) return "load"
    const header = this.#header
    if (!header.read(this.#window, offset - this.#windowStart, this.#identity, offset)) {
      return this.#stopped("NoGroup", "there is no sound group header here")
    }
    const payloadStart = offset + groupHeaderSize
    if (header.payloadLength > this.#file.size - payloadStart) {
      return this.#stopped("NoGroup", "the segment's file ends within the group")
    }
    if (!this.#sink.accepts(header, offset)) {
      return this.#stopped("NoGroup", "the group does not follow the one before it")
    }
    this.#payloadEnd = payloadStart + header.payloadLength
    this.#summedEnd = payloadStart
    this.#sum = payloadSeed(this.#identity, offset)
    this.#rewind(Phase.checksum)
    return undefined
  }

  #extendChecksum(): Step | undefined {
    const from = this.#summedEnd
    const whole = this.#payloadEnd - this.offset <= pieceLength
    const to = whole ? this.#payloadEnd : Math.min(from + pieceLength, this.#payloadEnd)
    // The lookahead holds the head of a record that begins before `to`.
    const windowFrom = whole ? this.offset : from
    if (!this.#has(windowFrom, Math.min(to + recordHeadLength, this.#payloadEnd) - windowFrom)) return "load"
    this.#sum = checksum(this.#window.subarray(from - this.#windowStart, to - this.#windowStart), this.#sum)
    if (to === this.#payloadEnd && this.#sum !== this.#header.payloadChecksum) {
      return this.#stopped("NoGroup", "the group's payload does not match its checksum")
    }
    this.#summedEnd = to
    this.#phase = Phase.structure
    return undefined
  }

  /** Checks the records that begin in what was summed; a record's body may lie outside of the window. */
  #checkRecords(budget: number): Step | undefined {
    const record = this.#record
    const start = this.#windowStart
    const payloadEnd = this.#payloadEnd - start
    const limit = this.#summedEnd - start
    let at = this.#next - start
    let left = budget * 4
    while (at < limit && left-- > 0) {
      at = record.read(this.#window, at, payloadEnd)
      if (at < 0) return this.#stopped("NoGroup", "the group holds bytes that are not a record")
      this.#passed++
    }
    this.#next = at + start
    if (at < limit) return undefined
    if (this.#summedEnd < this.#payloadEnd) {
      this.#phase = Phase.checksum
    } else if (this.#passed === this.#header.count) {
      this.#phase = Phase.announce
    } else {
      return this.#stopped("NoGroup", "the group holds another number of records than its header says")
    }
    return undefined
  }

  #deliverRecords(budget: number): Step | undefined {
    const record = this.#record
    const { count, firstSequence } = this.#header
    const onRecord = this.#sink.onRecord
    const until = Math.min(count, this.#passed + budget)
    while (this.#passed < until) {
      const from = this.#next
      if (!this.#has(from, Math.min(recordHeadLength, this.#payloadEnd - from))) return "load"
      const start = this.#windowStart
      const behind = record.read(this.#window, from - start, this.#payloadEnd - start)
      if (behind < 0) return this.#stopped("Unstable", "the group changed while it was read")
      if (!this.#has(from, behind + start - from)) return "load"
      onRecord(
        this.#window,
        record.kind,
        record.keyOffset,
        record.keyLength,
        record.valueOffset,
        record.valueLength,
        firstSequence + this.#passed
      )
      this.#next = behind + start
      this.#passed++
    }
    if (until < count) return undefined
    this.groups++
    this.records += count
    this.offset += groupSize(this.#header.payloadLength)
    this.#phase = Phase.header
    return undefined
  }
}
