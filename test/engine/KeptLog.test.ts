/** A log that was closed in order: the next opening replays it and leaves it where it is (I16). */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { parseSegmentName } from "../../src/log/SegmentName.ts"
import { shapeProblems, SimulatedDisk } from "../../src/testing/index.ts"
import type { CrashMode } from "../../src/testing/index.ts"
import { structureOn } from "../../src/testing/shape/Structure.ts"
import { answerOf, checkHonest, contentEnd, copyOf, refusalOf, withFile } from "./changedFiles.ts"
import {
  bytesOf,
  contentOf,
  contentOn,
  describeTaken,
  directory,
  fileAt,
  filesOf,
  isChange,
  isSegment,
  nameIn,
  padded,
  runSeed,
  seeds,
  summaryOn,
  takeImages,
  withStore
} from "./harness.ts"
import type { Store, TestOptions } from "./harness.ts"

/** What an opening may keep at most. */
const mostKept = 8

const put = (store: Store, key: string, size = 100) => store.put(bytesOf(key), padded(key, size))

/** A life in which one key is put, if any; what the store says of itself before. */
const live = (disk: SimulatedDisk, key?: string, options?: TestOptions) =>
  withStore(disk, (store) =>
    Effect.gen(function*() {
      const stats = yield* store.stats
      const content = [...(yield* contentOf(store)).keys()]
      if (key !== undefined) yield* put(store, key)
      return { stats, content }
    }), options)

const segmentsOn = (disk: SimulatedDisk): ReadonlyArray<string> =>
  filesOf(disk).filter((name) => fileAt(name)?._tag === "Segment")

/** A store that was closed after so many lives with one key each. */
const closedAfter = (lives: number, seed: number): SimulatedDisk => {
  const disk = SimulatedDisk.make({ seed })
  for (let life = 1; life <= lives; life++) runSeed(live(disk, `life/${life}`), seed)
  return disk
}

const keysOf = (lives: number): ReadonlyArray<string> => Array.from({ length: lives }, (_, at) => `life/${at + 1}`)

/** A closed store with several full segments, of which no table could be made. */
const fullSegments = (seed: number, keys = 70) => {
  const disk = SimulatedDisk.make({ seed })
  const fault = disk.fail({
    when: ({ operation, path }) => operation === "createAppend" && path.endsWith(".sst"),
    times: Infinity
  })
  const write = withStore(disk, (store) =>
    Effect.gen(function*() {
      for (let key = 0; key < keys; key++) yield* put(store, `key/${key}`, 2_000)
    }), { maxImmutables: 5 })
  runSeed(write, seed)
  return { disk, fault }
}

