/** A relative directory was looked up at each call: after a `chdir` the store's next file went somewhere else. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdirSync, readdirSync } from "node:fs"
import { NodeLsmStore } from "../../src/node/index.ts"
import { temporaryDirectory } from "../disk/temporaryDirectory.ts"
import { bytes, contentOf, failureOf, open, withStore } from "../store/storeHelpers.ts"

const changeDirectory = (directory: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const before = process.cwd()
      process.chdir(directory)
      return before
    }),
    (before) => Effect.sync(() => process.chdir(before))
  )

describe("a store in a relative directory", () => {
  it.effect("stays where it was opened when the working directory changes", () =>
    Effect.gen(function*() {
      const parent = yield* temporaryDirectory
      mkdirSync(`${parent}/elsewhere`)
      yield* changeDirectory(parent)
      for (const directory of ["plain", "./dotted", "elsewhere/../up"]) {
        yield* withStore(NodeLsmStore.layer({ directory }), (store) =>
          Effect.gen(function*() {
            yield* store.put(bytes("a"), bytes("1"))
            yield* Effect.scoped(Effect.andThen(
              changeDirectory(`${parent}/elsewhere`),
              Effect.gen(function*() {
                yield* store.flush
                yield* store.put(bytes("b"), bytes("1"))
                yield* store.compact()
              })
            ))
          }))
        assert.deepStrictEqual(yield* withStore(NodeLsmStore.layer({ directory }), contentOf), ["a=1", "b=1"])
      }
      assert.deepStrictEqual(readdirSync(`${parent}/elsewhere`), [])
    }))

  it.effect("is named in full by errors", () =>
    Effect.gen(function*() {
      const parent = yield* temporaryDirectory
      yield* changeDirectory(parent)
      const error = yield* failureOf(open(NodeLsmStore.layer({ directory: "missing/store" })))
      assert.include(error.message, `${parent}/missing/store`)
    }))
})
