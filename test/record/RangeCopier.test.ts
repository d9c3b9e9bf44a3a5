/** Copies by views do what copies byte by byte do, whichever arrays they come between. */
import { assert, describe, it } from "@effect/vitest"
import { RangeCopier } from "../../src/record/RangeCopier.ts"
import { SeededRandom } from "../../src/testing/SeededRandom.ts"

const size = 2048

/** Of own memory and of shared, from the beginning of a buffer and not. */
const arraysOf = (fill: number): ReadonlyArray<Uint8Array> =>
  [0, 3].flatMap((offset) => {
    const arrays = [
      new Uint8Array(new ArrayBuffer(size + offset), offset),
      new Uint8Array(new SharedArrayBuffer(size + offset), offset)
    ]
    for (const bytes of arrays) for (let at = 0; at < size; at++) bytes[at] = at * 31 + fill
    return arrays
  })

describe("RangeCopier", () => {
  it("copies ranges of any length between arrays in any order", () => {
    const random = new SeededRandom(7)
    for (const largestViewed of [Number.POSITIVE_INFINITY, size - 1]) {
      const copier = new RangeCopier(largestViewed)
      const sources = arraysOf(1)
      const targets = arraysOf(2)
      const expected = targets.map((target) => [...target])
      let source = 0
      let target = 0
      for (let i = 0; i < 4_000; i++) {
        if (random.int(4) === 0) source = random.int(sources.length)
        if (random.int(8) === 0) target = random.int(targets.length)
        if (random.int(500) === 0) copier.forget()
        const length = random.int([2, 20, 130, 600][random.int(4)]!)
        const from = random.int(size - length)
        const to = random.int(size - length)
        copier.copy(sources[source]!, from, targets[target]!, to, length)
        for (let at = 0; at < length; at++) expected[target]![to + at] = sources[source]![from + at]!
      }
      for (let i = 0; i < targets.length; i++) assert.deepStrictEqual([...targets[i]!], expected[i])
    }
  })
})
