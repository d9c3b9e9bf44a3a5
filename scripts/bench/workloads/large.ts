/** Values of 64 KiB. */
import { Effect } from "effect"
import { makeValueOf, makeValues, randomNumbers, scratchKey } from "../records.ts"
import { fastestGet } from "../stores/Store.ts"
import type { Manner } from "../stores/Store.ts"
import { driveFor, warmUpShare } from "./loops.ts"
import { measured } from "./measured.ts"
import { contentOf, putRecords } from "./puts.ts"
import { WrongContent } from "./Workload.ts"
import type { Bench, Workload } from "./Workload.ts"

const KiB = 1024
const valueLength = 64 * KiB
const distinctValues = 64
const fibers = 16
const scale = 0.002

const largeValues = (): ReturnType<typeof makeValueOf> => makeValueOf(makeValues(valueLength, distinctValues))

const fill = <M extends Manner>({ records, store }: Bench<M>, values: ReturnType<typeof makeValueOf>) =>
  putRecords(store, { fibers, count: records, values })

const common = { durability: "buffered", start: "empty", metric: "rate", scale } as const

export const large: ReadonlyArray<Workload> = [
  {
    ...common,
    name: "large-fill",
    title: `puts of values of ${valueLength / KiB} KiB in random order, ${fibers} in flight`,
    operations: "puts",
    settles: true,
    run: (bench) => {
      const values = largeValues()
      return Effect.map(
        measured(fill(bench, values)),
        (phase) => ({ phase, content: contentOf(bench.records, { values }) })
      )
    }
  },
  {
    ...common,
    name: "large-read",
    title: `gets of values of ${valueLength / KiB} KiB`,
    operations: "gets",
    run: (bench) => {
      const { milliseconds, records, store } = bench
      const values = largeValues()
      const get = fastestGet(store)
      const key = scratchKey()
      const random = randomNumbers(1)
      let wrong = 0
      const loop = {
        fibers: 1,
        call: () => get(key(random(records))),
        done: (_: number, found: Uint8Array | undefined) => {
          if (found?.length !== valueLength) wrong++
        },
        turnEvery: 16
      }
      return Effect.gen(function*() {
        yield* fill(bench, values)
        yield* store.settled
        yield* driveFor(store.caller, milliseconds * warmUpShare, loop)
        const phase = yield* measured(driveFor(store.caller, milliseconds, loop))
        if (wrong > 0) return yield* new WrongContent({ reason: `${wrong} gets found no such value.` })
        return { phase, content: contentOf(records, { values }) }
      })
    }
  }
]
