import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { readFileSync } from "node:fs"
import { snapshotOf } from "../../src/engine/ManifestEvent.ts"
import type { ManifestEvent, ManifestState } from "../../src/engine/ManifestEvent.ts"
import {
  encodeCurrent,
  encodeFrame,
  encodeManifestHeader,
  readCurrent,
  readManifest
} from "../../src/engine/ManifestLog.ts"

const number = 4_294_967_299
const file = "/store/manifest"

const table = (tableNumber: number, smallestSequence: number, largestSequence: number) => ({
  file: tableNumber,
  level: 0,
  size: 4_096 + tableNumber,
  footerChecksum: 0xfedc_ba98,
  entries: largestSequence - smallestSequence + 1,
  tombstones: 1,
  shadowed: 3,
  smallestKey: Uint8Array.of(0, 1, tableNumber),
  largestKey: Uint8Array.of(0xff, 0xfe, tableNumber),
  smallestSequence,
  largestSequence
})

const first: ManifestState = {
  tables: [table(2, 5, 9), table(1, 1, 4)],
  segments: [],
  salts: new Map(),
  firstSegment: 3,
  nextTable: 4,
  lastSequence: 12
}

const events: ReadonlyArray<ManifestEvent> = [
  snapshotOf(first),
  { _tag: "SegmentCreated", segment: 3 },
  { _tag: "SegmentCreated", segment: 4 },
  { _tag: "MemtableFlushed", segment: 3, table: table(5, 13, 20), lastSequence: 20 },
  { _tag: "TablesCompacted", removed: [1, 2], added: [table(6, 1, 9)] },
  { _tag: "SegmentCreated", segment: 5 },
  { _tag: "MemtableFlushed", segment: 4, lastSequence: 0 },
  { _tag: "CleanlyClosed", segment: 5, offset: 1_099_511_627_777 }
]

/** The manifest's bytes, and where each event begins. */
const encode = (
  journal: ReadonlyArray<ManifestEvent>
): { readonly bytes: Uint8Array; readonly starts: Array<number> } => {
  const parts = [encodeManifestHeader(number)]
  const starts: Array<number> = []
  let length = parts[0]!.length
  for (const event of journal) {
    starts.push(length)
    const frame = encodeFrame(number, length, event)
    parts.push(frame)
    length += frame.length
  }
  starts.push(length)
  return { bytes: Uint8Array.from(Buffer.concat(parts)), starts }
}

const folded: ManifestState = {
  tables: [table(5, 13, 20), table(6, 1, 9)],
  segments: [5],
  salts: new Map(),
  firstSegment: 5,
  nextTable: 7,
  lastSequence: 20,
  closed: { segment: 5, offset: 1_099_511_627_777 }
}

const golden = (name: string): Uint8Array => Uint8Array.from(readFileSync(new URL(`golden/${name}`, import.meta.url)))

describe("manifest format version 1", () => {
  it("is written byte for byte as it was", () => {
    assert.strictEqual(
      Buffer.from(encode(events).bytes).toString("hex"),
      Buffer.from(golden("manifest-v1.log")).toString("hex")
    )
  })

  it("is folded as it was", () => {
    assert.deepStrictEqual(readManifest(file, number, golden("manifest-v1.log")), Result.succeed(folded))
  })

  it("names the manifest in CURRENT as it did", () => {
    assert.strictEqual(Buffer.from(encodeCurrent(number)).toString(), Buffer.from(golden("CURRENT-v1")).toString())
    assert.deepStrictEqual(readCurrent(file, golden("CURRENT-v1")), Result.succeed(number))
  })
})

