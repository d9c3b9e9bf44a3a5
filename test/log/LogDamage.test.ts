import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Schema } from "effect"
import type { LogPosition } from "../../src/log/LogPosition.ts"
import { isAfter } from "../../src/log/LogPosition.ts"
import { GroupHeader } from "../../src/log/SegmentFormat.ts"
import type { SegmentIdentity } from "../../src/log/SegmentFormat.ts"
import { segmentName } from "../../src/log/SegmentName.ts"
import { StoreCorrupted } from "../../src/StoreError.ts"
import { concat, linesOf, record, replay, smallContent, testSalt, withSegment, writeLog, zeroed } from "./LogFixture.ts"
import type { TestRecord, WrittenGroup, WrittenLog, WrittenSegment } from "./LogFixture.ts"

/** How many whole groups of the log the replay delivered, or the error; anything but a prefix of groups fails. */
const outcome = (
  log: WrittenLog,
  segments: ReadonlyArray<WrittenSegment>,
  durable?: LogPosition
): Effect.Effect<number | StoreCorrupted> =>
  Effect.gen(function*() {
    const result = yield* Effect.result(replay(segments, durable === undefined ? {} : { durable }))
    if (Result.isFailure(result)) {
      assert.instanceOf(result.failure, StoreCorrupted)
      return result.failure
    }
    const { lines, result: { end, groups, highestSequenceSeen, lastSequence } } = result.success
    assert.deepStrictEqual(lines, linesOf(log.groups.slice(0, groups)))
    assert.strictEqual(lastSequence, lines.length)
    assert.isAtLeast(highestSequenceSeen, lastSequence)
    const last = log.groups[groups - 1]
    if (last !== undefined) assert.isFalse(isAfter({ segment: last.segment, offset: last.end }, end))
    return groups
  })

const endOf = (group: WrittenGroup): LogPosition => ({ segment: group.segment, offset: group.end })

/** The groups that lie wholly below a position. */
const groupsBelow = (log: WrittenLog, position: LogPosition): number =>
  log.groups.filter((group) => !isAfter(endOf(group), position)).length

const logEnd = (log: WrittenLog): LogPosition => endOf(log.groups.at(-1)!)

const flip = (at: number, mask: number) => (bytes: Uint8Array): Uint8Array => {
  bytes[at]! ^= mask
  return bytes
}

const swap = (bytes: Uint8Array, a: number, b: number, length: number): Uint8Array => {
  const first = bytes.slice(a, a + length)
  bytes.copyWithin(a, b, b + length)
  bytes.set(first, b)
  return bytes
}

describe("LogReplay of a truncated log", () => {
  it.effect("I4: yields exactly the groups that are whole, at every length of the last segment", () =>
    Effect.gen(function*() {
      const log = yield* writeLog(smallContent)
      const length = log.segments[1]!.bytes.length
      for (let cut = 0; cut <= length; cut++) {
        const expected = log.groups.filter((group) => group.segment === 1 || group.payloadEnd <= cut).length
        const truncated = withSegment(log.segments, 2, (bytes) => bytes.slice(0, cut))
        assert.strictEqual(yield* outcome(log, truncated), expected)
      }
    }))

  it.effect("I4: drops the segments behind one that ends early", () =>
    Effect.gen(function*() {
      const log = yield* writeLog(smallContent)
      const length = log.segments[0]!.bytes.length
      for (let cut = 0; cut < length; cut++) {
        const expected = log.groups.filter((group) => group.segment === 1 && group.payloadEnd <= cut).length
        const truncated = withSegment(log.segments, 1, (bytes) => bytes.slice(0, cut))
        const groups = yield* outcome(log, truncated)
        assert.strictEqual(groups, expected === 3 ? 6 : expected)
      }
    }))

  it.effect("I15: is damage below the position that the caller knows to be durable", () =>
    Effect.gen(function*() {
      const log = yield* writeLog(smallContent)
      const length = log.segments[1]!.bytes.length
      for (const known of log.groups) {
        const durable = endOf(known)
        for (let cut = 0; cut < length; cut += 3) {
          const truncated = withSegment(log.segments, 2, (bytes) => bytes.slice(0, cut))
          const groups = yield* outcome(log, truncated, durable)
          const whole = log.groups.filter((group) => group.segment === 1 || group.payloadEnd <= cut).length
          if (whole >= groupsBelow(log, durable)) assert.strictEqual(groups, whole)
          else assert.instanceOf(groups, StoreCorrupted)
        }
      }
    }))

  it.effect("I15: is damage if a durable segment is not there at all", () =>
    Effect.gen(function*() {
      const log = yield* writeLog(smallContent)
      const failure = yield* outcome(log, log.segments, { segment: 3, offset: 64 })
      assert.instanceOf(failure, StoreCorrupted)
    }))
})

