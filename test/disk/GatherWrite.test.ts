/** Writes go on from where the system stopped, whichever call they are made by. */
import { assert, beforeEach, describe, it } from "@effect/vitest"
import { vi } from "vitest"
import { GatherWrite } from "../../src/disk/GatherWrite.ts"
import { SeededRandom } from "../../src/testing/SeededRandom.ts"
import { concatenate, pattern } from "./diskHelpers.ts"

/** A file in memory, and how much of it the next calls write. */
const system = vi.hoisted(() => ({
  file: new Uint8Array(64 * 1024),
  accepts: (length: number): number => length,
  calls: [] as Array<"write" | "writev">,
  write(call: "write" | "writev", chunks: ReadonlyArray<Uint8Array>, position: number): number {
    system.calls.push(call)
    const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    let left = system.accepts(length)
    let at = position
    for (const chunk of chunks) {
      const written = chunk.subarray(0, left)
      system.file.set(written, at)
      at += written.length
      left -= written.length
    }
    return at - position
  }
}))

vi.mock("node:fs", async (original) => ({
  ...await original<object>(),
  writeSync: (_: number, buffer: Uint8Array, offset: number, length: number, position: number) =>
    system.write("write", [buffer.subarray(offset, offset + length)], position),
  writevSync: (_: number, chunks: ReadonlyArray<Uint8Array>, position: number) =>
    system.write("writev", chunks, position),
  writev: (
    _: number,
    chunks: ReadonlyArray<Uint8Array>,
    position: number,
    done: (error: null, written: number) => void
  ) => done(null, system.write("writev", chunks, position))
}))

beforeEach(() => {
  system.file.fill(0)
  system.accepts = (length) => length
  system.calls.length = 0
})

/** So many bytes in chunks, some of them empty. */
const chunksOf = (length: number, random: SeededRandom): ReadonlyArray<Uint8Array> => {
  const bytes = pattern(length)
  const chunks: Array<Uint8Array> = []
  for (let at = 0; at < length;) {
    const next = at + random.int(Math.min(2_000, length - at) + 1)
    chunks.push(bytes.subarray(at, next))
    at = next
  }
  return chunks
}

const writers = {
  "at once": (write: GatherWrite) => write.writeNow(7),
  "in the pool": (write: GatherWrite) => write.writeInPool(7, (error) => assert.isNull(error))
}

describe("GatherWrite", () => {
  for (const [name, write] of Object.entries(writers)) {
    it(`writes every byte in its place ${name}, however little each call takes`, () => {
      const random = new SeededRandom(5)
      for (const length of [0, 1, 100, 4_095, 4_096, 4_097, 10_000]) {
        for (const padding of [0, 20_000]) {
          for (let i = 0; i < 20; i++) {
            const chunks = chunksOf(length, random)
            const position = random.int(1_000)
            const most = 1 + random.int(6_000)
            system.file.fill(1)
            system.accepts = (left) => Math.min(left, 1 + random.int(most))
            const gather = new GatherWrite(chunks, padding, position)
            write(gather)
            assert.strictEqual(gather.written, length + padding)
            const expected = new Uint8Array(system.file.length).fill(1)
            expected.set(concatenate(chunks), position)
            expected.fill(0, position + length, position + length + padding)
            assert.deepStrictEqual(system.file, expected)
          }
        }
      }
    })
  }

  it("makes one call of a small group, from one buffer", () => {
    for (const [length, call] of [[4_096, "write"], [4_097, "writev"]] as const) {
      system.calls.length = 0
      new GatherWrite([pattern(length - 80), pattern(80)], 0, 0).writeNow(7)
      assert.deepStrictEqual(system.calls, [call])
    }
  })

  it("gives up where the system takes nothing", () => {
    system.accepts = () => 0
    for (const length of [100, 10_000]) {
      assert.throws(() => new GatherWrite([pattern(length)], 0, 0).writeNow(7), /EIO/)
    }
  })
})
