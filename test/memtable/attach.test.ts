import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Worker } from "node:worker_threads"
import { ArenaMemtable } from "../../src/memtable/ArenaMemtable.ts"
import { insertRecord, makeRandom } from "./MemtableModel.ts"
import { readAll } from "./readAll.ts"

const base = 2 ** 33 + 5

const fill = (memtable: ArenaMemtable): void => {
  const random = makeRandom(41)
  for (let i = 0; i < 3_000; i++) {
    const key = Uint8Array.of(random(9), random(200), random(2))
    insertRecord(memtable, random(5) === 0 ? { key } : { key, value: new Uint8Array(random(60)).fill(i) }, base + 3 + i)
  }
}

describe("ArenaMemtable.attach", () => {
  it.effect("lets another thread read all of it", () =>
    Effect.gen(function*() {
      const memtable = ArenaMemtable.make({ limit: 1 << 20, baseSequence: base })
      fill(memtable)
      const read = yield* Effect.callback<unknown>((resume) => {
        const worker = new Worker(new URL("./attachedReader.ts", import.meta.url), { workerData: memtable.handle })
        worker.once("message", (message) => resume(Effect.succeed(message)))
        worker.once("error", (error) => resume(Effect.die(error)))
        return Effect.promise(() => worker.terminate())
      })
      assert.deepStrictEqual(read, readAll(memtable))
    }))

  it("reads what was inserted after the handle was cloned", () => {
    const memtable = ArenaMemtable.make({ limit: 1 << 20, baseSequence: base })
    const handle = structuredClone(memtable.handle)
    fill(memtable)
    const attached = ArenaMemtable.attach(handle)
    assert.strictEqual(attached.count, 3_000)
    assert.deepStrictEqual(readAll(attached), readAll(memtable))
  })
})