describe("LogReplay of a log with flipped bits", () => {
  it.effect("I15: without evidence it ends at the damaged group", () =>
    Effect.gen(function*() {
      const log = yield* writeLog(smallContent)
      for (const { bytes, segment } of log.segments) {
        for (let at = 0; at < bytes.length; at++) {
          const before = log.groups.filter((group) => isAfter({ segment, offset: at + 1 }, endOf(group))).length
          for (const mask of [1 << (at % 8), 0xff]) {
            const groups = yield* outcome(log, withSegment(log.segments, segment, flip(at, mask)))
            // A flip in the padding behind a group harms nothing.
            const inPadding = log.groups.some((group) =>
              group.segment === segment && at >= group.payloadEnd && at < group.end
            )
            assert.strictEqual(groups, inPadding ? log.groups.length : before, `segment ${segment}, byte ${at}`)
          }
        }
      }
    }))

  it.effect("I15: below what a later group says was durable it is StoreCorrupted at the damaged group", () =>
    Effect.gen(function*() {
      const log = yield* writeLog(smallContent, { synced: "each" })
      const last = log.groups.at(-1)!
      for (const { bytes, segment } of log.segments) {
        for (let at = 0; at < bytes.length; at++) {
          const groups = yield* outcome(log, withSegment(log.segments, segment, flip(at, 1 << (at % 8))))
          const hit = log.groups.find((group) => group.segment === segment && at >= group.offset && at < group.end)
          const message = `segment ${segment}, byte ${at}`
          if (hit !== undefined && at >= hit.payloadEnd) {
            assert.strictEqual(groups, log.groups.length, message)
          } else if (hit === last) {
            assert.strictEqual(groups, log.groups.length - 1, message)
          } else if (groups instanceof StoreCorrupted) {
            assert.strictEqual(groups.offset, hit === undefined ? 0 : hit.offset, message)
            assert.strictEqual(groups.file, segmentName(segment, 1), message)
          } else {
            assert.fail(message)
          }
        }
      }
    }))

  it.effect("I15: below what the caller knows it is StoreCorrupted", () =>
    Effect.gen(function*() {
      const log = yield* writeLog(smallContent)
      for (const { bytes, segment } of log.segments) {
        for (let at = 0; at < bytes.length; at++) {
          const groups = yield* outcome(log, withSegment(log.segments, segment, flip(at, 0x40)), logEnd(log))
          if (!(groups instanceof StoreCorrupted)) assert.strictEqual(groups, log.groups.length)
        }
      }
    }))
})

