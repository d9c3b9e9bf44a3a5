import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { makeInlineJobs } from "../../src/jobs/InlineJobs.ts"
import type { MergeJob } from "../../src/jobs/Jobs.ts"
import { makeTableJobs } from "../../src/jobs/TableJobs.ts"
import { compareBytes } from "../../src/record/Bytes.ts"
import { RecordKind } from "../../src/record/RecordKind.ts"
import { SimulatedDisk } from "../../src/testing/index.ts"
import { ascii, compareEntries, expectedLookup, put, show, tombstone } from "../table/TableFixture.ts"
import type { Entry } from "../table/TableFixture.ts"
import { mergeCaseArbitrary, pathOf, prepareMerge, readTable } from "./JobFixture.ts"
import type { MergeCase } from "./JobFixture.ts"

const latest = Number.MAX_SAFE_INTEGER

/** What a reader sees: a deletion reads as nothing. */
const visible = (entries: ReadonlyArray<Entry>, key: Uint8Array, sequence: number): string => {
  const found = expectedLookup(entries, key, sequence)
  return found.endsWith("-") ? "absent" : found
}

const base: MergeCase = { runs: [], older: [], pinned: [], tableSize: 1 << 20, targets: 100, keysPerTable: 1_000 }

/** Runs a merge on an empty disk of its own. */
const run = (merge: MergeCase, options: Partial<MergeJob> = {}, threads: "inline" | "worker" = "inline") =>
  Effect.gen(function*() {
    const simulated = SimulatedDisk.make({ delay: Effect.void })
    const disk = simulated.service
    const job = { ...yield* prepareMerge(disk, "", merge), ...options }
    const jobs = threads === "inline"
      ? makeInlineJobs(disk)
      : makeTableJobs(disk, { pause: Effect.void, readMode: "sync" })
    let mostOpen = 0
    const stop = simulated.onCall(() => {
      mostOpen = Math.max(mostOpen, simulated.openHandles.length)
    })
    const metas = yield* jobs.merge(job)
    stop()
    const open = simulated.openHandles
    const sources = new Set(job.sources.flat().map(({ path }) => path))
    const files = (yield* disk.list("/")).filter((name) => !sources.has(`/${name}`))
    const tables = yield* Effect.forEach(metas, (meta) => readTable(disk, pathOf("", meta.file), meta))
    return { job, metas, tables, files, open, mostOpen }
  })

const keysOf = (tables: ReadonlyArray<ReadonlyArray<Entry>>): ReadonlyArray<string> =>
  tables.map((entries) => entries.map(({ key }) => Buffer.from(key).toString()).join(""))

/** One put a letter, each of about so many bytes. */
const letters = (text: string, valueLength = 0): ReadonlyArray<Entry> =>
  Array.from(text, (letter, i) => put(letter, i + 1, "v".repeat(valueLength)))

