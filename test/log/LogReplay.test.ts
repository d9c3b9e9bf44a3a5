import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { replayLog } from "../../src/log/LogReplay.ts"
import { encodeSegmentHeader, GroupHeader } from "../../src/log/SegmentFormat.ts"
import { checksum, checksumSeed } from "../../src/record/Checksum.ts"
import { StoreCorrupted, UnsupportedFormat } from "../../src/StoreError.ts"
import { countedFile } from "../disk/countedFile.ts"
import {
  concat,
  encodeRecord,
  linesOf,
  record,
  replay,
  smallContent,
  testSalt,
  withSegment,
  writeLog,
  zeroed
} from "./LogFixture.ts"
import type { TestRecord } from "./LogFixture.ts"

const RecordShape = Schema.Struct({
  key: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))),
  value: Schema.NullOr(Schema.String)
})
const GroupShape = Schema.Array(RecordShape).check(Schema.isMinLength(1), Schema.isMaxLength(6))
const LogShape = Schema.Array(Schema.Array(GroupShape).check(Schema.isMaxLength(4))).check(Schema.isMaxLength(4))

const toContent = (shape: typeof LogShape.Type): ReadonlyArray<ReadonlyArray<ReadonlyArray<TestRecord>>> =>
  shape.map((segment) =>
    segment.map((group) =>
      group.map(({ key, value }) => ({
        key: Uint8Array.from(key),
        value: value === null ? undefined : new TextEncoder().encode(value)
      }))
    )
  )

const big = (key: string, length: number): TestRecord => ({
  ...record(key),
  value: Uint8Array.from({ length }, (_, n) => n * 31 + key.charCodeAt(0))
})