describe("LogReplay of a log with lost ranges", () => {
  const wide: ReadonlyArray<ReadonlyArray<ReadonlyArray<TestRecord>>> = Array.from(
    { length: 3 },
    (_, s) => [0, 1, 2, 3, 4].map((g) => [record(`key ${s} ${g}`, "v".repeat(400)), record(`gone ${s} ${g}`)])
  )

  it.effect("I15: a zeroed sector ends the log there, or is StoreCorrupted where it is known to be durable", () =>
    Effect.gen(function*() {
      for (const synced of ["never", "each"] as const) {
        const log = yield* writeLog(wide, { synced })
        for (const { bytes, segment } of log.segments) {
          for (let at = 0; at < bytes.length; at += 512) {
            const groups = yield* outcome(log, withSegment(log.segments, segment, (b) => zeroed(b, at, at + 512)))
            const before = groupsBelow(log, { segment, offset: at })
            // A header that is left says that all groups before it were durable.
            const witness = log.groups.findLastIndex((group) =>
              group.segment !== segment || group.offset + 80 <= at || group.offset >= at + 512
            )
            if (synced === "each" && witness > before) assert.instanceOf(groups, StoreCorrupted)
            else assert.strictEqual(groups, before)
          }
        }
      }
    }))

  it.effect("I4: a log that lost all groups of its first segment is empty, not one that begins later", () =>
    Effect.gen(function*() {
      const log = yield* writeLog(wide)
      assert.strictEqual(yield* outcome(log, withSegment(log.segments, 1, (bytes) => zeroed(bytes, 64, 9_999))), 0)
      assert.strictEqual(yield* outcome(log, withSegment(log.segments, 1, (bytes) => bytes.slice(0, 64))), 0)
      const synced = yield* writeLog(wide, { synced: "each" })
      const failure = yield* outcome(synced, withSegment(synced.segments, 1, (bytes) => bytes.slice(0, 64)))
      assert.instanceOf(failure, StoreCorrupted)
      if (failure instanceof StoreCorrupted) assert.strictEqual(failure.offset, 64)
    }))

  it.effect("I4: a gap between segments ends the log before it", () =>
    Effect.gen(function*() {
      const log = yield* writeLog(wide)
      const gap = withSegment(log.segments, 2, (bytes) => zeroed(bytes, 64, 9_999))
      const { result } = yield* replay(gap)
      assert.strictEqual(result.groups, 5)
      assert.deepStrictEqual(result.end, { segment: 2, offset: 64 })
      assert.strictEqual(result.discardedBytes, log.groups.at(-1)!.payloadEnd)
      assert.strictEqual(result.highestSequenceSeen, 30)
    }))

  it.effect("I15: a lost start of a segment is StoreCorrupted if its later groups were durable", () =>
    Effect.gen(function*() {
      const log = yield* writeLog([wide[0]!], { synced: "each" })
      const groups = log.groups
      for (const [n, group] of groups.slice(0, -1).entries()) {
        const lost = yield* outcome(log, withSegment(log.segments, 1, (bytes) => zeroed(bytes, 0, group.end)))
        // The last group speaks for those before it, and none for itself.
        assert.instanceOf(lost, StoreCorrupted, `groups up to ${n}`)
      }
      assert.strictEqual(yield* outcome(log, withSegment(log.segments, 1, (bytes) => zeroed(bytes, 0, 99_999))), 0)
    }))

  it.effect("I15: a lost segment is StoreCorrupted by what a later group says alone", () =>
    Effect.gen(function*() {
      const log = yield* writeLog(wide.slice(0, 2), { synced: "each", linked: false })
      const failure = yield* outcome(log, withSegment(log.segments, 1, (bytes) => bytes.slice(0, 64)))
      assert.instanceOf(failure, StoreCorrupted)
    }))

  it.effect("I15: an empty segment behind the damage doesn't hide it", () =>
    Effect.gen(function*() {
      const synced = yield* writeLog([wide[0]!, []], { synced: "each" })
      const damaged = withSegment(synced.segments, 1, (bytes) => zeroed(bytes, synced.groups[1]!.offset, 1_000))
      assert.instanceOf(yield* outcome(synced, damaged), StoreCorrupted)
      const log = yield* writeLog([wide[0]!, []])
      const truncated = withSegment(log.segments, 1, (bytes) => bytes.slice(0, log.groups[3]!.end))
      assert.instanceOf(yield* outcome(log, truncated, logEnd(log)), StoreCorrupted)
    }))

  it.effect("I15: finds the one header that testifies wherever it lies", () =>
    Effect.gen(function*() {
      for (let before = 0; before <= 88; before += 8) {
        const length = 512 * 1024 - 80 - before - (1 + 1 + 3 + 1)
        const large = { key: new Uint8Array(1), value: new Uint8Array(length) }
        const log = yield* writeLog([[[large], [record("b")]]], { synced: "each" })
        assert.strictEqual(log.groups[1]!.offset, 64 + 512 * 1024 - before)
        const failure = yield* outcome(log, withSegment(log.segments, 1, flip(64, 1)))
        assert.instanceOf(failure, StoreCorrupted)
      }
    }))

  it.effect("I16: counts the sequences of groups that it discards", () =>
    Effect.gen(function*() {
      const log = yield* writeLog(wide)
      const torn = withSegment(log.segments, 1, flip(log.groups[1]!.offset + 90, 1))
      const { result } = yield* replay(torn)
      assert.strictEqual(result.lastSequence, 2)
      assert.strictEqual(result.highestSequenceSeen, 30)
      assert.deepStrictEqual(result.end, { segment: 1, offset: log.groups[0]!.end })
    }))

  const Damage = Schema.Struct({
    kind: Schema.Literals(["flip", "zero", "truncate", "swap", "overwrite"]),
    segment: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 3 })),
    at: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2_600 })),
    other: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2_600 })),
    length: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_500 }))
  })

  const applyDamage = (damage: typeof Damage.Type) => (bytes: Uint8Array): Uint8Array => {
    const at = damage.at % bytes.length
    switch (damage.kind) {
      case "flip":
        return flip(at, 1 << (damage.length % 8))(bytes)
      case "zero":
        return zeroed(bytes, at, at + damage.length)
      case "truncate":
        return bytes.slice(0, at)
      case "swap": {
        const blocks = Math.floor(bytes.length / 512)
        return swap(bytes, damage.at % blocks * 512, damage.other % blocks * 512, 512)
      }
      case "overwrite":
        return bytes.copyWithin(at, damage.other % bytes.length, damage.other % bytes.length + damage.length)
    }
  }

  it.effect.prop("I15: any damage leaves a prefix that holds all that is known to be durable, or StoreCorrupted", {
    damages: Schema.Array(Damage).check(Schema.isMinLength(1), Schema.isMaxLength(3)),
    synced: Schema.Literals(["each", "never"]),
    known: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 14 }))
  }, ({ damages, known, synced }) =>
    Effect.gen(function*() {
      const log = yield* writeLog(wide, { synced })
      let segments = log.segments
      for (const damage of damages) segments = withSegment(segments, damage.segment, applyDamage(damage))
      const durable = endOf(log.groups[known]!)
      const groups = yield* outcome(log, segments, durable)
      if (!(groups instanceof StoreCorrupted)) assert.isAtLeast(groups, known + 1)
      yield* outcome(log, segments)
    }), { arbitrary: { runs: 400 } })
})

