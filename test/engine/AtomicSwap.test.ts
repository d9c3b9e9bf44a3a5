import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import type { EngineEvent } from "../../src/index.ts"
import { replayLog } from "../../src/log/LogReplay.ts"
import { parseSegmentName } from "../../src/log/SegmentName.ts"
import { SimulatedDisk } from "../../src/testing/index.ts"
import { isSegment, runSeed, seeds, withStore } from "./harness.ts"
import { runWorkload, WorkloadHistory } from "./workload.ts"

const numberOf = (path: string): number =>
  parseSegmentName(path.slice(path.lastIndexOf("/") + 1))?.segment ?? Number.NaN

/** The sequences in one segment's file, in order. */
const sequencesIn = (segment: number, bytes: Uint8Array) =>
  Effect.gen(function*() {
    const disk = SimulatedDisk.make()
    disk.writeFile("segment", bytes)
    const sequences: Array<number> = []
    const file = yield* disk.service.openRead("segment")
    yield* replayLog({
      segments: [{ segment, file }],
      firstSequence: 1,
      onRecord: (_buffer, _kind, _keyOffset, _keyLength, _valueOffset, _valueLength, sequence) => {
        sequences.push(sequence)
      }
    })
    return sequences
  })

/** What every segment held when it was removed or, those that were not, in the end; and what happened meanwhile. */
const segmentsOf = (seed: number) =>
  Effect.gen(function*() {
    const disk = SimulatedDisk.make()
    const files = new Map<number, Uint8Array>()
    const events: Array<EngineEvent> = []
    disk.onCall((call, phase) => {
      if (phase === "before" && call.operation === "remove" && isSegment(call)) {
        files.set(numberOf(call.path), disk.readFile(call.path))
      }
    })
    yield* withStore(disk, (store) =>
      Effect.gen(function*() {
        yield* Effect.forkChild(Stream.runForEach(store.events, (event) => Effect.sync(() => void events.push(event))))
        yield* Effect.sleep("1 milli")
        yield* runWorkload(store, new WorkloadHistory(), { seed, writers: 5, writesEach: 24, structural: 3 })
      }))
    for (const path of disk.files().filter((each) => each.endsWith(".seg"))) {
      files.set(numberOf(path), disk.readFile(path))
    }
    const segments = new Map<number, ReadonlyArray<number>>()
    for (
      const number of [...files.keys()].sort((a, b) => a - b)
    ) {
      segments.set(number, yield* sequencesIn(number, files.get(number)!))
    }
    return { segments, events }
  })

describe("A rotation", () => {
  it.for(seeds(10))("I2: every segment's sequences are below those of the next, without a gap (seed %i)", (seed) => {
    const { segments } = runSeed(segmentsOf(seed), seed)
    assert.isAbove(segments.size, 3)
    const all = [...segments.values()].flat()
    assert.deepStrictEqual(all, Array.from(all, (_, at) => at + 1))
  })

  it.for(seeds(10))("I2: a segment holds exactly its memtable's records (seed %i)", (seed) => {
    const { events, segments } = runSeed(segmentsOf(seed), seed)
    const rotated = events.filter((event) => event._tag === "MemtableRotated")
    assert.isAbove(rotated.length, 2)
    for (const { nextSegment, records, segment } of rotated) {
      assert.strictEqual(segments.get(segment)?.length, records, `segment ${segment}`)
      assert.strictEqual(nextSegment, segment + 1)
    }
  })
})
