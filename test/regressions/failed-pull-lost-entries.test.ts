/**
 * A chunk of a scan that failed kept its place: whoever pulled again went on behind a tombstone that had been looked
 * at, and past the entries before it, which had never been delivered.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Option, Stream } from "effect"
import { DiskError, WriteBatch } from "../../src/index.ts"
import { SimulatedDisk } from "../../src/testing/SimulatedDisk.ts"
import { bytesOf, isTable, runSeed, textOf, withStore } from "../engine/harness.ts"

describe("A scan that is pulled again after a read failed", () => {
  it.for([0, 1, 2, 3, 4, 5])("I8: gives every entry once (read %i)", (nth) => {
    const disk = SimulatedDisk.make()
    const keys = Array.from({ length: 200 }, (_, i) => String(i).padStart(4, "0"))
    const program = withStore(disk, (store) =>
      Effect.gen(function*() {
        const batch = WriteBatch.make()
        for (const key of keys) batch.put(bytesOf(key), new Uint8Array(100))
        yield* store.write(batch)
        yield* store.flush
        // Without it the merge of both would leave no tombstone.
        yield* store.snapshot
        const deletes = WriteBatch.make()
        for (const [i, key] of keys.entries()) if (i % 2 === 1) deletes.delete(bytesOf(key))
        yield* store.write(deletes)
        yield* store.flush

        const fault = disk.fail({
          when: (call) => isTable(call) && (call.operation === "read" || call.operation === "readSync"),
          nth
        })
        const pull = yield* Stream.toPull(store.scan({ limit: 60 }))
        const seen: Array<string> = []
        let failures = 0
        for (;;) {
          const exit = yield* Effect.exit(pull)
          if (Exit.isSuccess(exit)) {
            for (const [key] of exit.value) seen.push(textOf(key))
          } else if (Option.getOrUndefined(Cause.findErrorOption(exit.cause)) instanceof DiskError) failures++
          else break
        }
        assert.deepStrictEqual(seen, keys.filter((_, i) => i % 2 === 0).slice(0, 60))
        assert.strictEqual(failures, fault.fired)
      }).pipe(Effect.scoped), { blockSize: 1024, blockCacheSize: 0 })
    runSeed(program, 1)
  })
})
