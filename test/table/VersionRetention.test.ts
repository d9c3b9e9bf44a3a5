import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { compareBytes } from "../../src/record/Bytes.ts"
import { RecordKind } from "../../src/record/RecordKind.ts"
import type { KeyBounds } from "../../src/table/KeyBounds.ts"
import { VersionRetention } from "../../src/table/VersionRetention.ts"
import { ascii, entriesArbitrary, expectedLookup, put, show, tombstone } from "./TableFixture.ts"
import type { Entry } from "./TableFixture.ts"

const latest = Number.MAX_SAFE_INTEGER

const retainAbove = (
  entries: ReadonlyArray<Entry>,
  pinned: ReadonlyArray<number>,
  older: ReadonlyArray<KeyBounds> | undefined
): Array<Entry> => {
  const retention = new VersionRetention(pinned, older)
  return entries.filter(({ key, kind, sequence }) => retention.keep(key, 0, key.length, sequence, kind))
}

const retain = (entries: ReadonlyArray<Entry>, pinned: ReadonlyArray<number>, bottom: boolean): Array<Entry> =>
  retainAbove(entries, pinned, bottom ? [] : undefined)

/** What a reader sees: a deletion reads as nothing. */
const visible = (entries: ReadonlyArray<Entry>, key: Uint8Array, sequence: number): string => {
  const found = expectedLookup(entries, key, sequence)
  return found.endsWith("-") ? "absent" : found
}

/** Disjoint ranges in key order that have all the keys of the entries, about so many in each. */
const rangesOf = (entries: ReadonlyArray<Entry>, width: number): ReadonlyArray<KeyBounds> => {
  const keys = [...new Map(entries.map(({ key }) => [String(key), key])).values()]
  return Array.from({ length: Math.ceil(keys.length / width) }, (_, range) => {
    const part = keys.slice(range * width, (range + 1) * width)
    return { smallestKey: part[0] ?? new Uint8Array(0), largestKey: part.at(-1) ?? new Uint8Array(0) }
  })
}

const contains = ({ largestKey, smallestKey }: KeyBounds, key: Uint8Array): boolean =>
  compareBytes(smallestKey, key) <= 0 && compareBytes(key, largestKey) <= 0

/** Sequences at or around those of some of the entries. */
const pinsOf = (entries: ReadonlyArray<Entry>, picks: ReadonlyArray<number>): ReadonlyArray<number> =>
  [...new Set(picks.map((pick) => (entries[pick % (entries.length + 1)]?.sequence ?? 3) + pick % 3 - 1))]
    .toSorted((a, b) => a - b)

const arbitraries = {
  entries: entriesArbitrary,
  picks: Arbitrary.array(
    Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 150 }))),
    { maxLength: 6 }
  )
}

