/** A store for the benchmark that is a Map, with a fault if one is asked for. */
import { Effect } from "effect"
import { setImmediate } from "node:timers/promises"
import { plainCaller } from "../../scripts/bench/stores/plainCaller.ts"
import type { Store, Visit } from "../../scripts/bench/stores/Store.ts"

export interface Fault {
  /** Puts that change nothing, by their number. */
  readonly isLost?: (put: number) => boolean
  /** Gets that answer with a changed value, by their number. */
  readonly isChanged?: (get: number) => boolean
}

const textOf = (key: Uint8Array): string => Buffer.from(key).toString("latin1")

export const makeMapStore = (
  { isChanged = () => false, isLost = () => false }: Fault = {}
): Store<"plain"> => {
  const entries = new Map<string, Uint8Array>()
  const count = { puts: 0, gets: 0 }
  const put = (key: Uint8Array, value: Uint8Array): void => {
    if (!isLost(count.puts++)) entries.set(textOf(key), value.slice())
  }
  const get = (key: Uint8Array): Uint8Array | undefined => {
    const value = entries.get(textOf(key))?.slice()
    if (isChanged(count.gets++) && value !== undefined) value[value.length - 1]! ^= 1
    return value
  }
  const sorted = (): ReadonlyArray<string> => [...entries.keys()].sort()
  const visitAll = (keys: ReadonlyArray<string>, visit: Visit): void => {
    for (const key of keys) visit(Buffer.from(key, "latin1"), entries.get(key)!.slice())
  }
  return {
    manner: "plain",
    caller: plainCaller,
    put: async (key, value) => {
      put(key, value)
      await setImmediate()
    },
    write: (keys, values) => {
      for (let i = 0; i < keys.length; i++) put(keys[i]!, values[i]!)
    },
    get: async (key) => get(key),
    getSync: get,
    getMany: (keys) => keys.map(get),
    scan: (visit) => visitAll(sorted(), visit),
    range: (from, limit, visit) => visitAll(sorted().filter((key) => key >= textOf(from)).slice(0, limit), visit),
    compact: () => {},
    settled: Effect.void,
    batchBeside: 1
  }
}
