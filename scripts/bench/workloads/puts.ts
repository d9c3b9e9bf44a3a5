/** Puts of records, one each or in batches, and what a store holds after them. */
import { Effect } from "effect"
import { makeValueOf, makeValues, scratchKey } from "../records.ts"
import type { KeyOrder, ValueOf } from "../records.ts"
import { Unsupported } from "../stores/Store.ts"
import type { Manner, Store } from "../stores/Store.ts"
import { untilOver } from "./loops.ts"
import type { Content } from "./Workload.ts"

export const valueOf = makeValueOf(makeValues())

/** Whether a store gave back what was put. */
export const isSame = (found: Uint8Array | undefined, value: Uint8Array): boolean =>
  found !== undefined && Buffer.compare(found, value) === 0

/** The first so many records, in one generation. */
export const contentOf = (
  records: number,
  { generation = 0, order = "random", values = valueOf }: {
    readonly generation?: number
    readonly order?: KeyOrder
    readonly values?: ValueOf
  } = {}
): Content => ({ records, order, isRight: (record, found) => isSame(found, values(record, generation)) })

export interface Puts {
  readonly fibers: number
  /** How many puts; those of the records from 0 on, unless `recordOf` says otherwise. */
  readonly count: number
  readonly recordOf?: (put: number) => number
  readonly order?: KeyOrder
  readonly generation?: number
  readonly values?: ValueOf
  /** Ends when they have passed, however many puts there were. */
  readonly milliseconds?: number
}

/** Single puts; gives their number. */
export const putRecords = <M extends Manner>(
  store: Pick<Store<M>, "caller" | "put">,
  puts: Puts
): Effect.Effect<number> =>
  Effect.suspend(() => {
    const { count, fibers, generation = 0, milliseconds, order, recordOf = (put) => put, values = valueOf } = puts
    const keys = Array.from({ length: fibers }, () => scratchKey(order))
    const goesOn = milliseconds === undefined ? () => true : untilOver(milliseconds)
    let next = 0
    return Effect.map(
      store.caller.drive({
        fibers,
        more: () => next < count && goesOn(),
        call: (fiber) => {
          const record = recordOf(next++)
          return store.put(keys[fiber]!(record), values(record, generation))
        },
        done: () => {}
      }),
      () => next
    )
  })

const batchSize = 1000
const batchesAtOnce = 4

/** The same in batches. */
export const writeRecords = <M extends Manner>(store: Store<M>, records: number): Effect.Effect<number, Unsupported> =>
  Effect.suspend(() => {
    const { write } = store
    if (write === undefined) return Effect.fail(new Unsupported({ reason: "it has no batches" }))
    const scratch = Array.from(
      { length: batchesAtOnce },
      () => Array.from({ length: batchSize }, () => scratchKey())
    )
    let next = 0
    return Effect.map(
      store.caller.drive({
        fibers: batchesAtOnce,
        more: () => next < records,
        call: (fiber) => {
          const keys: Array<Uint8Array> = []
          const values: Array<Uint8Array> = []
          for (const key of scratch[fiber]!) {
            if (next === records) break
            keys.push(key(next))
            values.push(valueOf(next))
            next++
          }
          return write(keys, values)
        },
        done: () => {},
        turnEvery: 1
      }),
      () => next
    )
  })
