import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { parseSegmentName, segmentName } from "../../src/log/SegmentName.ts"

describe("SegmentName", () => {
  it("pads the number to ten digits, and not the generation", () => {
    assert.strictEqual(segmentName(42, 7), "wal-0000000042-7.seg")
    assert.strictEqual(segmentName(12_345_678_901, 1_784_205_611), "wal-12345678901-1784205611.seg")
  })

  it.prop(
    "parses what it names",
    { segment: Schema.Natural, generation: Schema.Natural },
    ({ generation, segment }) => {
      assert.deepStrictEqual(parseSegmentName(segmentName(segment, generation)), { segment, generation })
    }
  )

  it("takes no other name", () => {
    for (
      const name of [
        "wal-42-1.seg",
        "wal-00000000042-1.seg",
        "wal-0000000042-1.seg.tmp",
        "xwal-0000000042-1.seg",
        "wal-0000000042-1.sst",
        "wal--000000042-1.seg",
        "wal-9999999999999999-1.seg",
        "wal-0000000042.seg",
        "wal-0000000042-.seg",
        "wal-0000000042-01.seg",
        "wal-0000000042--1.seg",
        "wal-0000000042-+1.seg",
        "wal-0000000042-1e3.seg",
        "wal-0000000042- 1.seg",
        "wal-0000000042-1.5.seg",
        "wal-0000000042-1-1.seg",
        "wal-0000000042-9999999999999999.seg",
        "wal-0000000042-1.SEG"
      ]
    ) {
      assert.isUndefined(parseSegmentName(name), name)
    }
  })
})
