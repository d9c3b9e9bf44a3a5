/** A directory that may not be written to, from the beginning or from some moment on. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { chmodSync, chownSync, mkdirSync } from "node:fs"
import { NodeLsmStore } from "../../src/node/index.ts"
import { temporaryDirectory } from "../disk/temporaryDirectory.ts"
import { imageOf } from "../store/imageOf.ts"
import { bytes, contentOf, open, refuses, withStore } from "../store/storeHelpers.ts"
import { converse } from "./converse.ts"
import { smallDisk } from "./smallDisk.ts"

describe("a disk that is mounted read-only", () => {
  it.live("is refused to writers, changes nothing, lets readers in, and heals when it is mounted otherwise", (context) =>
    Effect.gen(function*() {
      const disk = yield* smallDisk(context, 8 * 1024 * 1024)
      const layer = (name: string, readOnly = false) =>
        NodeLsmStore.layer({ directory: `${disk.path}/${name}`, readOnly, workers: 0 })
      mkdirSync(`${disk.path}/empty`)
      yield* withStore(layer("store"), (store) =>
        Effect.gen(function*() {
          yield* store.put(bytes("table"), bytes("1"))
          yield* store.flush
          yield* store.put(bytes("log"), bytes("1"))
        }))
      const before = imageOf(disk.path)

      disk.remount("ro")
      for (const name of ["store", "empty"]) {
        yield* refuses(Effect.scoped(open(layer(name))), "directory", /can't be written to \(EROFS\)/)
      }
      yield* refuses(Effect.scoped(open(layer("missing"))), "directory", /can't be created \(EROFS\)/)
      assert.deepStrictEqual(yield* withStore(layer("store", true), contentOf), ["log=1", "table=1"])
      assert.deepStrictEqual(imageOf(disk.path), before)

      disk.remount("rw")
      yield* withStore(layer("store"), (store) => store.put(bytes("log"), bytes("2")))
      assert.deepStrictEqual(yield* withStore(layer("store"), contentOf), ["log=2", "table=1"])
    }))
})

describe("a directory that becomes read-only under an open store", () => {
  it.live("I12: has a flush tried again, stops writes when the log needs it, and heals by reopening", () =>
    Effect.gen(function*() {
      const parent = yield* temporaryDirectory
      const directory = `${parent}/store`
      mkdirSync(directory)
      chmodSync(parent, 0o755)
      if (process.getuid?.() === 0) chownSync(directory, 65_534, 65_534)
      const { goOn, hear } = yield* converse(new URL("lostDirectory.ts", import.meta.url), [directory])
      const hears = (line: string, mode: number) =>
        Effect.gen(function*() {
          assert.strictEqual(yield* hear, line)
          chmodSync(directory, mode)
          yield* goOn
        })
      yield* hears("prepared", 0o555)
      yield* hears("a flush is tried again", 0o755)
      yield* hears("flushed", 0o555)
      yield* hears("failure", 0o755)
      assert.strictEqual(yield* hear, "whole")
    }))
})