describe("reading a manifest", () => {
  const { bytes, starts } = encode(events)

  /** The state after each number of whole events. */
  const states = events.map((_, i) => {
    const state = readManifest(file, number, encode(events.slice(0, i + 1)).bytes)
    return Result.isSuccess(state) ? state.success : undefined
  })

  it("I4: ends before an event that is cut short, at every length", () => {
    for (let length = starts[1]!; length <= bytes.length; length++) {
      const whole = starts.filter((start) => start <= length).length - 1
      const state = readManifest(file, number, bytes.slice(0, length))
      assert.deepStrictEqual(state, Result.succeed(states[whole - 1]!), `cut to ${length} bytes`)
    }
  })

  it("refuses a manifest without a whole snapshot, at every length", () => {
    for (let length = 0; length < starts[1]!; length++) {
      const state = readManifest(file, number, bytes.slice(0, length))
      assert.isTrue(Result.isFailure(state), `cut to ${length} bytes`)
    }
  })

  it("I15: takes no flipped bit for an event: the end is lost or the file is damaged", () => {
    const lastEvent = starts.at(-2)!
    for (let at = 0; at < bytes.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const damaged = bytes.slice()
        damaged[at] = damaged[at]! ^ (1 << bit)
        const state = readManifest(file, number, damaged)
        if (at < lastEvent) assert.isTrue(Result.isFailure(state), `bit ${bit} of byte ${at}`)
        else assert.deepStrictEqual(state, Result.succeed(states.at(-2)!), `bit ${bit} of byte ${at}`)
      }
    }
  })

  it("I15: refuses an event that stands at another place, or in another manifest", () => {
    const moved = Uint8Array.from(Buffer.concat([bytes.subarray(0, starts[1]), bytes.subarray(starts[2])]))
    assert.deepStrictEqual(readManifest(file, number, moved), Result.succeed(states[0]!))
    assert.isTrue(Result.isFailure(readManifest(file, number + 1, bytes)))
  })

  it("I15: keeps the salts of live segments, through a snapshot too, and does without them", () => {
    const salted = (segment: number): ManifestEvent => ({
      _tag: "SegmentCreated",
      segment,
      salt: { low: segment, high: 0xffff_fff0 + segment }
    })
    const stateAfter = (...journal: ReadonlyArray<ManifestEvent>) =>
      Result.getOrThrow(readManifest(file, number, encode(journal).bytes))
    const live = [4, 5].map((segment) => [segment, { low: segment, high: 0xffff_fff0 + segment }] as const)
    const flushed: ManifestEvent = { _tag: "MemtableFlushed", segment: 3, lastSequence: 0 }
    const state = stateAfter(snapshotOf(first), salted(3), salted(4), flushed, salted(5))
    assert.deepStrictEqual(state.salts, new Map(live))
    assert.deepStrictEqual(stateAfter(snapshotOf(state)), state)
    const older = stateAfter(snapshotOf(first), { _tag: "SegmentCreated", segment: 3 }, salted(4))
    assert.deepStrictEqual(older.salts, new Map(live.slice(0, 1)))
    assert.deepStrictEqual(stateAfter(snapshotOf(older)).segments, [3, 4])
    assert.deepStrictEqual(stateAfter(snapshotOf(older)).salts, new Map())
  })

  it("refuses events that can't follow one another", () => {
    const impossible: ReadonlyArray<ReadonlyArray<ManifestEvent>> = [
      [{ _tag: "SegmentCreated", segment: 1 }],
      [snapshotOf(first), snapshotOf(first)],
      [snapshotOf(first), { _tag: "SegmentCreated", segment: 4 }],
      [snapshotOf(first), { _tag: "MemtableFlushed", segment: 3, lastSequence: 0 }],
      [snapshotOf(first), { _tag: "TablesCompacted", removed: [9], added: [] }]
    ]
    for (const sequence of impossible) {
      const state = readManifest(file, number, encode(sequence).bytes)
      assert.isTrue(Result.isFailure(state) && state.failure._tag === "StoreCorrupted", JSON.stringify(sequence))
    }
  })
})

describe("reading CURRENT", () => {
  it("I15: takes no flipped bit for another number", () => {
    const bytes = encodeCurrent(number)
    for (let at = 0; at < bytes.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const damaged = bytes.slice()
        damaged[at] = damaged[at]! ^ (1 << bit)
        assert.isTrue(Result.isFailure(readCurrent(file, damaged)), `bit ${bit} of byte ${at}`)
      }
    }
  })

  it("tells another program's CURRENT from a damaged one", () => {
    const other = readCurrent(file, new TextEncoder().encode("MANIFEST-000005\n"))
    assert.isTrue(Result.isFailure(other) && other.failure._tag === "UnsupportedFormat")
    const damaged = readCurrent(file, new TextEncoder().encode("effect-lsm 1 manifest x crc 00000000\n"))
    assert.isTrue(Result.isFailure(damaged) && damaged.failure._tag === "StoreCorrupted")
  })
})
