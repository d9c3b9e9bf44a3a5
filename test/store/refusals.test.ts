/** What a store says to mistakes that people make, so that they know what to do. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer } from "effect"
import { symlinkSync } from "node:fs"
import { pathToFileURL } from "node:url"
import { vi } from "vitest"
import { DiskError, InvalidArgument, StoreReadOnly, WriteBatch } from "../../src/index.ts"
import { NodeLsmStore } from "../../src/node/index.ts"
import { SimulatedDisk } from "../../src/testing/index.ts"
import { temporaryDirectory } from "../disk/temporaryDirectory.ts"
import { isSegment, runSeed, withStore } from "../engine/harness.ts"
import { bytes, freshDirectory } from "./storeHelpers.ts"

const refusalOf = (directory: string) =>
  Effect.scoped(Effect.flip(Layer.build(NodeLsmStore.layer({ directory, workers: 0 }))))

describe("A directory that will not do", () => {
  it.effect("is said to be a link that leads nowhere", () =>
    Effect.gen(function*() {
      const directory = `${yield* temporaryDirectory}/link`
      symlinkSync("nowhere", directory)
      const error = yield* refusalOf(directory)
      assert.instanceOf(error, InvalidArgument)
      assert.match(error.message, /is a link that leads nowhere/)
    }))

  it.effect("is said to be one that its file system does not take", () =>
    Effect.gen(function*() {
      const error = yield* refusalOf("/proc/effect-lsm")
      assert.instanceOf(error, InvalidArgument)
      assert.match(error.message, /can't be created: the file system of its parent takes no directories/)
    }))

  it.effect("is said to be a URL, given as a string", () =>
    Effect.gen(function*() {
      const error = yield* refusalOf(pathToFileURL("/tmp/store").href)
      assert.match(error.message, /fileURLToPath/)
    }))

  it.effect("is said to be a URL, given as one", () =>
    Effect.gen(function*() {
      const options: { readonly directory: string } = Object.assign({ directory: "" }, {
        directory: pathToFileURL("/tmp/store")
      }, undefined)
      const error = yield* Effect.scoped(Effect.flip(Layer.build(NodeLsmStore.layer(options))))
      assert.match(error.message, /fileURLToPath/)
    }))
})

describe("StoreLocked", () => {
  it.effect("names this process for another copy of the package in it, and says that LOCK is not to be deleted", () =>
    Effect.gen(function*() {
      const directory = yield* freshDirectory
      yield* Layer.build(NodeLsmStore.layer({ directory, workers: 0 }))
      vi.resetModules()
      const copy = yield* Effect.promise(() => import("../../src/node/index.ts"))
      assert.notStrictEqual(copy.NodeLsmStore, NodeLsmStore)
      const error = yield* Effect.scoped(
        Effect.flip(Layer.build(Layer.fresh(copy.NodeLsmStore.layer({ directory, workers: 0 }))))
      )
      assert.strictEqual(error._tag === "StoreLocked" ? error.holder : error._tag, "this process")
      assert.match(error.message, /do not delete/)
    }))
})

describe("DiskError", () => {
  it("says which flags Node's permission model wants", () => {
    const error = new DiskError({ operation: "createAppend", path: "/data/LOCK", code: "ERR_ACCESS_DENIED" })
    assert.match(error.message, /--allow-fs-read and --allow-fs-write .* --allow-worker .* no fsync/)
  })
})

describe("A batch", () => {
  it("whose group was not written is its owner's again", () => {
    const disk = SimulatedDisk.make()
    const batch = WriteBatch.make().put(bytes("a"), bytes("1"))
    const first = withStore(disk, (store) => {
      disk.fail({ when: (call) => isSegment(call) && call.operation === "append" })
      return Effect.flip(store.write(batch))
    })
    assert.instanceOf(runSeed(first, 1), StoreReadOnly)
    const second = withStore(disk, (store) => store.write(batch))
    assert.isAbove(runSeed(second, 1).sequence, 0)
  })

  it("that the log has taken is not its owner's again when the write is interrupted", () => {
    const disk = SimulatedDisk.make()
    const batch = WriteBatch.make().put(bytes("a"), bytes("1"))
    const program = withStore(disk, (store) =>
      Effect.gen(function*() {
        disk.fail({ when: (call) => isSegment(call) && call.operation === "sync", stall: "1 second" })
        const interrupted = yield* Effect.exit(Effect.timeout(store.write(batch), "100 millis"))
        const again = yield* Effect.flip(store.write(batch))
        yield* Effect.sleep("2 seconds")
        return { interrupted, again, found: yield* store.get(bytes("a")), records: (yield* store.stats).log.records }
      }))
    const { again, found, interrupted, records } = runSeed(program, 1)
    assert.isTrue(Exit.isFailure(interrupted))
    assert.instanceOf(again, InvalidArgument)
    assert.deepStrictEqual(found, bytes("1"))
    assert.strictEqual(records, 1)
  })
})
