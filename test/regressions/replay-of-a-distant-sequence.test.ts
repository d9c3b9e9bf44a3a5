/**
 * A log that begins more than 2^32 sequences above the tables was a defect in
 * recovery: the memtable for the replay was numbered from the tables on. Behind
 * the last safe integer, writes were acknowledged that no recovery would find.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { segmentFile } from "../../scripts/support/smallStore.ts"
import { decodeSegmentHeader, segmentHeaderSize } from "../../src/log/SegmentFormat.ts"
import { SegmentWriter } from "../../src/log/SegmentWriter.ts"
import { deleteSize, putSize, writeDelete, writePut } from "../../src/record/RecordCodec.ts"
import { SimulatedDisk } from "../../src/testing/index.ts"
import { bytes, contentOf, isReadOnly, runSimulated, simulatedLayer, withStore } from "../store/storeHelpers.ts"

/** A put and a delete as a group's payload. */
const payload = (): Uint8Array => {
  const content = new Uint8Array(putSize(3, 5) + deleteSize(4))
  writeDelete(content, writePut(content, 0, bytes("key"), bytes("value")), bytes("gone"))
  return content
}

/** Puts a group with distant sequences into the segment that a store has just begun. */
const plantGroup = (disk: SimulatedDisk, firstSequence: number): Effect.Effect<void> =>
  Effect.gen(function*() {
    const path = `/store/${segmentFile(disk, 1)}`
    const header = disk.readFile(path).slice(0, segmentHeaderSize)
    const decoded = decodeSegmentHeader(header, 1)
    assert.ok(decoded._tag === "Valid")
    const file = yield* Effect.orDie(SimulatedDisk.make().service.createAppend("/file"))
    const content = payload()
    const chunks = new SegmentWriter(file, 1, decoded.identity.salt).encodeGroup({
      firstSequence,
      count: 2,
      payload: [content],
      payloadLength: content.length,
      durableSegment: 0,
      durableOffset: 0
    })
    disk.writeFile(path, new Uint8Array(Buffer.concat([header, ...chunks])))
  })

/** A store whose log begins at a sequence. */
const storeAt = (firstSequence: number) =>
  Effect.gen(function*() {
    const disk = SimulatedDisk.make()
    const image = yield* withStore(simulatedLayer(disk), () => Effect.sync(() => disk.killImage()))
    yield* plantGroup(image, firstSequence)
    return image
  })

describe("recovery of a log that begins far above the tables", () => {
  const distant = 2 ** 40

  it("goes on from there", () => {
    const program = Effect.gen(function*() {
      const image = yield* storeAt(distant)
      return yield* withStore(simulatedLayer(image), (store) =>
        Effect.gen(function*() {
          yield* store.put(bytes("next"), bytes("1"))
          const { sequence } = yield* store.stats
          return { content: yield* contentOf(store), sequence }
        }))
    })
    assert.deepStrictEqual(runSimulated(1, program), { content: ["key=value", "next=1"], sequence: distant + 2 })
  })

  it.each(["sync", "async"] as const)("takes no %s write once there are no sequences left", (durability) => {
    const program = Effect.gen(function*() {
      const image = yield* storeAt(Number.MAX_SAFE_INTEGER - 2)
      yield* withStore(simulatedLayer(image, { durability }), (store) =>
        Effect.gen(function*() {
          yield* store.put(bytes("last"), bytes("1"))
          yield* isReadOnly(store.put(bytes("none"), bytes("1")), "failure")
          yield* isReadOnly(store.put(bytes("none"), bytes("1")), "failure")
          assert.deepStrictEqual(yield* contentOf(store), ["key=value", "last=1"])
        }))
      return yield* withStore(simulatedLayer(image), contentOf)
    })
    assert.deepStrictEqual(runSimulated(1, program), ["key=value", "last=1"])
  })
})
