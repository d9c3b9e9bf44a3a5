/**
 * The end of the log, where groups are appended: the segment that took the last
 * one, and those before it that are not on stable storage yet (I3, I6).
 *
 * For the Wal's fiber alone: one append or sync at a time.
 */
import { Effect } from "effect"
import type { LogPosition } from "../log/LogPosition.ts"
import { largeGroupLength } from "../log/SegmentWriter.ts"
import type { DiskError } from "../StoreError.ts"
import type { EncodedRange } from "../WriteBatch.ts"
import type { Counters } from "./EngineState.ts"
import type { Segment } from "./Segment.ts"

export class LogTail {
  readonly #counters: Counters
  readonly #behind: Array<Segment> = []
  #segment: Segment
  #durable: LogPosition

  constructor(first: Segment, counters: Counters) {
    this.#counters = counters
    this.#segment = first
    this.#durable = this.#segmentEnd()
  }

  #segmentEnd(): LogPosition {
    return { segment: this.#segment.number, offset: this.#segment.durableOffset }
  }

  /** True if every group is on stable storage, in the log or in a table. */
  get isDurable(): boolean {
    return this.#behind.length === 0 && this.#segment.isDurable
  }

  /** How far the log's last segment is on stable storage. */
  get durableEnd(): LogPosition {
    return this.#segmentEnd()
  }

  /** Appends one group to the segment, which is the last one's or its successor. */
  append(
    segment: Segment,
    ranges: ReadonlyArray<EncodedRange>,
    firstSequence: number,
    records: number,
    bytes: number
  ): Effect.Effect<void, DiskError> {
    return Effect.suspend(() => {
      if (segment !== this.#segment) {
        if (!this.#segment.isDurable) this.#behind.push(this.#segment)
        this.#segment = segment
      }
      const { writer } = segment
      const input = {
        firstSequence,
        count: records,
        payload: ranges.map((range) => range.buffer.subarray(range.start, range.end)),
        payloadLength: bytes,
        durableSegment: this.#durable.segment,
        durableOffset: this.#durable.offset
      }
      const counters = this.#counters
      counters.groups++
      counters.records += records
      counters.logBytes += bytes
      if (records > counters.largestGroup) counters.largestGroup = records
      const written = bytes <= largeGroupLength
        ? writer.file.append(writer.encodeGroup(input))
        : Effect.flatMap(writer.encodeLargeGroup(input), (chunks) => writer.file.append(chunks))
      return Effect.map(written, () => {
        const start = writer.position
        writer.advance()
        counters.logFileBytes += writer.position - start
      })
    })
  }

  /** Makes all groups durable, older segments first: a durable group implies all before it. */
  readonly sync: Effect.Effect<void, DiskError> = Effect.suspend(() => {
    if (this.isDurable) return Effect.void
    this.#counters.syncs++
    return this.#behind.length === 0 ? this.#syncLast() : this.#syncAll
  })

  #syncLast(): Effect.Effect<void, DiskError> {
    return Effect.map(this.#segment.beginSync(), () => {
      this.#durable = this.#segmentEnd()
    })
  }

  readonly #syncAll: Effect.Effect<void, DiskError> = Effect.gen({ self: this }, function*() {
    while (this.#behind.length > 0) {
      yield* this.#behind[0]!.sync
      this.#behind.shift()
    }
    yield* this.#syncLast()
  })
}
