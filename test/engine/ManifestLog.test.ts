import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { readFileSync } from "node:fs"
import { applyEvent, snapshotOf } from "../../src/engine/ManifestEvent.ts"
import type { LiveSegment, ManifestEvent, ManifestState } from "../../src/engine/ManifestEvent.ts"
import {
  encodeCurrent,
  encodeFrame,
  encodeManifestHeader,
  readCurrent,
  readManifest
} from "../../src/engine/ManifestLog.ts"

const number = 4_294_967_299
const generation = 281_474_976_710_655
const id = { number, generation }
const file = "/store/manifest"

const table = (tableNumber: number, smallestSequence: number, largestSequence: number) => ({
  file: tableNumber,
  generation: generation - tableNumber,
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

const saltOf = (segment: number) => ({ low: segment, high: 0xffff_fff0 + segment })

const created = (segment: number): ManifestEvent => ({
  _tag: "SegmentCreated",
  segment,
  generation,
  salt: saltOf(segment)
})

const flushed = (...segments: ReadonlyArray<number>): ManifestEvent => ({
  _tag: "MemtableFlushed",
  segments,
  lastSequence: 0
})

/** Segments that a clean close has left, numbers left out between them. */
const kept: ReadonlyArray<LiveSegment> = [
  { segment: 4, generation: 9, salt: saltOf(4), kept: { firstSequence: 13, lastSequence: 20, end: 4_096 } },
  {
    segment: 7,
    generation: generation - 1,
    salt: saltOf(7),
    kept: { firstSequence: 30, lastSequence: 9_007_199_254_740_990, end: 1_099_511_627_777 }
  }
]

const first: ManifestState = {
  origin: 1_784_205_611,
  tables: [table(2, 5, 9), table(1, 1, 4)],
  segments: kept,
  nextSegment: 9,
  nextTable: 4,
  lastSequence: 12
}

const events: ReadonlyArray<ManifestEvent> = [
  snapshotOf(first),
  created(9),
  created(10),
  { _tag: "MemtableFlushed", segments: [4, 7], table: table(5, 13, 40), lastSequence: 40 },
  { _tag: "TablesCompacted", removed: [1, 2], added: [table(6, 1, 9)] },
  created(11),
  { _tag: "MemtableFlushed", segments: [9], lastSequence: 0 },
  { _tag: "CleanlyClosed", segment: 11, offset: 1_099_511_627_777 }
]

/** The manifest's bytes, and where each event begins. */
const encode = (
  journal: ReadonlyArray<ManifestEvent>
): { readonly bytes: Uint8Array; readonly starts: Array<number> } => {
  const parts = [encodeManifestHeader(id)]
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
  origin: 1_784_205_611,
  tables: [table(5, 13, 40), table(6, 1, 9)],
  segments: [10, 11].map((segment) => ({ segment, generation, salt: saltOf(segment) })),
  nextSegment: 12,
  nextTable: 7,
  lastSequence: 40,
  closed: { segment: 11, offset: 1_099_511_627_777 }
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
    assert.deepStrictEqual(readManifest(file, id, golden("manifest-v1.log")), Result.succeed(folded))
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
    const state = readManifest(file, id, encode(events.slice(0, i + 1)).bytes)
    return Result.isSuccess(state) ? state.success : undefined
  })

  it("I4: ends before an event that is cut short, at every length", () => {
    for (let length = starts[1]!; length <= bytes.length; length++) {
      const whole = starts.filter((start) => start <= length).length - 1
      const state = readManifest(file, id, bytes.slice(0, length))
      assert.deepStrictEqual(state, Result.succeed(states[whole - 1]!), `cut to ${length} bytes`)
    }
  })

  it("refuses a manifest without a whole snapshot, at every length", () => {
    for (let length = 0; length < starts[1]!; length++) {
      const state = readManifest(file, id, bytes.slice(0, length))
      assert.isTrue(Result.isFailure(state), `cut to ${length} bytes`)
    }
  })

  it("I15: takes no flipped bit for an event: the end is lost or the file is damaged", () => {
    const lastEvent = starts.at(-2)!
    for (let at = 0; at < bytes.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const damaged = bytes.slice()
        damaged[at] = damaged[at]! ^ (1 << bit)
        const state = readManifest(file, id, damaged)
        if (at < lastEvent) assert.isTrue(Result.isFailure(state), `bit ${bit} of byte ${at}`)
        else assert.deepStrictEqual(state, Result.succeed(states.at(-2)!), `bit ${bit} of byte ${at}`)
      }
    }
  })

  it("I15: refuses an event that stands at another place, or in another manifest", () => {
    const moved = Uint8Array.from(Buffer.concat([bytes.subarray(0, starts[1]), bytes.subarray(starts[2])]))
    assert.deepStrictEqual(readManifest(file, id, moved), Result.succeed(states[0]!))
    for (const other of [{ number: number + 1, generation }, { number, generation: generation - 1 }]) {
      const state = readManifest(file, other, bytes)
      assert.isTrue(Result.isFailure(state) && state.failure._tag === "StoreCorrupted", JSON.stringify(other))
    }
  })

  it("I15, I16: keeps what tells live segments from others, and their spans, through a snapshot too", () => {
    const stateAfter = (...journal: ReadonlyArray<ManifestEvent>) =>
      Result.getOrThrow(readManifest(file, id, encode(journal).bytes))
    assert.deepStrictEqual(stateAfter(snapshotOf(first)), first)
    const state = stateAfter(snapshotOf(first), created(9), created(10))
    const made = [9, 10].map((segment) => ({ segment, generation, salt: saltOf(segment) }))
    assert.deepStrictEqual(state.segments, [...kept, ...made])
    assert.strictEqual(state.nextSegment, 11)
    assert.deepStrictEqual(stateAfter(snapshotOf(state)), state)
    assert.deepStrictEqual(stateAfter(snapshotOf(state), flushed(4, 7, 9)).segments, made.slice(1))
    assert.deepStrictEqual(stateAfter(snapshotOf(state), flushed(4)).segments, [...kept.slice(1), ...made])
    assert.deepStrictEqual(stateAfter(snapshotOf(state), flushed(4, 7, 9, 10)).segments, [])
    assert.strictEqual(stateAfter(snapshotOf(state), flushed(4, 7, 9, 10)).nextSegment, 11)
  })

  it("I15: a snapshot does not say that the log was closed", () => {
    const state = Result.getOrThrow(readManifest(file, id, encode([snapshotOf(folded)]).bytes))
    const { closed, ...open } = folded
    assert.isDefined(closed)
    assert.deepStrictEqual(state, open)
  })

  it("refuses events that can't follow one another", () => {
    const segments = (segment: number, next: number): ManifestEvent => ({
      ...snapshotOf(first),
      segments: [...kept, { segment, generation, salt: saltOf(segment) }],
      nextSegment: next
    })
    const impossible: ReadonlyArray<ReadonlyArray<ManifestEvent>> = [
      [created(1)],
      [snapshotOf(first), snapshotOf(first)],
      // A number is left out, or comes again.
      [snapshotOf(first), created(10)],
      [snapshotOf(first), created(8)],
      [snapshotOf(first), created(9), created(9)],
      // Not the oldest, out of order, one left out, one that is not there, the same one twice, none.
      [snapshotOf(first), flushed(7)],
      [snapshotOf(first), flushed(7, 4)],
      [snapshotOf(first), created(9), flushed(4, 9)],
      [snapshotOf(first), flushed(4, 7, 9)],
      [snapshotOf(first), flushed(4, 4)],
      [snapshotOf(first), flushed()],
      // In a snapshot segments ascend, below the next one.
      [segments(7, 9)],
      [segments(6, 9)],
      [segments(9, 9)],
      [snapshotOf(first), { _tag: "TablesCompacted", removed: [9], added: [] }],
      [snapshotOf(first), { _tag: "TablesDropped", removed: [9] }]
    ]
    for (const sequence of impossible) {
      const state = readManifest(file, id, encode(sequence).bytes)
      assert.isTrue(Result.isFailure(state) && state.failure._tag === "StoreCorrupted", JSON.stringify(sequence))
    }
    assert.isObject(applyEvent(undefined, segments(8, 9)))
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