describe("LogReplay of a log with foreign groups", () => {
  const same: ReadonlyArray<TestRecord> = [record("k", "same length")]
  const four = [[same, same, same, same]]
  const slot = (group: WrittenGroup, bytes: Uint8Array): Uint8Array => bytes.slice(group.offset, group.end)

  it.effect("I15: swapped groups don't pass", () =>
    Effect.gen(function*() {
      for (const synced of ["never", "each"] as const) {
        const log = yield* writeLog(four, { synced })
        const [, second, third] = log.groups
        const length = second!.end - second!.offset
        const swapped = withSegment(log.segments, 1, (bytes) => swap(bytes, second!.offset, third!.offset, length))
        const groups = yield* outcome(log, swapped)
        if (synced === "never") assert.strictEqual(groups, 1)
        else assert.instanceOf(groups, StoreCorrupted)
      }
    }))

  it.effect("I15: swapped payloads don't pass", () =>
    Effect.gen(function*() {
      const content = [[[record("k", "one")], [record("k", "two")], [record("k", "six")]]]
      const log = yield* writeLog(content)
      const [first, second] = log.groups
      const swapped = withSegment(
        log.segments,
        1,
        (bytes) => swap(bytes, first!.offset + 80, second!.offset + 80, first!.payloadEnd - first!.offset - 80)
      )
      assert.strictEqual(yield* outcome(log, swapped), 0)
    }))

  it.effect("I15: a group from another place, segment or life of the file doesn't pass", () =>
    Effect.gen(function*() {
      const log = yield* writeLog(four)
      const fourth = log.groups[3]!
      const otherLife = yield* writeLog(four, { salt: (segment) => ({ ...testSalt(segment), low: 1 }) })
      const otherLifeHigh = yield* writeLog(four, { salt: (segment) => ({ ...testSalt(segment), high: 1 }) })
      const otherSegment = yield* writeLog(four, { firstSegment: 2, salt: () => testSalt(1) })
      const foreign = [
        slot(log.groups[2]!, log.segments[0]!.bytes),
        slot(fourth, otherLife.segments[0]!.bytes),
        slot(fourth, otherLifeHigh.segments[0]!.bytes),
        slot(fourth, otherSegment.segments[0]!.bytes)
      ]
      for (const [n, group] of foreign.entries()) {
        const replaced = withSegment(log.segments, 1, (bytes) => {
          bytes.set(group, fourth.offset)
          return bytes
        })
        assert.strictEqual(yield* outcome(log, replaced), 3, `foreign group ${n}`)
      }
    }))

  it.effect("I15: a segment under another's name doesn't pass", () =>
    Effect.gen(function*() {
      const log = yield* writeLog([...four, ...four], { salt: () => testSalt(1) })
      const [first, second] = log.segments
      const swapped = [{ segment: 1, bytes: second!.bytes }, { segment: 2, bytes: first!.bytes }]
      assert.strictEqual(yield* outcome(log, swapped), 0)
    }))

  it.effect("ends before a group whose sequences leave a gap or go back", () =>
    Effect.gen(function*() {
      for (const firstSequence of [3, 1]) {
        const log = yield* writeLog([[same]])
        const odd = yield* writeLog([[same], [same]], { firstSequence: firstSequence - 1 })
        const segments = [log.segments[0]!, odd.segments[1]!]
        const { lines, result } = yield* replay(segments)
        assert.deepStrictEqual(lines, linesOf(log.groups))
        assert.strictEqual(result.highestSequenceSeen, firstSequence)
      }
    }))

  it.effect("ends before a group that was written behind another one", () =>
    Effect.gen(function*() {
      const log = yield* writeLog([[same], [same]])
      const other = yield* writeLog([[same], [], [same]], { firstSequence: 2 })
      const segments = [...log.segments, other.segments[2]!]
      const { lines, result } = yield* replay(segments)
      assert.deepStrictEqual(lines, linesOf(log.groups))
      assert.deepStrictEqual(result.end, { segment: 3, offset: 64 })
      assert.strictEqual(result.highestSequenceSeen, 3)
    }))
})

