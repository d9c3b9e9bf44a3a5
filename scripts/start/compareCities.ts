/** Compares every record of a store that should hold them all with the source. */
import { Effect } from "effect"
import { LsmStore } from "../../src/index.ts"
import { SeededRandom } from "../../src/testing/SeededRandom.ts"
import { cityKey } from "./Cities.ts"
import type { Ledger } from "./Ledger.ts"
import { mismatch } from "./Mismatch.ts"
import { scanCities } from "./scanCities.ts"

export interface Comparison {
  readonly scanned: number
  readonly prefixes: number
  readonly gets: number
}

const randomGets = 20_000

export const compareCities = Effect.fnUntraced(function*(ledger: Ledger) {
  const { source } = ledger
  const store = yield* LsmStore
  const scanned = yield* scanCities(ledger, "", source.sorted)
  if (scanned.length !== source.count) {
    return yield* mismatch(`a full scan gives ${scanned.length} records and not ${source.count}`)
  }
  for (const [prefix, numbers] of source.byPrefix) {
    const found = yield* scanCities(ledger, prefix, numbers)
    if (found.length !== numbers.length) {
      return yield* mismatch(`"${prefix}" has ${found.length} records and not ${numbers.length}`)
    }
  }
  const random = new SeededRandom(source.count)
  for (let get = 0; get < randomGets; get++) {
    const number = random.int(source.count)
    const key = cityKey(source, number)
    const problem = ledger.problemWith(number, true, yield* store.get(key))
    if (problem !== undefined) return yield* mismatch(problem)
    if (yield* store.has(key.subarray(0, key.length - 1))) {
      return yield* mismatch("a key that is cut short is found")
    }
  }
  const comparison: Comparison = { scanned: scanned.length, prefixes: source.byPrefix.size, gets: randomGets }
  return comparison
})