describe("VersionRetention", () => {
  it.prop("I8: at every pinned sequence and now, reads are as before", arbitraries, ({ entries, picks }) => {
    const pinned = pinsOf(entries, picks)
    const kept = retain(entries, pinned, false)
    for (const { key } of entries) {
      for (const sequence of [...pinned, latest]) {
        assert.strictEqual(expectedLookup(kept, key, sequence), expectedLookup(entries, key, sequence))
      }
    }
  }, { arbitrary: { runs: 300, size: 100 } })

  it.prop(
    "I9: at the bottom, at every pinned sequence and now, nothing deleted comes back and nothing else goes",
    arbitraries,
    ({ entries, picks }) => {
      const pinned = pinsOf(entries, picks)
      const kept = retain(entries, pinned, true)
      for (const { key } of entries) {
        for (const sequence of [...pinned, latest]) {
          assert.strictEqual(visible(kept, key, sequence), visible(entries, key, sequence))
        }
      }
    },
    { arbitrary: { runs: 300, size: 100 } }
  )

  it.prop(
    "I9: above the bottom, whatever lies below stays as hidden as it was",
    { ...arbitraries, below: entriesArbitrary },
    ({ below, entries, picks }) => {
      const pinned = pinsOf(entries, picks).map((pin) => pin + 0x1000_0000_0000)
      const above = entries.map((entry) => ({ ...entry, sequence: entry.sequence + 0x1000_0000_0000 }))
      const kept = retain(above, pinned, false)
      for (const { key } of below) {
        for (const sequence of [...pinned, latest]) {
          assert.strictEqual(
            visible([...kept, ...below], key, sequence),
            visible([...above, ...below], key, sequence)
          )
        }
      }
    },
    { arbitrary: { runs: 100, size: 100 } }
  )

  it.prop(
    "I9: whatever lies in the ranges of older tables stays as hidden as it was, and a tombstone outside them goes",
    { ...arbitraries, below: entriesArbitrary, width: Arbitrary.schema(Schema.Literals([1, 2, 5, 40])) },
    ({ below, entries, picks, width }) => {
      const pinned = pinsOf(entries, picks).map((pin) => pin + 0x1000_0000_0000)
      const above = entries.map((entry) => ({ ...entry, sequence: entry.sequence + 0x1000_0000_0000 }))
      const older = rangesOf(below, width)
      const kept = retainAbove(above, pinned, older)
      for (const { key } of [...below, ...above]) {
        for (const sequence of [...pinned, latest]) {
          assert.strictEqual(
            visible([...kept, ...below], key, sequence),
            visible([...above, ...below], key, sequence)
          )
        }
      }
      for (const { key, kind, sequence } of kept) {
        if (kind !== RecordKind.delete || pinned.some((pin) => pin < sequence)) continue
        assert.isTrue(older.some((range) => contains(range, key)))
      }
    },
    { arbitrary: { runs: 200, size: 100 } }
  )

  it.prop("keeps one version of a key for each reader at most", arbitraries, ({ entries, picks }) => {
    const pinned = pinsOf(entries, picks)
    const needed = new Set<string>()
    for (const { key } of entries) {
      for (const sequence of [...pinned, latest]) needed.add(expectedLookup(entries, key, sequence))
    }
    for (const entry of retain(entries, pinned, false)) assert.isTrue(needed.has(show(entry)), show(entry))
  }, { arbitrary: { runs: 300, size: 100 } })

  it("decides the same when it is told the key's bytes in one reused buffer", () => {
    const entries = [put("a", 5), put("a", 4), put("b", 3), put("b", 2)]
    const buffer = new Uint8Array(8)
    const retention = new VersionRetention([4], undefined)
    const decisions = entries.map(({ key, kind, sequence }) => {
      buffer.set(key, 3)
      return retention.keep(buffer, 3, key.length, sequence, kind)
    })
    assert.deepStrictEqual(decisions, [true, true, true, false])
  })

  const [newest, deletion, oldest] = [put("k", 30), tombstone("k", 20), put("k", 10)]
  const keys = [put("a", 1), put("aa", 1), put("b", 1)]

  const cases: ReadonlyArray<
    readonly [
      name: string,
      entries: ReadonlyArray<Entry>,
      pinned: ReadonlyArray<number>,
      bottom: boolean,
      kept: ReadonlyArray<Entry>
    ]
  > = [
    ["drops what the newest version hides when nothing is pinned", [newest, oldest], [], false, [newest]],
    ["drops a tombstone at the bottom when nothing is pinned", [deletion, oldest], [], true, []],
    ["keeps a tombstone above the bottom", [deletion, oldest], [], false, [deletion]],
    ["keeps a tombstone that hides a pinned version", [deletion, oldest], [15], true, [deletion, oldest]],
    ["drops a tombstone that only snapshots at or above it see", [deletion, oldest], [20, 25], true, []],
    ["drops a tombstone between versions when no pin is below it", [newest, deletion, oldest], [25], true, [newest]],
    ["keeps the version at exactly the pinned sequence", [newest, oldest], [10], false, [newest, oldest]],
    ["drops the version that a pin just below it cannot see", [newest, oldest], [9], false, [newest]],
    ["drops the older version when the pin is at the newer one", [newest, oldest], [30], false, [newest]],
    ["keeps the newest version of each key", keys, [], true, keys]
  ]

  for (const [name, entries, pinned, bottom, kept] of cases) {
    it(`I9: ${name}`, () => {
      assert.deepStrictEqual(retain(entries, pinned, bottom).map(show), kept.map(show))
    })
  }

  it("I9: keeps the tombstones in a range, its ends included, and those of no other key", () => {
    const entries = ["a", "b", "c", "d", "e", "f", "g", "h"].map((key) => tombstone(key, 1))
    const older = [
      { smallestKey: ascii("b"), largestKey: ascii("c") },
      { smallestKey: ascii("ca"), largestKey: ascii("cb") },
      { smallestKey: ascii("e"), largestKey: ascii("e") },
      { smallestKey: ascii("g"), largestKey: ascii("z") }
    ]
    assert.deepStrictEqual(
      retainAbove(entries, [], older).map(show),
      ["b", "c", "e", "g", "h"].map((key) => show(tombstone(key, 1)))
    )
  })
})
