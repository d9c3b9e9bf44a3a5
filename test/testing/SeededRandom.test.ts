import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { SeededRandom } from "../../src/testing/index.ts"

const draw = (random: SeededRandom, count: number): ReadonlyArray<number> =>
  Array.from({ length: count }, () => random.uint32())

describe("SeededRandom", () => {
  it.prop("the same seed gives the same numbers", { seed: Schema.Int }, ({ seed }) => {
    assert.deepStrictEqual(draw(new SeededRandom(seed), 20), draw(new SeededRandom(seed), 20))
  })

  it("other seeds give other numbers, those that differ only above 32 bits among them", () => {
    const seeds = [0, 1, 2, -1, 2 ** 32, 2 ** 33, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER]
    const streams = new Set(seeds.map((seed) => draw(new SeededRandom(seed), 4).join()))
    assert.strictEqual(streams.size, seeds.length)
  })

  it.prop(
    "int stays below its bound, and next below 1",
    { seed: Schema.Int, bound: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 2 ** 53 - 1 })) },
    ({ seed, bound }) => {
      const random = new SeededRandom(seed)
      for (let round = 0; round < 50; round++) {
        const whole = random.int(bound)
        assert.isTrue(Number.isSafeInteger(whole) && whole >= 0 && whole < bound)
        const fraction = random.next()
        assert.isTrue(fraction >= 0 && fraction < 1)
      }
    }
  )

  it("spreads evenly", () => {
    const random = new SeededRandom(5)
    const counts = [0, 0, 0, 0, 0, 0, 0, 0]
    for (let round = 0; round < 80_000; round++) counts[random.int(8)]! += 1
    for (const count of counts) assert.isTrue(count > 9_500 && count < 10_500)
  })

  it("bool is true as often as it is told", () => {
    const random = new SeededRandom(5)
    let often = 0
    for (let round = 0; round < 10_000; round++) if (random.bool(0.9)) often++
    assert.isTrue(often > 8_800 && often < 9_200)
    assert.isFalse(random.bool(0))
    assert.isTrue(random.bool(1))
  })

  it("picks each of the choices, and refuses to pick from none", () => {
    const random = new SeededRandom(5)
    const picked = new Set(Array.from({ length: 100 }, () => random.pick(["a", "b", "c"])))
    assert.deepStrictEqual(picked, new Set(["a", "b", "c"]))
    assert.throws(() => random.pick([]), RangeError)
  })

  it("a fork is not shifted by what is drawn from its origin", () => {
    const one = new SeededRandom(3)
    const other = new SeededRandom(3)
    const fork = one.fork()
    const otherFork = other.fork()
    draw(one, 10)
    assert.deepStrictEqual(draw(fork, 10), draw(otherFork, 10))
    assert.notDeepEqual(draw(new SeededRandom(3).fork(), 10), draw(new SeededRandom(3), 10))
  })

  it("as an Effect Random it yields safe integers of both signs", () => {
    const random = new SeededRandom(3)
    const signs = new Set<number>()
    for (let round = 0; round < 100; round++) {
      const value = random.nextIntUnsafe()
      assert.isTrue(Number.isSafeInteger(value))
      signs.add(Math.sign(value))
    }
    assert.deepStrictEqual(signs, new Set([-1, 1]))
  })
})
