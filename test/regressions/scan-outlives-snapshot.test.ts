/** A scan on a snapshot leaned on the snapshot's pin: once that was gone, a compaction emptied the rest of the scan. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope, Stream } from "effect"
import { LsmStore } from "../../src/index.ts"
import { bytes, lines, open } from "../store/storeHelpers.ts"

describe("a scan on a snapshot whose scope closes meanwhile", () => {
  it.effect("I8: goes on as of the snapshot, and lets go of it at its end", () =>
    Effect.gen(function*() {
      const store = yield* open(LsmStore.layerMemory())
      const keys = Array.from({ length: 100 }, (_, i) => `key-${String(i).padStart(2, "0")}`)
      const putAll = (value: string) =>
        Effect.forEach(keys, (key) => store.put(bytes(key), bytes(value)), { concurrency: "unbounded" })
      yield* putAll("old")
      const scope = yield* Scope.make()
      const snapshot = yield* Scope.provide(store.snapshot, scope)
      const seen: Array<string> = []
      yield* Stream.runForEachArray(snapshot.scan(), (chunk) =>
        Effect.gen(function*() {
          seen.push(...lines(chunk))
          yield* Scope.close(scope, Exit.void)
          yield* putAll("new")
          yield* store.flush
          yield* store.compact()
        }))
      assert.deepStrictEqual(seen, keys.map((key) => `${key}=old`))
      assert.strictEqual((yield* store.stats).snapshots.count, 0)
    }))
})
