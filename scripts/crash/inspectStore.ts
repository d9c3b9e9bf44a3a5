/** Reads all that a reopened store holds, in every way there is, and compares the answers. */
import { Effect, Stream } from "effect"
import { LsmStore } from "../../src/index.ts"
import type { ReadError } from "../../src/index.ts"
import { compareBytes } from "../../src/record/Bytes.ts"

export interface Inspection {
  readonly content: ReadonlyMap<string, Uint8Array>
  readonly violations: ReadonlyArray<string>
}

/** A line for every key at which two contents differ. */
export const contentDifferences = (
  before: ReadonlyMap<string, Uint8Array>,
  after: ReadonlyMap<string, Uint8Array>,
  event: string
): ReadonlyArray<string> =>
  [...new Set([...before.keys(), ...after.keys()])].flatMap((key) => {
    const [one, other] = [before.get(key), after.get(key)]
    return one !== undefined && other !== undefined && compareBytes(one, other) === 0
      ? []
      : [`${event} changed what ${key} holds.`]
  })

const keysAtOnce = 1000
const encoder = new TextEncoder()
const decoder = new TextDecoder()

export const inspectStore = Effect.fnUntraced(function*(
  keys: ReadonlyArray<string>
): Effect.fn.Return<Inspection, ReadError, LsmStore> {
  const store = yield* LsmStore
  const violations: Array<string> = []
  const entries = yield* Stream.runCollect(store.scan())
  const content = new Map(entries.map(([key, value]) => [decoder.decode(key), value]))
  for (const [at, [key]] of entries.entries()) {
    const previous = entries[at - 1]
    if (previous !== undefined && compareBytes(previous[0], key) >= 0) {
      violations.push(`A scan gives ${decoder.decode(key)} after ${decoder.decode(previous[0])}.`)
    }
  }

  const reversed = yield* Stream.runCollect(store.scan({ reverse: true }))
  const isMirrored = reversed.length === entries.length && reversed.every(([key, value], at) => {
    const entry = entries[entries.length - 1 - at]
    return entry !== undefined && compareBytes(entry[0], key) === 0 && compareBytes(entry[1], value) === 0
  })
  if (!isMirrored)
    violations.push(`A reverse scan of ${reversed.length} entries differs from a scan of ${entries.length}.`)

  const all = [...new Set([...keys, ...content.keys()])]
  for (let from = 0; from < all.length; from += keysAtOnce) {
    const some = all.slice(from, from + keysAtOnce)
    const values = yield* store.getMany(some.map((key) => encoder.encode(key)))
    for (const [at, key] of some.entries()) {
      const [got, scanned] = [values[at], content.get(key)]
      const isSame = got === undefined || scanned === undefined ? got === scanned : compareBytes(got, scanned) === 0
      if (!isSame) violations.push(`A get of ${key} differs from a scan.`)
    }
  }
  return { content, violations }
})
