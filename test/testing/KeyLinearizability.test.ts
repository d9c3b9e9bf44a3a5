import { assert, describe, it } from "@effect/vitest"
import { absent, agrees, anyValue } from "../../src/testing/history/Content.ts"
import type { Value } from "../../src/testing/history/Content.ts"
import { keyVerdict } from "../../src/testing/history/KeyLinearizability.ts"
import type { KeyOperation } from "../../src/testing/history/KeyLinearizability.ts"
import { SeededRandom } from "../../src/testing/index.ts"

const never = Number.POSITIVE_INFINITY

/** Tries every order, one operation after another. */
const isPossible = (value: Value, left: ReadonlyArray<KeyOperation>): boolean => {
  if (left.every(({ ended }) => ended === never)) return true
  const firstEnd = Math.min(...left.map(({ ended }) => ended))
  return left.some((operation, at) => {
    if (operation.begun > firstEnd) return false
    const { read, write } = operation
    if (read !== undefined && !agrees(read, value)) return false
    return isPossible(write ?? value, left.toSpliced(at, 1))
  })
}

/** Operations whose times are drawn by chance, and differ. */
const drawn = (random: SeededRandom): ReadonlyArray<KeyOperation> => {
  const count = 3 + random.int(6)
  const times = Array.from({ length: 2 * count }, (_, time) => time + 1)
  const takeTime = () => times.splice(random.int(times.length), 1)[0] ?? 0
  const values = [absent, "1", "2", "3"].slice(0, 2 + random.int(3))
  return Array.from({ length: count }, () => {
    const [begun = 0, ended = 0] = [takeTime(), takeTime()].sort((a, b) => a - b)
    if (random.bool()) return { begun, ended: random.bool(0.3) ? never : ended, write: random.pick(values) }
    return { begun, ended, read: random.bool(0.2) ? anyValue : random.pick(values) }
  })
}

describe("The operations on one key", () => {
  it("I1: have an order just if there is one", () => {
    const tally = { possible: 0, impossible: 0 }
    for (let seed = 0; seed < 6_000; seed++) {
      const operations = drawn(new SeededRandom(seed))
      const expected = isPossible(absent, operations)
      const verdict = keyVerdict(absent, operations)
      assert.strictEqual(verdict._tag, expected ? "Possible" : "Impossible", `seed ${seed}`)
      tally[expected ? "possible" : "impossible"]++
    }
    assert.isAbove(tally.possible, 1_000)
    assert.isAbove(tally.impossible, 1_000)
  })

  it("I1: name the read that can't be so", () => {
    const stale: KeyOperation = { begun: 5, ended: 6, read: "1" }
    const verdict = keyVerdict("1", [
      { begun: 1, ended: 2, read: "1" },
      { begun: 3, ended: 4, write: "2" },
      stale,
      { begun: 7, ended: 8, read: "2" }
    ])
    assert.deepStrictEqual(verdict, { _tag: "Impossible", read: stale })
  })

  it("I1: may be hundreds, ten at once", () => {
    const operations: Array<KeyOperation> = []
    for (let at = 0; at < 400; at++) {
      operations.push({ begun: 10 * at, ended: 10 * at + 95, write: `${at}` })
      operations.push({ begun: 10 * at + 96, ended: 10 * at + 97, read: `${at}` })
    }
    assert.strictEqual(keyVerdict(absent, operations)._tag, "Possible")
    operations.push({ begun: 4_200, ended: 4_201, read: "100" })
    assert.strictEqual(keyVerdict(absent, operations)._tag, "Impossible")
  })

  it("I1: may have any number of writes of one value that may never take effect", () => {
    const writes = Array.from({ length: 100 }, (_, at): KeyOperation => ({ begun: at, ended: never, write: absent }))
    const reads = ["1", absent, anyValue, absent].map((read, at): KeyOperation => ({
      begun: 200 + 2 * at,
      ended: 201 + 2 * at,
      read
    }))
    const write: KeyOperation = { begun: 150, ended: 151, write: "1" }
    assert.strictEqual(keyVerdict("0", [...writes, write, ...reads])._tag, "Impossible")
    assert.strictEqual(keyVerdict("0", [...writes, write, ...reads.toSpliced(2, 1)])._tag, "Possible")
  })

  it("are given up where too many are under way at once", () => {
    const writes = Array.from({ length: 31 }, (_, at): KeyOperation => ({ begun: at, ended: 100 + at, write: `${at}` }))
    assert.strictEqual(keyVerdict(absent, writes)._tag, "GivenUp")
  })
})
