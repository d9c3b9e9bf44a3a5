import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { SimulatedDisk } from "../../src/testing/index.ts"
import { currentOn, isOwner } from "../engine/harness.ts"
import { bytes, open, runSimulated, simulatedLayer, tinyMemtable, withStore } from "../store/storeHelpers.ts"

const layer = (disk: SimulatedDisk) => simulatedLayer(disk, tinyMemtable)

/** Whether the store could be opened. */
const opens = (disk: SimulatedDisk): boolean =>
  Exit.isSuccess(runSimulated(1, Effect.exit(Effect.scoped(open(layer(disk))))))

describe("An opening that fails for lack of space", () => {
  it("leaves no file of its own behind, whatever could not be made or written, unless CURRENT has moved", () => {
    const disk = SimulatedDisk.make()
    let killed = disk
    runSimulated(
      1,
      Effect.scoped(Effect.gen(function*() {
        const store = yield* open(layer(disk))
        for (let i = 0; i < 5; i++) {
          yield* store.put(bytes(`key-${i}`), new Uint8Array(20_000), { durability: "buffered" })
        }
        killed = disk.killImage()
      }))
    )
    const sound = killed.killImage()
    assert.isTrue(opens(sound))
    const current = currentOn(killed)
    const isSpace = (operation: string): boolean =>
      operation === "append" || operation === "sync" || operation === "createAppend" || operation === "claim"
    let failures = 0
    for (const { index, operation } of sound.trace.filter((call) => isSpace(call.operation))) {
      const full = killed.killImage()
      full.fail({ from: index, code: "ENOSPC" })
      if (opens(full) || currentOn(full) !== current) continue
      failures++
      // It was the owner for a while; who could not become that has changed nothing.
      const left = operation === "claim" ? killed.files() : killed.files().filter((path) => !isOwner(path))
      assert.deepStrictEqual(full.files(), left, `${operation}, call ${index}`)
      assert.isTrue(opens(full))
    }
    assert.isAbove(failures, 5)
  })

  it("takes no more space with each time that it fails after CURRENT has moved", () => {
    const disk = SimulatedDisk.make()
    runSimulated(1, withStore(layer(disk), (store) => store.put(bytes("key"), bytes("value"))))
    for (const operation of ["createAppend", "append", "sync"] as const) {
      const full = disk.killImage()
      full.fail({
        when: (call) => call.operation === operation && call.path.endsWith(".seg"),
        times: Infinity,
        code: "ENOSPC"
      })
      const counts = Array.from({ length: 5 }, () => {
        assert.isFalse(opens(full))
        return full.files().length
      })
      assert.isAtMost(Math.max(...counts.slice(1)), counts[0]!, `${operation}: ${full.files().join(", ")}`)
    }
  })
})
