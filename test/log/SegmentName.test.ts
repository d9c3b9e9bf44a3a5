import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { parseSegmentName, segmentName } from "../../src/log/SegmentName.ts"

describe("SegmentName", () => {
  it("pads the number to ten digits", () => {
    assert.strictEqual(segmentName(42), "wal-0000000042.seg")
    assert.strictEqual(segmentName(12_345_678_901), "wal-12345678901.seg")
  })

  it.prop("parses what it names", { segment: Schema.Natural }, ({ segment }) => {
    assert.strictEqual(parseSegmentName(segmentName(segment)), segment)
  })

  it("takes no other name", () => {
    for (
      const name of [
        "wal-42.seg",
        "wal-00000000042.seg",
        "wal-0000000042.seg.tmp",
        "xwal-0000000042.seg",
        "wal-0000000042.sst",
        "wal--000000042.seg",
        "wal-9999999999999999.seg"
      ]
    ) {
      assert.isUndefined(parseSegmentName(name), name)
    }
  })
})
