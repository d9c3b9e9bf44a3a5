import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import type { Disk } from "../../src/disk/Disk.ts"
import { GroupHeader } from "../../src/log/SegmentFormat.ts"
import { largeGroupLength, SegmentWriter } from "../../src/log/SegmentWriter.ts"
import type { GroupInput } from "../../src/log/SegmentWriter.ts"
import { DiskError } from "../../src/StoreError.ts"
import { appendFile, concat, encodeRecord, record, testSalt } from "./LogFixture.ts"

const identity = { segment: 7, salt: testSalt(7) }

const newWriter = () => new SegmentWriter(appendFile("wal"), identity.segment, identity.salt)

const groupOf = (payload: ReadonlyArray<Uint8Array>, firstSequence = 1): GroupInput => ({
  firstSequence,
  count: payload.length,
  payload,
  payloadLength: payload.reduce((sum, chunk) => sum + chunk.length, 0),
  durableSegment: 7,
  durableOffset: 64
})

const diskOf = (createAppend: Disk["Service"]["createAppend"]): Disk["Service"] => {
  const unused = () => Effect.die("not part of this test")
  return {
    createAppend,
    claim: unused,
    openRead: unused,
    kind: unused,
    list: unused,
    makeDirectory: unused,
    rename: unused,
    remove: unused,
    syncDirectory: unused,
    checkWritable: unused,
    lock: unused
  }
}

describe("SegmentWriter", () => {
  it.effect("creates the file with its header and stands behind it", () =>
    Effect.gen(function*() {
      const file = appendFile("wal-0000000007-1.seg")
      const writer = yield* SegmentWriter.create(diskOf(() => Effect.succeed(file)), file.path, 7, identity.salt, 1)
      assert.strictEqual(file.bytes().length, 64)
      assert.strictEqual(writer.position, 64)
      assert.strictEqual(writer.segment, 7)
    }))

  it.effect("closes the file, and removes it, when its header can't be appended", () =>
    Effect.gen(function*() {
      let closed = 0
      const error = new DiskError({ operation: "append", path: "wal", code: "ENOSPC" })
      const file = {
        ...appendFile("wal"),
        append: () => Effect.fail(error),
        close: Effect.sync(() => {
          closed++
        })
      }
      const removed: Array<string> = []
      const disk: Disk["Service"] = {
        ...diskOf(() => Effect.succeed(file)),
        remove: (path) => Effect.sync(() => void removed.push(path))
      }
      const exit = yield* Effect.exit(SegmentWriter.create(disk, "wal", 7, identity.salt, 1))
      assert.deepStrictEqual(exit, Exit.fail(error))
      assert.strictEqual(closed, 1)
      assert.deepStrictEqual(removed, ["wal"])
    }))

  it("moves its position only when an append has succeeded", () => {
    const writer = newWriter()
    const chunks = writer.encodeGroup(groupOf([encodeRecord(record("k", "v"))]))
    const length = concat(...chunks).length
    assert.strictEqual(length % 8, 0)
    assert.strictEqual(writer.position, 64)
    assert.strictEqual(writer.encodedEnd, 64 + length)
    writer.advance()
    assert.strictEqual(writer.position, 64 + length)
  })

  it("leaves a group in flight as it is while the next one is encoded", () => {
    const writer = newWriter()
    const first = writer.encodeGroup(groupOf([encodeRecord(record("a", "1"))], 1))
    const before = concat(...first)
    const second = concat(...writer.encodeGroup(groupOf([encodeRecord(record("b", "2"))], 2)))
    assert.deepStrictEqual(concat(...first), before)
    assert.notDeepEqual(second, before)
    const header = new GroupHeader()
    assert.isTrue(header.read(second, 0, identity, 64 + before.length))
    assert.strictEqual(header.firstSequence, 2)
    assert.strictEqual(header.previousEnd, 64 + before.length)
  })

  it("refuses a third group while two wait, and an advance without a group", () => {
    const writer = newWriter()
    assert.throws(() => writer.advance())
    const group = groupOf([encodeRecord(record("a", "1"))])
    writer.encodeGroup(group)
    writer.encodeGroup(group)
    assert.throws(() => writer.encodeGroup(group))
    writer.advance()
    writer.encodeGroup(group)
  })

  it("refuses a payload of another length than it was told", () => {
    const group = groupOf([encodeRecord(record("a", "1"))])
    assert.throws(() => newWriter().encodeGroup({ ...group, payloadLength: group.payloadLength + 1 }))
  })

  it("encodes the same bytes however the payload is cut, from shared memory too", () => {
    const payload = concat(encodeRecord(record("key", "value")), encodeRecord(record("other")))
    const shared = new Uint8Array(new SharedArrayBuffer(payload.length))
    shared.set(payload)
    const whole = concat(...newWriter().encodeGroup({ ...groupOf([payload]), count: 2 }))
    for (let cut = 0; cut <= payload.length; cut++) {
      const pieces = [shared.subarray(0, cut), shared.subarray(cut)]
      assert.deepStrictEqual(concat(...newWriter().encodeGroup({ ...groupOf(pieces), count: 2 })), whole)
    }
  })

  it.effect("encodes a large group as it would a small one, and yields meanwhile", () =>
    Effect.gen(function*() {
      const payload = [
        encodeRecord({ key: new Uint8Array(9).fill(1), value: new Uint8Array(2.5 * largeGroupLength).fill(3) }),
        ...Array.from({ length: 40 }, (_, n) =>
          encodeRecord({ key: new Uint8Array(9).fill(n), value: new Uint8Array(60_000).fill(n) }))
      ]
      const expected = concat(...newWriter().encodeGroup(groupOf(payload)))
      let turns = 0
      yield* Effect.forkChild(Effect.forever(Effect.sync(() =>
        turns++
      )))
      yield* Effect.yieldNow
      const before = turns
      const chunks = yield* newWriter().encodeLargeGroup(groupOf(payload))
      assert.isAtLeast(turns - before, 4)
      assert.deepStrictEqual(concat(...chunks), expected)
    }))

  it("names the group before the first one, across empty segments", () => {
    const first = newWriter()
    first.encodeGroup(groupOf([encodeRecord(record("a", "1"))]))
    const end = first.encodedEnd
    const second = new SegmentWriter(appendFile("wal"), 8, testSalt(8))
    second.follow(first.lastGroupEnd)
    const third = new SegmentWriter(appendFile("wal"), 9, testSalt(9))
    third.follow(second.lastGroupEnd)
    assert.deepStrictEqual(third.lastGroupEnd, { segment: 7, offset: end })
    const bytes = concat(...third.encodeGroup(groupOf([encodeRecord(record("b", "2"))], 2)))
    const header = new GroupHeader()
    assert.isTrue(header.read(bytes, 0, { segment: 9, salt: testSalt(9) }, 64))
    assert.strictEqual(header.previousSegment, 7)
    assert.strictEqual(header.previousEnd, end)
    assert.throws(() => third.follow(first.lastGroupEnd))
  })
})
