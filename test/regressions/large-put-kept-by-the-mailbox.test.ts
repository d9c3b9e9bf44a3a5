import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { Mailbox } from "../../src/engine/Mailbox.ts"
import { ArenaMemtable } from "../../src/memtable/ArenaMemtable.ts"

const collectGarbage = (): void => {
  setFlagsFromString("--expose_gc")
  const collect: unknown = runInNewContext("gc")
  if (typeof collect !== "function") throw new Error("There is no gc to call.")
  Reflect.apply(collect, undefined, [])
}

describe("A mailbox", () => {
  it.live("I13: keeps nothing of a large put once the put has been taken", () =>
    Effect.gen(function*() {
      const mailbox = new Mailbox(8 * 1024 * 1024)
      const index = ArenaMemtable.make({ limit: 8 * 1024 * 1024, baseSequence: 0 })
      const offer = (): WeakRef<Uint8Array> => {
        void mailbox.offerPut(Uint8Array.of(1), new Uint8Array(1024 * 1024), 1, undefined)
        const [request] = mailbox.take(index)?.requests ?? []
        if (request === undefined) throw new Error("The put was not taken.")
        return new WeakRef(request.buffer)
      }
      const buffer = offer()
      // What a WeakRef was made of stays until the turn of the event loop ends.
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      collectGarbage()
      assert.isUndefined(buffer.deref())
    }))
})
