/** Logs in memory, made with the real writer, and their replay. */
import { Effect } from "effect"
import type { AppendFile } from "../../src/disk/Disk.ts"
import type { LogPosition } from "../../src/log/LogPosition.ts"
import { replayLog } from "../../src/log/LogReplay.ts"
import type { ReplayResult } from "../../src/log/LogReplay.ts"
import { encodeSegmentHeader } from "../../src/log/SegmentFormat.ts"
import type { SegmentSalt } from "../../src/log/SegmentFormat.ts"
import { segmentName } from "../../src/log/SegmentName.ts"
import { SegmentWriter } from "../../src/log/SegmentWriter.ts"
import { deleteSize, putSize, writeDelete, writePut } from "../../src/record/RecordCodec.ts"
import { RecordKind } from "../../src/record/RecordKind.ts"
import { countedFile } from "../disk/countedFile.ts"

export interface TestRecord {
  readonly key: Uint8Array
  /** Absent for a delete. */
  readonly value?: Uint8Array | undefined
}

export interface MemoryAppend extends AppendFile {
  readonly bytes: () => Uint8Array
}

export const appendFile = (path: string): MemoryAppend => {
  const parts: Array<Uint8Array> = []
  return {
    path,
    append: (chunks) =>
      Effect.sync(() => {
        for (const chunk of chunks) parts.push(Uint8Array.from(chunk))
      }),
    sync: Effect.void,
    close: Effect.void,
    bytes: () => Uint8Array.from(Buffer.concat(parts))
  }
}

export const encodeRecord = ({ key, value }: TestRecord): Uint8Array => {
  const bytes = new Uint8Array(value === undefined ? deleteSize(key.length) : putSize(key.length, value.length))
  if (value === undefined) writeDelete(bytes, 0, key)
  else writePut(bytes, 0, key, value)
  return bytes
}

const text = new TextEncoder()

export const record = (key: string, value?: string): TestRecord => ({
  key: text.encode(key),
  value: value === undefined ? undefined : text.encode(value)
})

export const testSalt = (segment: number): SegmentSalt => ({
  low: Math.imul(segment, 0x1234_5677) >>> 0,
  high: Math.imul(segment, 0x89ab_cdef) >>> 0
})

export interface WrittenGroup {
  readonly segment: number
  readonly offset: number
  /** Behind the last byte that matters: the padding is not part of it. */
  readonly payloadEnd: number
  readonly end: number
  readonly firstSequence: number
  readonly records: ReadonlyArray<TestRecord>
}

export interface WrittenSegment {
  readonly segment: number
  readonly bytes: Uint8Array
}

export interface WrittenLog {
  readonly segments: ReadonlyArray<WrittenSegment>
  readonly groups: ReadonlyArray<WrittenGroup>
}

export interface LogShape {
  /** `"each"`: every group was synced before the next was encoded. `"never"` (the default): no group says anything was. */
  readonly synced?: "each" | "never"
  readonly firstSequence?: number
  readonly firstSegment?: number
  readonly salt?: (segment: number) => SegmentSalt
  /** Whether the first group of a segment names the last one of the segments before (true by default). */
  readonly linked?: boolean
}

/** Writes segments of groups of records. */
export const writeLog = (
  content: ReadonlyArray<ReadonlyArray<ReadonlyArray<TestRecord>>>,
  shape: LogShape = {}
): Effect.Effect<WrittenLog> =>
  Effect.gen(function*() {
    const salt = shape.salt ?? testSalt
    const segments: Array<WrittenSegment> = []
    const groups: Array<WrittenGroup> = []
    let segment = shape.firstSegment ?? 1
    let sequence = shape.firstSequence ?? 1
    let previous: SegmentWriter | undefined
    let durable: LogPosition = { segment: 0, offset: 0 }
    for (const segmentContent of content) {
      const file = appendFile(segmentName(segment, 1))
      yield* Effect.orDie(file.append([encodeSegmentHeader({ segment, salt: salt(segment) }, 1_784_205_611)]))
      const writer = new SegmentWriter(file, segment, salt(segment))
      if (previous !== undefined && shape.linked !== false) writer.follow(previous.lastGroupEnd)
      for (const records of segmentContent) {
        const payload = records.map(encodeRecord)
        const payloadLength = payload.reduce((sum, chunk) => sum + chunk.length, 0)
        const offset = writer.encodedEnd
        const chunks = yield* writer.encodeLargeGroup({
          firstSequence: sequence,
          count: records.length,
          payload,
          payloadLength,
          durableSegment: durable.segment,
          durableOffset: durable.offset
        })
        yield* Effect.orDie(file.append(chunks))
        writer.advance()
        const payloadEnd = offset + 80 + payloadLength
        groups.push({ segment, offset, payloadEnd, end: writer.position, firstSequence: sequence, records })
        sequence += records.length
        if (shape.synced === "each") durable = { segment, offset: writer.position }
      }
      segments.push({ segment, bytes: file.bytes() })
      previous = writer
      segment++
    }
    return { segments, groups }
  })

export interface Replayed {
  readonly result: ReplayResult
  /** One line a record: sequence, kind, key, value. */
  readonly lines: ReadonlyArray<string>
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

const line = (sequence: number, key: Uint8Array, value: Uint8Array | undefined): string =>
  value === undefined ? `${sequence} delete ${hex(key)}` : `${sequence} put ${hex(key)} ${hex(value)}`

/** What replaying these groups delivers. */
export const linesOf = (groups: ReadonlyArray<WrittenGroup>): ReadonlyArray<string> =>
  groups.flatMap((group) => group.records.map(({ key, value }, n) => line(group.firstSequence + n, key, value)))

export const replay = (
  segments: ReadonlyArray<WrittenSegment>,
  options: { readonly firstSequence?: number; readonly durable?: LogPosition } = {}
) =>
  Effect.gen(function*() {
    const lines: Array<string> = []
    const result = yield* replayLog({
      segments: segments.map(({ bytes, segment }) => ({ segment, file: countedFile(segmentName(segment, 1), bytes) })),
      firstSequence: options.firstSequence ?? 1,
      durable: options.durable,
      onRecord: (buffer, kind, keyOffset, keyLength, valueOffset, valueLength, sequence) => {
        const key = buffer.subarray(keyOffset, keyOffset + keyLength)
        const value = kind === RecordKind.put ? buffer.subarray(valueOffset, valueOffset + valueLength) : undefined
        lines.push(line(sequence, key, value))
      }
    })
    return { result, lines } satisfies Replayed
  })

/** The log with one segment's bytes changed. */
export const withSegment = (
  segments: ReadonlyArray<WrittenSegment>,
  segment: number,
  change: (bytes: Uint8Array) => Uint8Array
): ReadonlyArray<WrittenSegment> =>
  segments.map((each) => each.segment === segment ? { segment, bytes: change(Uint8Array.from(each.bytes)) } : each)

export const concat = (...parts: ReadonlyArray<Uint8Array>): Uint8Array => Uint8Array.from(Buffer.concat(parts))

export const zeroed = (bytes: Uint8Array, from: number, to: number): Uint8Array => bytes.fill(0, from, to)

/** A small log of two segments, three groups each. */
export const smallContent: ReadonlyArray<ReadonlyArray<ReadonlyArray<TestRecord>>> = [
  [
    [record("apple", "red"), record("banana", "yellow")],
    [record("apple")],
    [record("cherry", "dark red"), record("", ""), record("damson", "blue")]
  ],
  [
    [record("elder", "black")],
    [record("fig", "purple"), record("banana")],
    [record("grape", "green")]
  ]
]
