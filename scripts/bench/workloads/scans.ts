/** Reads of many records in key order. */
import { Effect } from "effect"
import { randomNumbers, scratchKey } from "../records.ts"
import { Unsupported } from "../stores/Store.ts"
import { driveFor, warmUpShare } from "./loops.ts"
import { measured } from "./measured.ts"
import { contentOf } from "./puts.ts"
import { wholeCache, WrongContent } from "./Workload.ts"
import type { Workload } from "./Workload.ts"

const rangeLength = 100

const common = { durability: "buffered", start: "loaded", metric: "rate", cacheShare: wholeCache } as const

export const scans: ReadonlyArray<Workload> = [
  {
    ...common,
    name: "readseq",
    title: "all entries in key order, keys and values in memory of their own",
    operations: "entries",
    run: ({ milliseconds, records, store: { caller, scan } }) => {
      if (scan === undefined) return Effect.fail(new Unsupported({ reason: "it has no scan" }))
      return Effect.gen(function*() {
        let visited = 0
        const whole = Effect.suspend(() =>
          caller.once(() =>
            scan(() => {
              visited++
            })
          )
        )
        const repeated = Effect.suspend(() => {
          const end = performance.now() + milliseconds
          visited = 0
          return Effect.map(Effect.repeat(whole, { until: () => performance.now() >= end }), () => visited)
        })
        yield* whole
        const phase = yield* measured(repeated)
        if (visited === 0 || visited % records !== 0) {
          return yield* new WrongContent({ reason: `Scans of ${records} entries visited ${visited}.` })
        }
        return { phase, content: contentOf(records) }
      })
    }
  },
  {
    ...common,
    name: `range-${rangeLength}`,
    title: `${rangeLength} entries from a random key on`,
    operations: "ranges",
    run: ({ milliseconds, records, store: { caller, range } }) => {
      if (range === undefined) return Effect.fail(new Unsupported({ reason: "it has no ranges" }))
      const key = scratchKey()
      const random = randomNumbers(1)
      let visited = 0
      const loop = {
        fibers: 1,
        call: () =>
          range(key(random(records)), rangeLength, () => {
            visited++
          }),
        done: () => {},
        turnEvery: 4
      }
      return Effect.gen(function*() {
        yield* driveFor(caller, milliseconds * warmUpShare, loop)
        visited = 0
        const phase = yield* measured(driveFor(caller, milliseconds, loop))
        // Few begin so near the last key that there are less behind it.
        if (visited < 0.9 * Math.min(rangeLength, records / 2) * phase.operations) {
          return yield* new WrongContent({ reason: `${phase.operations} ranges visited ${visited} entries in all.` })
        }
        return { phase, content: contentOf(records) }
      })
    }
  }
]
