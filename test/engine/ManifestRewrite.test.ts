import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { SimulatedDisk } from "../../src/testing/index.ts"
import type { CrashMode, DiskCall } from "../../src/testing/index.ts"
import {
  bytesOf,
  contentOn,
  describeTaken,
  fileAt,
  filesOf,
  isManifest,
  isNumbered,
  runSeed,
  seeds,
  takeImages,
  withStore
} from "./harness.ts"

/** Keys so long that a few events that name them make the manifest long. */
const longKey = (at: number): Uint8Array => bytesOf(String(at).padStart(60_000, "k"))

/** Flushes until the manifest has been written anew, and a little longer. Tells what is acknowledged by then. */
const rewriteManifest = (disk: SimulatedDisk, written: { count: number }) =>
  withStore(disk, (store) =>
    Effect.gen(function*() {
      for (let left = 3; left > 0;) {
        yield* store.put(longKey(written.count), bytesOf("value"))
        written.count++
        yield* store.flush
        if (filesOf(disk).some((name) => isNumbered(name, "Manifest", 2))) left--
        assert.isBelow(written.count, 40)
      }
    }))

/** From the moment that the new manifest is made until the event that was waiting is in it. */
const duringRewrite = (): (call: DiskCall) => boolean => {
  let left = 0
  return (call) => {
    const wasRewriting = left > 0
    if (isManifest(call) && call.operation === "createAppend" && isNumbered(call.path, "Manifest", 2)) left = Infinity
    if (isManifest(call) && call.operation === "remove") left = 6
    left--
    return wasRewriting
  }
}

const randomly = Array.from({ length: 6 }, (): CrashMode => "random")

describe("A manifest that is written anew", () => {
  it.for(seeds(1))("I4, I7: loses nothing to a crash at any of its calls (seed %i)", (seed) => {
    const disk = SimulatedDisk.make({ seed })
    const written = { count: 0 }
    const taken = takeImages(disk, ["synced", "all", "kill", ...randomly], duringRewrite(), () => written.count)
    runSeed(rewriteManifest(disk, written), seed)
    assert.isAbove(taken.length, 60)
    for (const each of taken) {
      const content = runSeed(contentOn(each.image), seed)
      assert.isAtLeast(content.size, each.known, describeTaken(each))
      assert.isAtMost(content.size, each.known + 1, describeTaken(each))
    }
  })

  it("I11: replaces the old one on disk", () => {
    const disk = SimulatedDisk.make()
    const written = { count: 0 }
    runSeed(rewriteManifest(disk, written), 1)
    const manifests = filesOf(disk).filter((name) => fileAt(name)?._tag === "Manifest")
    assert.deepStrictEqual(manifests.map((name) => isNumbered(name, "Manifest", 2)), [true])
    assert.strictEqual(runSeed(contentOn(disk), 1).size, written.count)
  })

  it.for(seeds(2))(
    "I12: stops writes if it cannot be written, and the next recovery finds everything (seed %i)",
    (seed) => {
      for (const operation of ["createAppend", "append", "sync", "rename", "syncDirectory"] as const) {
        const disk = SimulatedDisk.make({ seed })
        const written = { count: 0 }
        const isDuring = duringRewrite()
        const fault = disk.fail({
          when: (call) => {
            const isOfRewrite = isDuring(call) || isNumbered(call.path, "Manifest", 2)
            // A flush may be going on: its own calls are left alone, but for those that do not tell whose they are.
            const isItsOwn = isManifest(call) || call.path.includes("CURRENT") || call.operation === "syncDirectory"
            return isOfRewrite && isItsOwn && call.operation === operation
          },
          times: Infinity,
          code: "ENOSPC"
        })
        const error = runSeed(Effect.flip(rewriteManifest(disk, written)), seed)
        fault.heal()
        assert.strictEqual(error._tag, "StoreReadOnly", operation)
        for (const each of [disk.crashImage("synced"), disk]) {
          const { size } = runSeed(contentOn(each), seed)
          assert.strictEqual(size, written.count, operation)
        }
      }
    }
  )
})
