import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { linesOf, replay, smallContent, writeLog } from "./LogFixture.ts"

const golden = Uint8Array.from(readFileSync(new URL("golden/segment-v1.seg", import.meta.url)))

/** What the golden file was made from. */
const written = writeLog([smallContent[0]!], {
  firstSegment: 4_294_967_299,
  firstSequence: 1_099_511_627_777,
  synced: "each",
  salt: () => ({ low: 0x0123_4567, high: 0x89ab_cdef })
})

describe("Segment format version 1", () => {
  it.effect("is written byte for byte as it was", () =>
    Effect.gen(function*() {
      const { segments } = yield* written
      assert.strictEqual(Buffer.from(segments[0]!.bytes).toString("hex"), Buffer.from(golden).toString("hex"))
    }))

  it.effect("is read as it was written", () =>
    Effect.gen(function*() {
      const { groups } = yield* written
      const { lines, result } = yield* replay([{ segment: 4_294_967_299, bytes: golden }], {
        firstSequence: 1_099_511_627_777
      })
      assert.deepStrictEqual(lines, linesOf(groups))
      assert.strictEqual(result.lastSequence, 1_099_511_627_782)
    }))
})