describe("A log that was closed in order", () => {
  it.for(seeds(3))("I16: is replayed and kept over some lives, and then written as one table (seed %i)", (seed) => {
    const disk = SimulatedDisk.make({ seed })
    for (let life = 1; life <= mostKept + 1; life++) {
      const { content, stats } = runSeed(live(disk, `life/${life}`), seed)
      assert.deepStrictEqual(content, keysOf(life - 1))
      const { bytes, ...replayed } = stats.replayed
      assert.deepStrictEqual(replayed, { count: Math.min(life - 1, 1), records: life - 1, segments: life - 1 })
      assert.strictEqual(bytes > 0, life > 1)
      assert.deepStrictEqual(stats.immutables, { count: 0, records: 0, bytes: 0 })
      assert.strictEqual(stats.tables.count, 0)
      assert.strictEqual(stats.log.segments, life)
      assert.strictEqual(stats.recovery.records, life - 1)
      assert.deepStrictEqual(shapeProblems(disk, directory), [])
    }
    const { content, stats } = runSeed(live(disk), seed)
    assert.deepStrictEqual(content, keysOf(mostKept + 1))
    assert.deepStrictEqual(stats.replayed, { count: 0, records: 0, bytes: 0, segments: 0 })
    assert.strictEqual(stats.tables.count, 1)
    assert.strictEqual(stats.tables.entries, mostKept + 1)
    assert.lengthOf(segmentsOn(disk), 1)
    assert.deepStrictEqual(shapeProblems(disk, directory), [])
  })

  it("I16: is named in the manifest with its spans, which adjoin", () => {
    const disk = closedAfter(5, 1)
    const read = withStore(disk, (store) => Effect.map(store.stats, ({ sequence }) => sequence))
    const last = runSeed(read, 1)
    const { lastSequence, segments } = structureOn(disk, directory)
    const kept = segments.flatMap((segment) => segment.kept === undefined ? [] : [{ ...segment, ...segment.kept }])
    assert.lengthOf(kept, 5)
    assert.lengthOf(segments, 6)
    let before = lastSequence
    for (const { end, firstSequence, generation, lastSequence: lastOfSpan, segment } of kept) {
      assert.isAbove(firstSequence, before)
      assert.isAtLeast(lastOfSpan, firstSequence)
      before = lastOfSpan
      const name = segmentsOn(disk).find((each) => parseSegmentName(each)?.segment === segment) ?? ""
      assert.strictEqual(parseSegmentName(name)?.generation, generation)
      // A group is padded with zeros.
      const content = contentEnd(disk.readFile(`${directory}/${name}`))
      assert.isAtLeast(end, content)
      assert.isBelow(end, content + 16)
    }
    assert.strictEqual(before, last)
    assert.strictEqual(new Set(segments.map(({ generation }) => generation)).size, 6)
  })

  it("I16: has no segments of lives in which nothing was written", () => {
    const disk = closedAfter(2, 1)
    for (let life = 0; life < 3 * mostKept; life++) {
      const { content, stats } = runSeed(live(disk), 1)
      assert.deepStrictEqual(content, keysOf(2))
      assert.strictEqual(stats.replayed.segments, 2)
      assert.strictEqual(stats.log.segments, 3)
      assert.lengthOf(segmentsOn(disk), 3)
      assert.strictEqual(stats.tables.count, 0)
    }
  })

  it.for(seeds(3))("I16: is written as a table by flush, and goes with one event (seed %i)", (seed) => {
    for (const isWritten of [false, true]) {
      const disk = closedAfter(3, seed)
      const flush = withStore(disk, (store) =>
        Effect.gen(function*() {
          if (isWritten) yield* put(store, "new")
          yield* store.flush
          const { flushes, replayed, rotations, tables } = yield* store.stats
          assert.deepStrictEqual(replayed, { count: 0, records: 0, bytes: 0, segments: 0 })
          assert.strictEqual(flushes, isWritten ? 2 : 1)
          assert.strictEqual(rotations, isWritten ? 1 : 0)
          assert.strictEqual(tables.count, isWritten ? 2 : 1)
          yield* Effect.sleep("1 second")
          assert.lengthOf(segmentsOn(disk), 1)
          return [...(yield* contentOf(store)).keys()]
        }))
      const expected = [...keysOf(3), ...isWritten ? ["new"] : []]
      assert.deepStrictEqual(runSeed(flush, seed), expected)
      assert.deepStrictEqual(shapeProblems(disk, directory), [])
      assert.deepStrictEqual([...runSeed(contentOn(disk), seed).keys()], expected)
    }
  })

  it.for(seeds(3))("I7, I16: is written before the first memtable that is rotated (seed %i)", (seed) => {
    const disk = closedAfter(3, seed)
    const problems: Array<string> = []
    let removed = 0
    disk.onCall((call, phase) => {
      if (phase !== "before" || call.operation !== "remove" || !isSegment(call)) return
      removed++
      const { segments } = structureOn(disk.crashImage("synced"), directory)
      const gone = parseSegmentName(call.path.slice(directory.length + 1))?.segment
      if (segments.some(({ segment }) => segment === gone)) problems.push(`${call.path} is named`)
    })
    const rotate = withStore(disk, (store) =>
      Effect.gen(function*() {
        for (let key = 0; key < 40; key++) yield* put(store, `new/${key}`, 2_000)
        yield* Effect.sleep("1 second")
        const { immutables, replayed, rotations } = yield* store.stats
        assert.isAbove(rotations, 0)
        assert.strictEqual(replayed.count, 0)
        assert.strictEqual(immutables.count, 0)
        return (yield* contentOf(store)).size
      }))
    assert.strictEqual(runSeed(rotate, seed), 43)
    assert.isAtLeast(removed, 4)
    assert.deepStrictEqual(problems, [])
    assert.deepStrictEqual(shapeProblems(disk, directory), [])
  })

  it.for(seeds(3))("I13, I16: of more than one memtable is written but for the newest (seed %i)", (seed) => {
    const { disk, fault } = fullSegments(seed)
    const options = { maxImmutables: 2 }
    const stuck = withStore(disk, (store) =>
      Effect.gen(function*() {
        yield* Effect.sleep("1 second")
        const { immutables, replayed, tables } = yield* store.stats
        assert.isAbove(replayed.count, 1)
        assert.strictEqual(immutables.count, 0)
        assert.strictEqual(tables.count, 0)
        assert.strictEqual((yield* contentOf(store)).size, 70)
        // What was replayed does not count where rotations are bounded.
        for (let key = 0; key < 40; key++) yield* put(store, `more/${key}`, 2_000)
        return replayed.count
      }), options)
    const count = runSeed(stuck, seed)
    fault.heal()
    const written = withStore(disk, (store) =>
      Effect.gen(function*() {
        assert.strictEqual((yield* contentOf(store)).size, 110)
        yield* Effect.sleep("1 second")
        const { replayed, tables } = yield* store.stats
        assert.isAtMost(replayed.count, 1)
        assert.isAtLeast(tables.count, 1)
        assert.strictEqual((yield* contentOf(store)).size, 110)
      }), options)
    runSeed(written, seed)
    assert.isAbove(count, 1)
    assert.strictEqual(runSeed(contentOn(disk, options), seed).size, 110)
    assert.deepStrictEqual(shapeProblems(disk, directory), [])
  })

  it("I9, I16: shows the newest version of what several lives have written, also in part as tables", () => {
    const disk = SimulatedDisk.make()
    const model = new Map<string, string>()
    for (let life = 0; life < 25; life++) {
      const check = withStore(disk, (store) =>
        Effect.gen(function*() {
          const expected = [...model].sort(([a], [b]) => a < b ? -1 : 1)
          const found = [...yield* contentOf(store)].map(([key, value]) => [key, nameIn(value)] as const)
          assert.deepStrictEqual(found, expected, `life ${life}`)
          for (let key = 0; key < 6; key++) {
            assert.strictEqual(nameIn(yield* store.get(bytesOf(`key/${key}`))), model.get(`key/${key}`))
          }
          const key = `key/${life % 6}`
          yield* store.put(bytesOf(key), padded(`life ${life}`, 500))
          model.set(key, `life ${life}`)
          const gone = `key/${life * 5 % 7}`
          yield* store.delete(bytesOf(gone))
          model.delete(gone)
          if (life % 7 === 3) yield* store.flush
          if (life % 11 === 9) yield* store.compact()
        }))
      runSeed(check, life)
    }
  })

  it("I16: that was not closed in order is written as a table", () => {
    const disk = closedAfter(3, 1)
    const kill = withStore(disk, (store) => Effect.map(put(store, "last"), () => disk.killImage()))
    const killed = runSeed(kill, 1)
    const { content, stats } = runSeed(live(killed), 1)
    assert.deepStrictEqual(content, ["last", ...keysOf(3)])
    assert.strictEqual(stats.replayed.count, 0)
    assert.strictEqual(stats.tables.count, 1)
    assert.lengthOf(segmentsOn(killed), 1)
  })

  it("I16: is shown by a store that only reads, which changes nothing, closed in order or not", () => {
    const disk = closedAfter(12, 1)
    const kill = withStore(disk, (store) => Effect.map(put(store, "last"), () => disk.killImage()))
    const killed = runSeed(kill, 1)
    for (const each of [disk, killed]) {
      const files = each.files().map((path) => [path, Buffer.from(each.readFile(path)).toString("base64")])
      const { content, stats } = runSeed(live(each, undefined, { readOnly: true }), 1)
      assert.deepStrictEqual(content.toSorted(), ["last", ...keysOf(12)].toSorted())
      assert.deepStrictEqual(stats.immutables, { count: 0, records: 0, bytes: 0 })
      assert.strictEqual(stats.replayed.records + stats.tables.entries, 13)
      assert.strictEqual(stats.replayed.segments, 0)
      assert.deepStrictEqual(
        each.files().map((path) => [path, Buffer.from(each.readFile(path)).toString("base64")]),
        files
      )
    }
  })
})