describe("a merge", () => {
  for (const threads of ["inline", "worker"] as const) {
    it.effect.prop(
      `I8, I9, I10: changes no read at a pinned sequence or now, whatever lies below (${threads})`,
      { merge: mergeCaseArbitrary },
      ({ merge }) =>
        Effect.gen(function*() {
          const { tables } = yield* run(merge, {}, threads)
          const before = [...merge.runs.flat(), ...merge.older].toSorted(compareEntries)
          const after = [...tables.flat(), ...merge.older].toSorted(compareEntries)
          for (const { key } of before) {
            for (const sequence of [...merge.pinned, latest]) {
              assert.strictEqual(visible(after, key, sequence), visible(before, key, sequence))
            }
          }
        }),
      { arbitrary: { runs: 150, size: 100 } }
    )
  }

  it.effect.prop(
    "I11: its tables are in order and share no key, and their files are those that it names",
    { merge: mergeCaseArbitrary },
    ({ merge }) =>
      Effect.gen(function*() {
        const { files, job, metas, open, tables } = yield* run(merge)
        assert.deepStrictEqual(
          metas.map(({ file }) => file),
          job.targets.slice(0, metas.length).map(({ file }) => file)
        )
        assert.sameMembers(files, metas.map(({ file }) => `${file}.sst`))
        for (const [at, entries] of tables.entries()) {
          assert.isNotEmpty(entries)
          const next = tables[at + 1]?.[0]
          const last = entries.at(-1)
          if (next !== undefined && last !== undefined) assert.isBelow(compareBytes(last.key, next.key), 0)
        }
        assert.deepStrictEqual(open, [])
      }),
    { arbitrary: { runs: 100, size: 100 } }
  )

  it.effect.prop(
    "I9: keeps a tombstone only where an older version may lie, or for a snapshot below it",
    { merge: mergeCaseArbitrary },
    ({ merge }) =>
      Effect.gen(function*() {
        const { job, tables } = yield* run(merge)
        for (const { key, kind, sequence } of tables.flat()) {
          if (kind !== RecordKind.delete || merge.pinned.some((pin) => pin < sequence)) continue
          assert.isTrue(job.older.some(({ largestKey, smallestKey }) =>
            compareBytes(smallestKey, key) <= 0 && compareBytes(key, largestKey) <= 0
          ))
        }
      }),
    { arbitrary: { runs: 100, size: 100 } }
  )

  it.effect("ends a table at the first key after its size", () =>
    Effect.gen(function*() {
      const { metas, tables } = yield* run({ ...base, runs: [letters("abcdefgh", 400)], tableSize: 900 })
      assert.deepStrictEqual(keysOf(tables), ["abc", "def", "gh"])
      for (const { level } of metas) assert.strictEqual(level, 3)
    }))

  it.effect("I11: ends no table between two versions of a key", () =>
    Effect.gen(function*() {
      const versions = [5, 4, 3, 2].map((sequence) => put("k", sequence, "v".repeat(600)))
      const { tables } = yield* run({
        ...base,
        runs: [[put("a", 1), ...versions, put("z", 6)]],
        pinned: [2, 3, 4],
        tableSize: 700
      })
      assert.deepStrictEqual(keysOf(tables), ["akkkk", "z"])
    }))

  it.effect("puts all that is left into the last target", () =>
    Effect.gen(function*() {
      const { tables } = yield* run({ ...base, runs: [letters("abcdefgh", 400)], tableSize: 1, targets: 3 })
      assert.deepStrictEqual(keysOf(tables), ["a", "b", "cdefgh"])
    }))

  it.effect("ends a table before it overlaps too much of the level below", () =>
    Effect.gen(function*() {
      const below = ["ac", "eg", "im", "pq"].map((ends) => ({
        smallestKey: ascii(ends.slice(0, 1)),
        largestKey: ascii(ends.slice(1)),
        size: 100
      }))
      const { tables } = yield* run({ ...base, runs: [letters("abdfhjnoqz")] }, { below, largestOverlap: 200 })
      assert.deepStrictEqual(keysOf(tables), ["abdfh", "jnoqz"])
    }))

  it.effect("writes nothing and leaves no file when nothing is left", () =>
    Effect.gen(function*() {
      const { files, metas } = yield* run({ ...base, runs: [[tombstone("a", 9)], [put("a", 3)]] })
      assert.deepStrictEqual(metas, [])
      assert.deepStrictEqual(files, [])
    }))

  it.effect("begins a table with the first key that is kept", () =>
    Effect.gen(function*() {
      const newer = [tombstone("a", 19), put("b", 18, "v".repeat(900)), tombstone("c", 17), tombstone("d", 16)]
      const { tables } = yield* run({ ...base, runs: [newer, letters("abcde")], tableSize: 800 })
      assert.deepStrictEqual(keysOf(tables), ["b", "e"])
    }))

  it.effect("has one table of a run open, and one that it writes", () =>
    Effect.gen(function*() {
      const { mostOpen, tables } = yield* run({
        ...base,
        runs: [letters("abcdefghijklm"), letters("gjlop")],
        keysPerTable: 1,
        tableSize: 1
      })
      assert.deepStrictEqual(keysOf(tables).join(""), "abcdefghijklmop")
      assert.strictEqual(mostOpen, 3)
    }))

  it.effect("takes a version that two runs have from the newer one", () =>
    Effect.gen(function*() {
      const { tables } = yield* run({ ...base, runs: [[put("a", 3, "newer")], [put("a", 3, "older")]] })
      assert.deepStrictEqual(tables.flat().map(show), [show(put("a", 3, "newer"))])
    }))
})