describe("LogReplay", () => {
  it.effect.prop("I3 I4: delivers every record in order, with its sequence", {
    shape: LogShape,
    firstSequence: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 2 ** 52 })),
    synced: Schema.Literals(["each", "never"])
  }, ({ firstSequence, shape, synced }) =>
    Effect.gen(function*() {
      const log = yield* writeLog(toContent(shape), { firstSequence, synced })
      const { lines, result } = yield* replay(log.segments, { firstSequence })
      assert.deepStrictEqual(lines, linesOf(log.groups))
      assert.strictEqual(result.groups, log.groups.length)
      assert.strictEqual(result.records, lines.length)
      assert.strictEqual(result.lastSequence, firstSequence + lines.length - 1)
      assert.strictEqual(result.highestSequenceSeen, result.lastSequence)
      assert.strictEqual(result.discardedBytes, 0)
      const last = log.segments.at(-1)
      assert.deepStrictEqual(
        result.end,
        last === undefined ? { segment: 0, offset: 0 } : { segment: last.segment, offset: last.bytes.length }
      )
    }))

  it.effect("takes a first group above the lowest sequence", () =>
    Effect.gen(function*() {
      const log = yield* writeLog(smallContent, { firstSequence: 100 })
      const { lines } = yield* replay(log.segments, { firstSequence: 7 })
      assert.deepStrictEqual(lines, linesOf(log.groups))
    }))

  it.effect("ends before a first group below the lowest sequence", () =>
    Effect.gen(function*() {
      const log = yield* writeLog(smallContent, { firstSequence: 100 })
      const { lines, result } = yield* replay(log.segments, { firstSequence: 101 })
      assert.deepStrictEqual(lines, [])
      assert.strictEqual(result.lastSequence, 100)
      assert.strictEqual(result.highestSequenceSeen, 109)
    }))

  it.effect("I4: goes on across segments that never got a group", () =>
    Effect.gen(function*() {
      const [first, second] = smallContent
      for (const content of [[[], first!, [], [], second!, []], [[], [], second!]]) {
        const log = yield* writeLog(content, { synced: "each" })
        const { lines } = yield* replay(log.segments)
        assert.deepStrictEqual(lines, linesOf(log.groups))
      }
    }))

  it.effect("takes zeros behind the last group of any segment for its end", () =>
    Effect.gen(function*() {
      const log = yield* writeLog(smallContent, { synced: "each" })
      for (const length of [1, 7, 8, 79, 80, 512, 2_000_000]) {
        const padded = log.segments.map(({ bytes, segment }) => ({
          segment,
          bytes: concat(bytes, new Uint8Array(length))
        }))
        const { lines, result } = yield* replay(padded)
        assert.deepStrictEqual(lines, linesOf(log.groups))
        assert.strictEqual(result.discardedBytes, 0)
        assert.deepStrictEqual(result.end, { segment: 2, offset: log.segments[1]!.bytes.length })
      }
    }))

  it.effect("takes what a file held in an earlier life for the end of the segment", () =>
    Effect.gen(function*() {
      const stale = yield* writeLog([[...smallContent[0]!, ...smallContent[1]!, ...smallContent[0]!]], {
        firstSegment: 1,
        synced: "each"
      })
      const log = yield* writeLog(smallContent, { firstSegment: 2, synced: "each" })
      const recycled = log.segments.map(({ bytes, segment }) => ({
        segment,
        bytes: concat(bytes, stale.segments[0]!.bytes.slice(bytes.length))
      }))
      const { lines, result } = yield* replay(recycled)
      assert.deepStrictEqual(lines, linesOf(log.groups))
      assert.isAbove(result.discardedBytes, 0)
      assert.strictEqual(result.highestSequenceSeen, result.lastSequence)
    }))

  it.effect("replays a log whose last segment is empty, or has a torn file header", () =>
    Effect.gen(function*() {
      const log = yield* writeLog([...smallContent, []], { synced: "each" })
      for (let length = 0; length <= 64; length++) {
        const { lines, result } = yield* replay(withSegment(log.segments, 3, (bytes) => bytes.slice(0, length)))
        assert.deepStrictEqual(lines, linesOf(log.groups))
        assert.deepStrictEqual(result.end, { segment: 3, offset: length < 64 ? 0 : 64 })
      }
    }))

  it.effect("delivers groups and records larger than a piece", () =>
    Effect.gen(function*() {
      const mixed = Array.from({ length: 60 }, (_, n) => big(`m${n}`, n % 3 === 0 ? 90_000 : n))
      const content = [[
        [big("a", 10)],
        [big("b", 3_000_000)],
        mixed,
        [big("c", 1024 * 1024 - 80 - 7), big("d", 1), big("e", 1_500_000), record("f")],
        [big("g", 900_000)],
        [big("h", 900_000)]
      ]]
      const log = yield* writeLog(content, { synced: "each" })
      const { lines } = yield* replay(log.segments)
      assert.isTrue(lines.join("\n") === linesOf(log.groups).join("\n"))
    }))

  it.effect("delivers records that begin just before the end of a piece", () =>
    Effect.gen(function*() {
      for (const before of [1, 2, 3, 4, 5, 6, 16, 17, 18]) {
        const head = 1 + 1 + 3 + 1
        const log = yield* writeLog([[[big("a", 1024 * 1024 - head - before), big("b", 300), record("c")]]])
        const { lines } = yield* replay(log.segments)
        assert.isTrue(lines.join("\n") === linesOf(log.groups).join("\n"), `${before} bytes before the end`)
      }
    }))

  it.effect("I4: delivers nothing of a large group that is damaged anywhere", () =>
    Effect.gen(function*() {
      const log = yield* writeLog([[[record("a", "1")], [big("b", 700_000), big("c", 2_000_000), record("d")]]])
      const [kept, lost] = log.groups
      for (const at of [lost!.offset, lost!.offset + 80, lost!.offset + 1_200_000, lost!.payloadEnd - 1]) {
        const damaged = withSegment(log.segments, 1, (bytes) => {
          bytes[at]! ^= 0x10
          return bytes
        })
        const { lines } = yield* replay(damaged)
        assert.deepStrictEqual(lines, linesOf([kept!]))
      }
    }))

  it.effect("runs the effect of a group before its records", () =>
    Effect.gen(function*() {
      const log = yield* writeLog(smallContent)
      const seen: Array<string> = []
      yield* replayLog({
        segments: log.segments.map(({ bytes, segment }) => ({ segment, file: countedFile("wal", bytes) })),
        firstSequence: 1,
        onGroup: (group) => {
          const note = Effect.sync(() => {
            seen.push(`group ${group.segment} ${group.firstSequence} ${group.count}`)
          })
          return group.firstSequence === 1 ? undefined : Effect.andThen(Effect.yieldNow, note)
        },
        onRecord: (_buffer, _kind, _keyOffset, _keyLength, _valueOffset, _valueLength, sequence) => {
          seen.push(String(sequence))
        }
      })
      assert.deepStrictEqual(seen, [
        "1",
        "2",
        "group 1 3 1",
        "3",
        "group 1 4 3",
        "4",
        "5",
        "6",
        "group 2 7 1",
        "7",
        "group 2 8 2",
        "8",
        "9",
        "group 2 10 1",
        "10"
      ])
    }))

  it.effect("fails with what a group's effect fails with", () =>
    Effect.gen(function*() {
      const log = yield* writeLog(smallContent)
      const failure = yield* Effect.flip(replayLog({
        segments: log.segments.map(({ bytes, segment }) => ({ segment, file: countedFile("wal", bytes) })),
        firstSequence: 1,
        onGroup: () => Effect.fail("no room" as const),
        onRecord: () => {}
      }))
      assert.strictEqual(failure, "no room")
    }))

  it.effect("yields to other fibers within a group and in a long tail", () =>
    Effect.gen(function*() {
      const records = Array.from({ length: 40_000 }, (_, n) => record(String(n)))
      const log = yield* writeLog([[records]])
      const padded = withSegment(log.segments, 1, (bytes) => concat(bytes, new Uint8Array(4_000_000)))
      let turns = 0
      yield* Effect.forkChild(Effect.forever(Effect.sync(() => turns++)))
      yield* Effect.yieldNow
      const before = turns
      const { result } = yield* replay(padded)
      assert.strictEqual(result.records, 40_000)
      assert.isAtLeast(turns - before, 45)
    }))

  it.effect("refuses a version it does not know, behind the end of the log too", () =>
    Effect.gen(function*() {
      const log = yield* writeLog([...smallContent, []])
      const newer = (bytes: Uint8Array): Uint8Array => {
        bytes[8] = 2
        const view = new DataView(bytes.buffer)
        view.setUint32(60, checksum(bytes.subarray(0, 60), checksumSeed(0, 0)), true)
        return bytes
      }
      for (const segment of [1, 2, 3]) {
        const failure = yield* Effect.flip(replay(withSegment(log.segments, segment, newer)))
        assert.instanceOf(failure, UnsupportedFormat)
        const cut = withSegment(log.segments, 1, (bytes) => zeroed(bytes, 64, 80))
        const behind = yield* Effect.flip(replay(withSegment(cut, segment, newer)))
        assert.instanceOf(behind, UnsupportedFormat)
      }
    }))

  it.effect("believes no length: reads stay inside the file and small", () =>
    Effect.gen(function*() {
      const salt = testSalt(1)
      const header = new GroupHeader()
      header.count = 1
      header.firstSequence = 1
      header.payloadLength = 2 ** 50
      const bytes = new Uint8Array(80)
      header.write(bytes, { segment: 1, salt }, 64)
      const file = countedFile(
        "wal",
        concat(encodeSegmentHeader({ segment: 1, salt }, 1), bytes, new Uint8Array(3_000_000))
      )
      const result = yield* replayLog({ segments: [{ segment: 1, file }], firstSequence: 1, onRecord: () => {} })
      assert.strictEqual(result.groups, 0)
      assert.isAtMost(Math.max(...file.reads), 1024 * 1024)
    }))

  it.effect("I15: a large group that reads differently the second time is StoreCorrupted", () =>
    Effect.gen(function*() {
      const log = yield* writeLog([[[big("a", 2_000_000), record("b")]]])
      const file = countedFile("wal", log.segments[0]!.bytes)
      let reads = 0
      const failing: typeof file = {
        ...file,
        read: (offset, length) =>
          Effect.map(file.read(offset, length), (bytes) => offset === 64 + 80 && ++reads > 1 ? bytes.fill(0) : bytes)
      }
      const failure = yield* Effect.flip(
        replayLog({ segments: [{ segment: 1, file: failing }], firstSequence: 1, onRecord: () => {} })
      )
      assert.instanceOf(failure, StoreCorrupted)
    }))

  it.effect("reads a file of false markers in linear time", () =>
    Effect.gen(function*() {
      const log = yield* writeLog([[[record("a", "1")]]])
      const group = log.segments[0]!.bytes.slice(64, 64 + 80)
      const noise = new Uint8Array(4_000_000)
      for (let at = 0; at + 80 <= noise.length; at += 80) noise.set(group, at)
      const file = countedFile("wal", concat(log.segments[0]!.bytes, noise))
      const result = yield* replayLog({ segments: [{ segment: 1, file }], firstSequence: 1, onRecord: () => {} })
      assert.strictEqual(result.groups, 1)
      assert.isAtMost(file.reads.reduce((sum, length) => sum + length, 0), 2.5 * file.size)
    }))

  it.effect("ends before a group whose bytes are not the records it promises", () =>
    Effect.gen(function*() {
      const put = encodeRecord(record("a", "1"))
      const wrong: ReadonlyArray<readonly [count: number, payload: Uint8Array]> = [
        [2, put],
        [1, concat(put, put)],
        [1, concat(put, Uint8Array.of(0))],
        [1, Uint8Array.of(9, 1, 1, 65, 65)],
        [1, Uint8Array.of(1, 1, 200, 1, 65, 65)]
      ]
      for (const [count, payload] of wrong) {
        const log = yield* writeLog([[[record("first", "1")]]])
        const bytes = log.segments[0]!.bytes
        const header = new GroupHeader()
        header.count = count
        header.firstSequence = 2
        header.previousSegment = 1
        header.previousEnd = bytes.length
        header.payloadLength = payload.length
        header.payloadChecksum = checksum(payload, (checksumSeed(1, bytes.length) ^ testSalt(1).high) >>> 0)
        const group = new Uint8Array(80)
        header.write(group, { segment: 1, salt: testSalt(1) }, bytes.length)
        const { lines, result } = yield* replay(withSegment(log.segments, 1, (b) => concat(b, group, payload)))
        assert.deepStrictEqual(lines, linesOf(log.groups))
        assert.strictEqual(result.highestSequenceSeen, 1 + count)
      }
    }))
})