describe("A crash of a store with a log that it has kept", () => {
  const modes: ReadonlyArray<CrashMode | "kill"> = ["synced", "all", "random", "kill"]

  it.for(seeds(1))("I16: at any call loses nothing, and neither does the next one (seed %i)", (seed) => {
    const disk = closedAfter(3, seed)
    let known = 3
    const taken = takeImages(disk, modes, isChange, () => known)
    const busy = withStore(disk, (store) =>
      Effect.gen(function*() {
        for (let key = 4; key <= 9; key++) {
          yield* put(store, `life/${key}`)
          known = key
          if (key === 7) yield* store.flush
        }
      }))
    runSeed(busy, seed)
    assert.isAbove(taken.length, 150)
    for (const each of taken) {
      const what = describeTaken(each)
      const { size } = runSeed(summaryOn(each.image), seed)
      assert.isAtLeast(size, each.known, what)
      assert.isAtMost(size, each.known + 1, what)
      // Once more, after a clean close.
      assert.strictEqual(runSeed(summaryOn(each.image), seed).size, size, what)
      assert.deepStrictEqual(shapeProblems(each.image, directory), [], what)
    }
  })
})

describe("Damage to a log that was kept", () => {
  /** Killed with three kept segments and some records behind them. */
  const killedStore = () => {
    const disk = closedAfter(3, 1)
    const kill = withStore(disk, (store) =>
      Effect.gen(function*() {
        yield* put(store, "last")
        return disk.killImage()
      }))
    const killed = runSeed(kill, 1)
    const kept = structureOn(killed, directory).segments.flatMap(({ kept: span, segment }) => {
      const name = segmentsOn(killed).find((each) => parseSegmentName(each)?.segment === segment) ?? ""
      return span === undefined ? [] : [{ name, end: span.end }]
    })
    assert.lengthOf(kept, 3)
    const expected = runSeed(contentOn(copyOf(killed, (_name, bytes) => bytes)), 1)
    assert.strictEqual(expected.size, 4)
    return { killed, kept, expected }
  }

  it("I15, I16: below its end is StoreCorrupted, though the store was killed since", () => {
    const { kept, killed } = killedStore()
    for (const { end, name } of kept) {
      const whole = killed.readFile(`${directory}/${name}`)
      for (const readOnly of [true, false]) {
        for (let at = 0; at < end; at += 7) {
          const flipped = whole.slice()
          flipped[at] = flipped[at]! ^ (1 << at % 8)
          // The format's version is not checked against damage.
          const honest = at >= 8 && at < 12 ? ["StoreCorrupted", "UnsupportedFormat"] : ["StoreCorrupted"]
          assert.include(honest, refusalOf(withFile(killed, name, flipped), 1, { readOnly }), `${name}, byte ${at}`)
        }
        for (const length of [0, 10, 64, 100, end - 1]) {
          for (const left of [whole.slice(0, length), whole.slice().fill(0, length)]) {
            // The zeros that pad the last group are no loss.
            if (contentEnd(left) === contentEnd(whole)) continue
            assert.strictEqual(refusalOf(withFile(killed, name, left), 1, { readOnly }), "StoreCorrupted", name)
          }
        }
        assert.strictEqual(refusalOf(withFile(killed, name, undefined), 1, { readOnly }), "StoreCorrupted", name)
      }
    }
  })

  it("I15, I16: is StoreCorrupted where segments are exchanged", () => {
    const { kept, killed } = killedStore()
    for (const one of kept) {
      for (const other of segmentsOn(killed)) {
        if (one.name === other) continue
        const image = withFile(killed, one.name, killed.readFile(`${directory}/${other}`))
        assert.strictEqual(refusalOf(image, 1), "StoreCorrupted", `${other} as ${one.name}`)
      }
    }
  })

  it("I16: behind its end changes nothing", () => {
    const { expected, kept, killed } = killedStore()
    for (const { end, name } of kept) {
      const whole = killed.readFile(`${directory}/${name}`).slice(0, end)
      const other = killed.readFile(`${directory}/${kept[0]!.name}`)
      for (const behind of [new Uint8Array(0), new Uint8Array(5_000).fill(0xa5), other]) {
        for (const readOnly of [true, false]) {
          const image = withFile(killed, name, Uint8Array.from([...whole, ...behind]))
          assert.strictEqual(checkHonest(image, expected, 1, name, { readOnly }), "the same")
        }
      }
    }
  })

  it("I15: to the end of what came behind it ends the log there, as after any crash", () => {
    const { killed } = killedStore()
    const last = segmentsOn(killed).at(-1) ?? ""
    const header = killed.readFile(`${directory}/${last}`).slice(0, 64)
    const answer = answerOf(withFile(killed, last, header), [], 1)
    assert.deepStrictEqual(answer instanceof Map ? [...answer.keys()] : [answer._tag], keysOf(3))
  })
})

describe("Openings that write their log", () => {
  it("I13: leave few small tables, though no life is long enough for a compaction", () => {
    let disk = SimulatedDisk.make()
    for (let life = 1; life <= 40; life++) {
      const kill = withStore(disk, (store) =>
        Effect.gen(function*() {
          const { tables } = yield* store.stats
          assert.isAtMost(tables.count, 4, `life ${life}`)
          yield* put(store, `life/${life}`)
          return disk.killImage()
        }))
      disk = runSeed(kill, life)
    }
    assert.sameMembers([...runSeed(contentOn(disk), 1).keys()], [...keysOf(40)])
    assert.deepStrictEqual(shapeProblems(disk, directory), [])
  })
})
