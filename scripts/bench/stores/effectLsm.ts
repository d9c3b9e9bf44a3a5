/** This project's store, through its public face. */
import { Context, Effect, Layer, Stream } from "effect"
import { LsmStore, WriteBatch } from "../../../src/index.ts"
import type { Entry, ReadError } from "../../../src/index.ts"
import { NodeLsmStore } from "../../../src/node/index.ts"
import { untilSettled } from "../settled.ts"
import { slowerSyncDisk } from "../slowerSync.ts"
import { effectCaller } from "./effectCaller.ts"
import type { OpenOptions, OpenStore, Store, Visit } from "./Store.ts"

const layerOf = ({ cache, directory, memtable, syncMicroseconds, workers }: OpenOptions) => {
  const options = { directory, memtableSize: memtable, blockCacheSize: cache }
  return syncMicroseconds === undefined
    ? NodeLsmStore.layer({ ...options, workers })
    : LsmStore.layer(options).pipe(Layer.provide(slowerSyncDisk(syncMicroseconds)))
}

const visitAll = (entries: Stream.Stream<Entry, ReadError>, visit: Visit): Effect.Effect<void, ReadError> =>
  Stream.runForEachArray(entries, (chunk) =>
    Effect.sync(() => {
      for (const [key, value] of chunk) visit(key, value)
    }))

export const openEffectLsm: OpenStore = (options) =>
  Effect.map(Effect.orDie(Layer.build(layerOf(options))), (context) => {
    const lsm = Context.get(context, LsmStore)
    const durability = { durability: options.durability }
    const store: Store<"effect"> = {
      manner: "effect",
      caller: effectCaller,
      put: (key, value) => lsm.put(key, value, durability),
      write: (keys, values) =>
        Effect.suspend(() => {
          const batch = WriteBatch.make()
          for (let i = 0; i < keys.length; i++) batch.put(keys[i]!, values[i]!)
          return lsm.write(batch, durability)
        }),
      get: (key) => lsm.get(key),
      getMany: (keys) => lsm.getMany(keys),
      scan: (visit) => visitAll(lsm.scan(), visit),
      range: (from, limit, visit) => visitAll(lsm.scan({ gte: from, limit }), visit),
      compact: () => Effect.andThen(lsm.flush, lsm.compact()),
      settled: untilSettled(lsm),
      batchBeside: 1,
      stalls: Effect.map(lsm.stats, ({ stalls }) => stalls)
    }
    return store
  })
