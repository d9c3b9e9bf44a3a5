/** Scans that are checked entry by entry. */
import { Effect, Stream } from "effect"
import { LsmStore } from "../../src/index.ts"
import type { ReadError } from "../../src/index.ts"
import { compareBytes } from "../../src/record/Bytes.ts"
import { cityKey } from "./Cities.ts"
import type { Ledger } from "./Ledger.ts"
import { mismatch } from "./Mismatch.ts"
import type { Mismatch } from "./Mismatch.ts"

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/**
 * Scans a prefix whose records are `numbers`, in the order of their keys. Each
 * one that was acknowledged before must come, each one that comes must have been
 * written, in order and with its value. Returns the numbers that came.
 */
export const scanCities = Effect.fnUntraced(function*(
  ledger: Ledger,
  prefix: string,
  numbers: ReadonlyArray<number>
): Effect.fn.Return<ReadonlyArray<number>, ReadError | Mismatch, LsmStore> {
  const store = yield* LsmStore
  const wasAcknowledged = numbers.map((number) => ledger.isAcknowledged(number))
  const found: Array<number> = []
  let at = 0

  /** Passes over the records up to the key, and tells what is wrong with that. */
  const skipTo = (key: Uint8Array | undefined): string | undefined => {
    for (; at < numbers.length; at++) {
      const number = numbers[at]!
      if (key !== undefined && compareBytes(cityKey(ledger.source, number), key) === 0) return undefined
      const problem = ledger.problemWith(number, wasAcknowledged[at] === true, undefined)
      if (problem !== undefined) return `${problem} by a scan of "${prefix}"`
    }
    return key === undefined ? undefined : `a scan of "${prefix}" gives ${decoder.decode(key)}, out of order or unknown`
  }

  yield* Stream.runForEachArray(store.scan({ prefix: encoder.encode(prefix) }), (entries) =>
    Effect.suspend(() => {
      for (const [key, value] of entries) {
        const skipped = skipTo(key)
        if (skipped !== undefined) return mismatch(skipped)
        const number = numbers[at]!
        const problem = ledger.problemWith(number, wasAcknowledged[at] === true, value)
        if (problem !== undefined) return mismatch(`${problem} in a scan of "${prefix}"`)
        found.push(number)
        at++
      }
      return Effect.void
    }))
  const missing = skipTo(undefined)
  return missing === undefined ? found : yield* mismatch(missing)
})