describe("LogReplay of values made to look like groups", () => {
  /**
   * A log whose second group holds one value, which is full of headers that
   * `identity` would write `shift` bytes further on, each saying that much more
   * than the first group was durable; then the second group is torn.
   */
  const tornWithForgeries = (identity: SegmentIdentity, shift: number) =>
    Effect.gen(function*() {
      const first = [record("a", "1")]
      const length = 80 * 50
      const plain = yield* writeLog([[first, [{ key: new Uint8Array(4), value: new Uint8Array(length) }]]])
      const { offset, payloadEnd } = plain.groups[1]!
      const valueStart = payloadEnd - length
      const value = new Uint8Array(length)
      const header = new GroupHeader()
      const bytes = new Uint8Array(80)
      for (let at = Math.ceil(valueStart / 8) * 8; at + 80 <= payloadEnd; at += 80) {
        header.count = 1
        header.firstSequence = 1_000_000
        header.durableSegment = 1
        header.durableOffset = offset + 8
        header.previousSegment = 1
        header.previousEnd = at
        header.payloadLength = 2
        header.write(bytes, identity, at + shift)
        value.set(bytes, at - valueStart)
      }
      const log = yield* writeLog([[first, [{ key: new Uint8Array(4), value }]]])
      const torn = withSegment(log.segments, 1, flip(log.groups[1]!.offset + 30, 4))
      return yield* Effect.result(replay(torn))
    })

  it.effect("I15: they don't testify, having been written for another place or under another salt", () =>
    Effect.gen(function*() {
      const salt = testSalt(1)
      const cases: ReadonlyArray<readonly [SegmentIdentity, number]> = [
        [{ segment: 1, salt }, 80],
        [{ segment: 1, salt }, 8],
        [{ segment: 1, salt }, -8],
        [{ segment: 1, salt: { ...salt, low: salt.low ^ 1 } }, 0],
        [{ segment: 1, salt: { ...salt, high: salt.high ^ 1 } }, 0],
        [{ segment: 2, salt }, 0]
      ]
      for (const [identity, shift] of cases) {
        const result = yield* tornWithForgeries(identity, shift)
        if (Result.isFailure(result)) return assert.fail(result.failure.message)
        assert.strictEqual(result.success.result.groups, 1)
        assert.strictEqual(result.success.result.highestSequenceSeen, 1)
      }
    }))

  it.effect("I15: they would, if they knew the segment's salt and their own place", () =>
    Effect.gen(function*() {
      const result = yield* tornWithForgeries({ segment: 1, salt: testSalt(1) }, 0)
      assert.isTrue(Result.isFailure(result))
    }))

  it.effect("I16: they don't testify behind a sound header either, if the file header is lost", () =>
    Effect.gen(function*() {
      const header = new GroupHeader()
      header.count = 1
      header.firstSequence = 1_000_000
      header.payloadLength = 2
      header.previousSegment = 1
      const bytes = new Uint8Array(80)
      const log = yield* writeLog([smallContent[0]!])
      const end = log.groups.at(-1)!.end
      header.previousEnd = end
      header.write(bytes, { segment: 1, salt: testSalt(2) }, end)
      const { result } = yield* replay(withSegment(log.segments, 1, (b) => concat(flip(0, 1)(b), bytes)))
      assert.strictEqual(result.groups, 0)
      assert.strictEqual(result.highestSequenceSeen, 6)
    }))

  it.effect("a value that holds its own segment as it was so far replays like any other", () =>
    Effect.gen(function*() {
      const start = yield* writeLog([smallContent[0]!], { synced: "each" })
      const copy = { key: new Uint8Array(0), value: concat(new Uint8Array(4), start.segments[0]!.bytes) }
      const log = yield* writeLog([[...smallContent[0]!, [copy], [record("z")]]], { synced: "each" })
      assert.strictEqual(yield* outcome(log, log.segments), 5)
      const torn = withSegment(log.segments, 1, flip(log.groups[3]!.offset + 4, 1))
      assert.instanceOf(yield* outcome(log, torn), StoreCorrupted)
      const tail = withSegment(torn, 1, (bytes) => zeroed(bytes, log.groups[4]!.offset, log.groups[4]!.end))
      assert.strictEqual(yield* outcome(log, tail), 3)
    }))
})
