import { assert, describe, it } from "@effect/vitest"
import { compareBytes } from "../../src/record/Bytes.ts"
import { TableIndex, TableIndexBuilder } from "../../src/table/TableIndex.ts"
import { SeededRandom } from "../../src/testing/SeededRandom.ts"

interface Separator {
  readonly key: Uint8Array
  readonly sequence: number
}

const blockLength = 100
const trailer = 5

const indexOf = (separators: ReadonlyArray<Separator>): TableIndex => {
  const builder = new TableIndexBuilder()
  for (const { key, sequence } of separators) builder.add(blockLength, sequence, key, 0, key.length)
  const index = TableIndex.read(builder.finish(), separators.length * (blockLength + trailer))
  if (typeof index === "string") throw new Error(index)
  return index
}

const bytesOf = (...parts: ReadonlyArray<ReadonlyArray<number>>): Uint8Array => Uint8Array.from(parts.flat())

const big = (value: number): ReadonlyArray<number> => [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff)

/** Keys that are spread evenly, crowd at an end, differ late, or are each other's beginnings. */
const spreads: Readonly<Record<string, (random: SeededRandom) => Uint8Array>> = {
  even: (random) => bytesOf(big(random.int(0x7fff_ffff)), big(random.int(0x7fff_ffff))),
  crowded: (random) => bytesOf(big(random.int(20) === 0 ? 0x7fff_fff0 : random.int(50)), [random.int(256)]),
  "alike for long": (random) => bytesOf([1, 2], big(random.int(3)), [7, 7, 7, 7, 7, 7], big(random.int(500))),
  short: (random) => Uint8Array.from({ length: random.int(4) }, () => random.int(3)),
  "all of one beginning": (random) => bytesOf([9, 9, 9, 9, 9, 9, 9, 9, 9], big(random.int(1000)))
}

const after = (a: Separator, b: Separator): number => compareBytes(a.key, b.key) || b.sequence - a.sequence

describe("TableIndex", () => {
  for (const [name, draw] of Object.entries(spreads)) {
    it(`finds the first separator at or after a version: keys ${name}`, () => {
      for (let run = 0; run < 40; run++) {
        const random = new SeededRandom(run)
        const drawn = Array.from({ length: random.int(run < 10 ? 4 : 120) }, () => ({
          key: draw(random),
          sequence: random.int(3)
        })).sort(after)
        const separators = drawn.filter((each, i) => i === 0 || after(drawn[i - 1]!, each) !== 0)
        const index = indexOf(separators)
        const probes = [...separators, ...Array.from({ length: 60 }, () => ({ key: draw(random), sequence: 1 }))]
        for (const { key, sequence } of probes) {
          for (const probe of [{ key, sequence }, { key, sequence: sequence + 1 }, { key, sequence: 0 }]) {
            const expected = separators.filter((each) => after(each, probe) < 0).length
            const buffer = bytesOf([0xff], [...key], [0xff])
            assert.strictEqual(index.find(buffer, 1, key.length, probe.sequence), expected)
          }
        }
        for (const end of [new Uint8Array(0), new Uint8Array(20).fill(0xff)]) {
          const expected = separators.filter((each) => after(each, { key: end, sequence: 1 }) < 0).length
          assert.strictEqual(index.find(end, 0, end.length, 1), expected)
        }
      }
    })
  }

  it("has no block for anything if it has none", () => {
    assert.strictEqual(indexOf([]).find(Uint8Array.of(1), 0, 1, 1), 0)
  })
})
