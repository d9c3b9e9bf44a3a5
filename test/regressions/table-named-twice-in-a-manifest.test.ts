import { assert, describe, it } from "@effect/vitest"
import { applyEvent } from "../../src/engine/ManifestEvent.ts"

const table = (file: number, level: number) => ({
  file,
  generation: 1,
  level,
  size: 100,
  footerChecksum: 1,
  entries: 1,
  tombstones: 0,
  shadowed: 0,
  smallestKey: Uint8Array.of(file),
  largestKey: Uint8Array.of(file),
  smallestSequence: 1,
  largestSequence: 1
})

const snapshot = (tables: ReadonlyArray<ReturnType<typeof table>>) =>
  applyEvent(undefined, {
    _tag: "Snapshot",
    origin: 1,
    tables,
    segments: [],
    nextSegment: 1,
    nextTable: 9,
    lastSequence: 1
  })

describe("a manifest (I11, I15)", () => {
  it("that names a table twice is refused", () => {
    assert.isObject(snapshot([table(1, 0), table(2, 3)]))
    assert.isString(snapshot([table(1, 0), table(1, 0)]))
    assert.isString(snapshot([table(1, 0), table(1, 3)]))
  })
})
