/**
 * A store that was closed while a flush or a compaction went on journalled their
 * events after `CleanlyClosed`, and with that forgot how far the log was durable:
 * a log that lost its end afterwards was taken for one that a crash had ended.
 */
import { assert, describe, it } from "@effect/vitest"
import { applyEvent } from "../../src/engine/ManifestEvent.ts"
import type { ManifestEvent, ManifestState } from "../../src/engine/ManifestEvent.ts"

const foldOf = (events: ReadonlyArray<ManifestEvent>): ManifestState => {
  let state: ManifestState | undefined
  for (const event of events) {
    const next = applyEvent(state, event)
    if (typeof next === "string") throw new Error(next)
    state = next
  }
  return state!
}

const created = (segment: number): ManifestEvent => ({
  _tag: "SegmentCreated",
  segment,
  generation: 1,
  salt: { low: segment, high: 0 }
})

describe("The position up to which a closed log is durable (I15)", () => {
  it("is not forgotten for what the background did while the store closed", () => {
    const open: ReadonlyArray<ManifestEvent> = [
      { _tag: "Snapshot", origin: 1, tables: [], segments: [], nextSegment: 1, nextTable: 1, lastSequence: 0 },
      created(1),
      created(2),
      { _tag: "CleanlyClosed", segment: 2, offset: 4_096 }
    ]
    const later: ReadonlyArray<ManifestEvent> = [
      created(3),
      { _tag: "MemtableFlushed", segments: [1], lastSequence: 10 },
      { _tag: "TablesCompacted", removed: [], added: [] }
    ]
    for (const event of later) {
      assert.deepStrictEqual(foldOf([...open, event]).closed, { segment: 2, offset: 4_096 }, event._tag)
    }
  })
})
